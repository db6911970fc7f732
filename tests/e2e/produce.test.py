#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`millrace produce` against a node that is killed under it: what it says was accepted is what is there.

And what it makes: the same bytes for the same seed, and each trick of --hostile as often as it says.
"""

import collections
import contextlib
import datetime
import http.server
import json
import re
import resource
import signal
import subprocess
import threading

from node import DIES_WITH_PARENT, MILLRACE, Node, check, check_equal, main, settings_only, test, until

RATE = 2000
TENANT_COUNT = 3
KILL_COUNT = 3
EVENT_COUNT_BETWEEN = RATE  # a second's
HISTORY = ['--from', '2026-03-02', '--to', '2026-03-05', '--users', '6000', '--seed', '21']
BLOCKED = {'', 'null', 'undefined', 'none', 'nil', 'nan', 'anonymous', 'unknown', 'guest', '0', '-1', 'true', 'false',
           '[object object]'}
TRICKS = ['duplicates', 'malformed', 'nobody', 'late', 'out of order', 'blocked ID', 'clock skew', 'shared device',
          'overlapping']


def total(node):
    """Of all tenants."""
    return sum(tenant['totalEvents'] for tenant in node.gql('{ tenants { totalEvents } }')['tenants'])


def wait_for_more_events(node):
    begin = total(node)
    until(lambda: total(node) > begin + EVENT_COUNT_BETWEEN, 20, f'{EVENT_COUNT_BETWEEN} more events')


def number(text):
    return int(text.replace(',', ''))


def meant(said):
    """What --hostile says of itself, by name."""
    found = re.search(r'meant: accepted ([\d,]+), duplicates ([\d,]+), rejected ([\d,]+); rows with (.*)', said)
    check(found, f'it does not say what was meant: {said}')
    counts = dict(zip(('accepted', 'duplicates', 'rejected'), map(number, found.groups()[:3])))
    tricks = {name: number(count) for name, count in re.findall(r'([a-zA-Z ]+?) ([\d,]+)(?:, |$)', found[4])}
    check_equal(sorted(tricks), sorted(TRICKS), 'tricks')
    return counts, tricks


def printed(*arguments):
    """What it prints, and what it says."""
    run = subprocess.run([MILLRACE, 'produce', '--print', *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                         timeout=60, env=settings_only(), check=False)
    check_equal(run.returncode, 0, f'exit status; it said {run.stderr}')
    return run.stdout, run.stderr.decode()


@contextlib.contextmanager
def recorder():
    """A server that says yes to everything; gives its URL, and the bodies that came."""
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        disable_nagle_algorithm = True

        def do_POST(self):
            body = self.rfile.read(int(self.headers['Content-Length']))
            bodies.append(body)
            count = len(body.splitlines())
            said = json.dumps({'success': True, 'accepted': count, 'duplicates': 0, 'rejected': []}).encode()
            self.send_response(200)
            self.send_header('Content-Length', str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f'http://127.0.0.1:{server.server_address[1]}', bodies
        server.shutdown()
        thread.join()


def recorded(*arguments):
    with recorder() as (url, bodies):
        run = subprocess.run([MILLRACE, 'produce', '--url', url, *arguments], stdin=subprocess.DEVNULL,
                             capture_output=True, timeout=60, env=settings_only(), check=False)
        check_equal(run.returncode, 0, f'exit status; it said {run.stderr}')
        return b''.join(bodies)


class Producer:
    """It runs within `with`; `said` is what it said until its end."""

    def __init__(self, node, *arguments):
        self.process = subprocess.Popen([*DIES_WITH_PARENT, MILLRACE, 'produce', '--url', node.url, *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=settings_only())

    def end(self, which=None, seconds=20):
        """The counts of its last line, by name; `said` is all that it said."""
        if which is not None:
            self.process.send_signal(which)
        said, _ = self.process.communicate(timeout=seconds)
        self.said = said
        check_equal(self.process.returncode, 0, f'exit status; it said {said}')
        found = re.search(r'sent ([\d,]+) events .* accepted ([\d,]+), duplicates ([\d,]+), rejected ([\d,]+)', said)
        check(found, f'no counts in {said}')
        counts = [int(each.replace(',', '')) for each in found.groups()]
        # Stopped while a request waited to be sent again, it says how many events that leaves open.
        open_ones = re.search(r'not answered: ([\d,]+) events', said)
        counts.append(int(open_ones[1].replace(',', '')) if open_ones else 0)
        return dict(zip(('sent', 'accepted', 'duplicates', 'rejected', 'open'), counts))

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        if self.process.poll() is None:
            self.process.kill()
            print(f'-- the producer said: {self.process.communicate()[0]}')


@test()
def a_node_with_keys_gets_each_tenants_events_with_its_key():
    node = Node(starts=False)
    try:
        for name, text in ('shop', 'k-shop'), ('blog', 'k-blog'), ('reader', 'r-all'):
            with open(f'{node.directory}/{name}', 'w', encoding='ascii') as file:
                file.write(f'{text}\n')
        node.environment = {'MILLRACE_KEYS_WRITE': '[{key_file: shop, tenant: shop}, {key_file: blog, tenant: blog}]',
                            'MILLRACE_KEYS_READ': '[{token_file: reader, tenants: ["*"]}]'}
        node.start('--shards', '2')
        with open(f'{node.directory}/keys', 'w', encoding='ascii') as file:
            file.write('# of the demo\nshop: k-shop\nblog: k-blog\n')

        def totals():
            answer = node.post('/graphql', {'query': '{ tenants { id totalEvents } }'}, content_type='application/json',
                               authorization='Bearer r-all').json()
            return {row['id']: row['totalEvents'] for row in answer['data']['tenants']}

        def made(*arguments):
            with Producer(node, '--key-file', f'{node.directory}/keys', *arguments) as producer:
                counts = producer.end()
                check(' k-' not in producer.said, 'it says a key')
                return counts, producer.said

        counts, _ = made('--rate', '0', '--count', '20000', '--connections', '3')
        check_equal((counts['accepted'], counts['open']), (20000, 0), 'as fast as it can')
        check_equal((sum(totals().values()), set(totals())), (20000, {'shop', 'blog'}), 'tenants')
        check(totals()['shop'] > totals()['blog'] > 0, f'their sizes: {totals()}')
        counts, _ = made('--rate', '500', '--duration', '2s')
        check_equal((counts['accepted'], counts['open']), (counts['sent'], 0), 'by a rate')
        counts, _ = made('--from', '2026-01-01', '--to', '2026-01-03', '--users', '500')
        check_equal((counts['accepted'], counts['open']), (counts['sent'], 0), 'history')
        counts, said = made('--rate', '0', '--count', '20000', '--hostile')
        check_equal({name: counts[name] for name in ('accepted', 'duplicates', 'rejected')}, meant(said)[0], 'hostile')
        with open(f'{node.directory}/keys', 'a', encoding='ascii') as file:
            file.write('other: k-wrong\n')
        run = subprocess.run([MILLRACE, 'produce', '--url', node.url, '--key-file', f'{node.directory}/keys', '--count', '1000'],
                             capture_output=True, text=True, timeout=20, env=settings_only(), check=False)
        check_equal(run.returncode, 1, f'with a key that is none: {run.stderr}')
        check('401' in run.stderr and 'k-wrong' not in run.stderr, run.stderr)
    except BaseException:
        node.discard(has_failed=True)
        raise
    node.discard()


@test()
def what_was_produced_is_there_once_though_the_node_was_killed():
    with Node('--shards', '2') as node, Producer(node, '--rate', f'{RATE}/s', '--tenants', str(TENANT_COUNT), '--users',
                                                 '500', '--seed', '7') as producer:
        for number in range(KILL_COUNT):
            wait_for_more_events(node)
            node.kill()
            node.start('--shards', str(number % 3 + 1))
        wait_for_more_events(node)
        counts = producer.end(signal.SIGINT)
        check_equal(counts['rejected'], 0, 'rejected')
        # A duplicate is an event that was durable when the node was killed, and was not answered before.
        answered = counts['accepted'] + counts['duplicates']
        check_equal(answered + counts['open'], counts['sent'], 'accepted, duplicates and open ones')
        check(answered <= total(node) <= counts['sent'], f'events of the node: {total(node)}; {counts}')
        tenants = node.gql('{ tenants { id totalEvents totalProfiles } }')['tenants']
        check_equal(len(tenants), TENANT_COUNT, 'tenants')
        check(all(tenant['totalProfiles'] > 0 for tenant in tenants), f'a tenant without people: {tenants}')


@test()
def a_seed_fixes_the_events_and_their_ids():
    with Node() as node:
        arguments = ['--rate', '0', '--count', '3000', '--seed', '11', '--users', '100', '--quiet']
        with Producer(node, *arguments) as producer:
            counts = producer.end()
            check_equal((counts['sent'], counts['accepted'], counts['duplicates']), (3000, 3000, 0), 'the first time')
        with Producer(node, *arguments) as producer:
            counts = producer.end()
            check_equal((counts['sent'], counts['accepted'], counts['duplicates']), (3000, 0, 3000), 'the second time')
        check_equal(total(node), 3000, 'events of the node')


@test()
def a_producer_without_a_node_waits_for_one():
    with Node(starts=False) as node:
        with Producer(node, '--rate', '0', '--count', '500') as producer:
            node.start()
            check_equal(producer.end()['accepted'], 500, 'accepted')
        check_equal(total(node), 500, 'events of the node')


@test()
def a_quiet_producer_sleeps_until_an_event_is_due():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with recorder() as (url, bodies):
        run = subprocess.run([MILLRACE, 'produce', '--url', url, '--rate', '20/s', '--duration', '3s', '--users', '100',
                              '--quiet'], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=settings_only(),
                             check=False)
        check_equal(run.returncode, 0, f'exit status; it said {run.stderr}')
        check(len(bodies) > 10, f'{len(bodies)} bodies')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    check(used < 0.5, f'{used} s of CPU in 3 s')


@test()
def history_is_the_same_bytes_each_time_however_it_leaves():
    for tricks in [], ['--hostile']:
        first, _ = printed(*HISTORY, *tricks)
        check(first.count(b'\n') > 20000, f'only {first.count(b"x")} rows')
        check(printed(*HISTORY, *tricks)[0] == first, f'{tricks}: printed again it differs')
        check(recorded(*HISTORY, *tricks) == first, f'{tricks}: sent it differs')
        check(recorded(*HISTORY, *tricks, '--batch', '77') == first, f'{tricks}: sent in small batches it differs')
        check(printed(*HISTORY, *tricks, '--seed', '22')[0] != first, f'{tricks}: another seed makes the same')


@test()
def history_is_in_order_and_within_its_time():
    rows = printed(*HISTORY)[0].splitlines()
    times = [json.loads(row)['event_time'] for row in rows]
    check_equal(times, sorted(times), 'times')
    check(times[0] >= '2026-03-02T00:00' and times[-1] < '2026-03-05T00:00', f'{times[0]} to {times[-1]}')


@test()
def with_the_clock_a_seed_fixes_everything_but_times():
    def rows(seed):
        text, _ = printed('--rate', '0', '--count', '5000', '--seed', seed, '--hostile')
        # Of rows that are sent twice the second is the first, whose time is another one by now.
        return re.sub(rb'"event_time":"2[^"]*"', b'', text)

    first = rows('5')
    check(rows('5') == first, 'it differs')
    check(rows('6') != first, 'another seed makes the same')


def seconds_of(row):
    return datetime.datetime.fromisoformat(row['event_time'].replace('Z', '+00:00')).timestamp()


@test()
def each_hostile_trick_is_in_the_stream_as_often_as_said():
    text, said = printed('--from', '2026-03-02', '--to', '2026-03-04', '--users', '30000', '--seed', '8', '--hostile')
    counts, tricks = meant(said)
    seen = set()
    found = collections.Counter()
    newest = 0
    people_of = collections.defaultdict(set)
    last_visits = collections.defaultdict(list)
    for line in text.splitlines():
        if line in seen and b'event_id' in line and line.endswith(b'}'):  # two may be torn at the same place
            found['duplicates'] += 1
            continue
        seen.add(line)
        try:
            row = json.loads(line)
            is_event = isinstance(row, dict) and 'event_id' in row
        except ValueError:
            is_event = False
        if not is_event:
            found['rejected'] += 1
            continue
        found['accepted'] += 1
        is_named = row.get('user_id', '').strip().lower() not in BLOCKED
        found['blocked ID'] += 'user_id' in row and not is_named
        behind = newest - seconds_of(row)
        newest = max(newest, seconds_of(row))
        found['behind'] += behind > 60
        found['a little behind'] += 0 < behind <= 50
        if is_named:
            people_of[row['anonymous_id']].add(row['user_id'])
            visits = last_visits[row['user_id']]
            found['overlapping'] += row['session_id'] in visits[:-1]
            if row['session_id'] not in visits:
                visits.append(row['session_id'])
    for name in 'accepted', 'duplicates', 'rejected':
        check_equal(found[name], counts[name], name)
    check_equal(tricks['malformed'] + tricks['nobody'], counts['rejected'], 'rejected')
    check_equal(tricks['duplicates'], counts['duplicates'], 'duplicates')
    check_equal(found['blocked ID'], tricks['blocked ID'], 'blocked ID')
    # Where hardly anybody is awake, the newest time is itself some seconds old.
    late = tricks['late'] + tricks['clock skew']
    check(late * 0.9 <= found['behind'] <= late, f'{found["behind"]} late ones, {late} meant')
    check(tricks['out of order'] * 0.5 <= found['a little behind'], f'{found["a little behind"]}, {tricks}')
    check(any(len(people) > 1 for people in people_of.values()), 'no device was shared')
    check(found['overlapping'] > 20, f'{found["overlapping"]} overlapping')
    check(min(tricks.values()) > 100, f'a trick is hardly there: {tricks}')


@test()
def a_node_counts_what_hostile_people_meant():
    with Node('--shards', '2') as node:
        arguments = ['--users', '3000', '--tenants', '2', '--hostile', '--quiet']
        with Producer(node, '--rate', '0', '--count', '30000', '--seed', '31', *arguments) as producer:
            live = producer.end()
            check_equal(live, {'sent': live['sent'], 'open': 0, **meant(producer.said)[0]}, 'live')
        with Producer(node, '--from', '2026-03-02', '--to', '2026-03-05', '--seed', '32', *arguments) as producer:
            history = producer.end()
            check_equal(history, {'sent': history['sent'], 'open': 0, **meant(producer.said)[0]}, 'history')
        check_equal(total(node), live['accepted'] + history['accepted'], 'events of the node')
        for name in 'duplicates', 'rejected':
            check(live[name] > 0 and history[name] > 0, f'no {name}: {live} {history}')
        metrics = node.get('/metrics').body.decode()
        for name, outcome in ('accepted', 'accepted'), ('duplicates', 'duplicate'), ('rejected', 'rejected'):
            found = re.search(r'^millrace_ingest_events_total{outcome="%s"} (\d+)' % outcome, metrics, re.MULTILINE)
            check(found, f'no metric of {outcome} events')
            check_equal(int(found[1]), live[name] + history[name], f'{name}, by the metric')


@test()
def rejects_of_hostile_rows_are_listed_one_by_one():
    text, said = printed('--from', '2026-03-02', '--to', '2026-03-03', '--users', '6000', '--seed', '33', '--hostile')
    counts, _ = meant(said)
    rows = text.splitlines(keepends=True)
    found = collections.Counter()
    with Node() as node:
        for at in range(0, len(rows), 500):
            answer = node.post('/v1/events', b''.join(rows[at:at + 500]))
            check_equal(answer.status, 200, f'status; it said {answer}')
            found['accepted'] += answer.json()['accepted']
            found['duplicates'] += answer.json()['duplicates']
            found['rejected'] += len(answer.json()['rejected'])
            check(all(each['error'] for each in answer.json()['rejected']), 'a reject without a reason')
        check_equal(dict(found), counts, 'counts')
        check_equal(total(node), counts['accepted'], 'events of the node')


@test()
def history_is_all_accepted_and_can_be_stopped():
    with Node() as node:
        with Producer(node, *HISTORY) as producer:
            counts = producer.end(seconds=60)
            check(counts['sent'] > 20000, f'only {counts}')
            check_equal(counts['accepted'], counts['sent'], 'accepted')
        check_equal(total(node), counts['sent'], 'events of the node')
        before = total(node)
        with Producer(node, *HISTORY, '--seed', '23', '--users', '10000000') as producer:
            until(lambda: total(node) > before, 20, 'the first of them')
            counts = producer.end(signal.SIGINT)
            check_equal(total(node), before + counts['accepted'], 'events of the node')


@test()
def without_a_rate_it_is_as_busy_as_the_hour():
    with Node() as node, Producer(node, '--count', '40') as producer:
        check_equal(producer.end()['accepted'], 40, 'accepted')


main()
