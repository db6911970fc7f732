#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""After its start a node's own code asks the system for no memory: not in core, storage, shards and query.

Foreign libraries do, and net for connections. malloc_watch.c counts who calls malloc, and the program's debugging
information says where that is.
"""

import collections
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading

from node import HERE, MILLRACE, Client, Node, Skipped, check, check_equal, event, main, millrace, test, until

OWN = ('core/', 'storage/', 'shards/', 'query/')
QUERIES = [
    '{ tenants { id totalEvents totalProfiles activeSessions watermark } }',
    '{ profiles(tenantId: "acme", first: 200, orderBy: TOTAL_EVENTS_DESC) { totalCount nodes { canonicalId userId traits '
    'sessions(first: 20) { nodes { pages } } events(first: 20) { nodes { eventId properties } } } } }',
    '{ events(tenantId: "acme", first: 1000) { edges { cursor node { eventId properties canonicalId session { sessionId } } } } }',
    '{ sessions(tenantId: "acme", first: 900) { nodes { sessionId pages canonicalId } } }',
    '{ merges(tenantId: "acme", first: 900) { nodes { loser winner } } }',
    '{ breakdown(tenantId: "acme", metric: USERS, by: PAGE_URL, from: "2020-01-01T00:00:00Z", to: "2030-01-01T00:00:00Z", '
    'first: 100) { key value } }',
    '{ timeSeries(tenantId: "acme", metric: USERS, interval: DAY, from: "2026-01-01T00:00:00Z", to: "2026-12-31T00:00:00Z") '
    '{ time value } }',
    '{ summary(tenantId: "acme", from: "2020-01-01T00:00:00Z", to: "2030-01-01T00:00:00Z") { users sessions events } }',
    '{ __schema { types { name fields { name type { name } } } } }',
    '{ nothing }', '{', 'query ($x: Int) { tenants { id } }',
]


def compiled(directory):
    compiler = shutil.which('cc')
    if not compiler or not shutil.which('addr2line'):
        raise Skipped('no C compiler here, or no addr2line')
    library = os.path.join(directory, 'malloc_watch.so')
    subprocess.run([compiler, '-shared', '-fPIC', '-O1', '-D_GNU_SOURCE', '-o', library,
                    os.path.join(HERE, 'malloc_watch.c'), '-ldl'], check=True)
    return library


def calls(node, said):
    """Who has asked since it was told to forget: source file and line -> how often."""
    os.kill(node.process.pid, signal.SIGUSR2)
    until(lambda: os.path.exists(said) and open(said, encoding='ascii').read().endswith('end\n'), 10, 'what it counted')
    with open(said, encoding='ascii') as file:
        counts = [line.split() for line in file.read().splitlines()[:-1]]
    os.unlink(said)
    if not counts:
        return {}
    # A call returns behind itself; with -i the places that were inlined there come too, the innermost first.
    places = subprocess.run(['addr2line', '-i', '-p', '-e', MILLRACE, *[hex(int(at, 16) - 1) for at, _ in counts]],
                            capture_output=True, text=True, check=True).stdout
    places = re.sub(r'\n \(inlined by\) ', ' < ', places).splitlines()
    check_equal(len(places), len(counts), 'places')
    found = collections.Counter()
    for place, (_, count) in zip(places, counts):
        # Whatever folder it was built in; foreign inline functions stay as they are.
        files = [re.sub(r'^.*/(?=(?:core|storage|shards|query|net)/\w+\.\w+:)', '', each).split(' ')[0]
                 for each in place.split(' < ')]
        found[' < '.join(files)] += int(count)
    return found


def work(node):
    """Everything that one does with a node."""
    status, _, said = millrace('produce', '--url', node.url, '--rate', '0', '--tenants', '1', '--count', '60000', '--hostile',
                               '--users', '3000', '--seed', '7', seconds=60)
    check_equal(status, 0, said)
    for number in range(3):
        node.ingest([event('acme', user_id=f'u{number}-{index}', anonymous_id=f'a{index}', properties={'x': 'y' * 60_000})
                     for index in range(60)])
    check(node.post('/v1/events', b'{').status == 400, 'no JSON')

    def ask():
        client = Client(node.port)
        for query in QUERIES * 3:
            client.post('/graphql', {'query': query}, content_type='application/json')
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def own_calls(*arguments):
    with tempfile.TemporaryDirectory() as directory:
        said = os.path.join(directory, 'said')
        library = compiled(directory)
        environment = {'LD_PRELOAD': library, 'MALLOC_WATCH': said}
        with Node('--shards', '2', *arguments, environment=environment) as node:
            started = calls(node, said)
            check(any(place.startswith('shards/') for place in started), f'nobody asked at its start, so we do not see: {started}')
            os.kill(node.process.pid, signal.SIGUSR1)
            work(node)
            found = calls(node, said)
            check(any(place.startswith('net/') for place in found), f'no connection was counted: {found}')
            return {place: count for place, count in found.items() if place.startswith(OWN)}


@test(120)
def our_own_code_asks_for_no_memory_after_the_start():
    check_equal(own_calls(), {}, 'who asked')


@test(120)
def nor_does_it_without_io_uring():
    check_equal(own_calls('--io', 'epoll'), {}, 'who asked')


main()
