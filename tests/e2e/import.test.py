#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`millrace import`: killed again and again, and every event counts once; what is wrong is told by file and line."""

import gzip
import json
import os
import random
import re
import signal
import subprocess
import time

from node import DIES_WITH_PARENT, MILLRACE, Node, check, check_equal, main, settings_only, test, until

ROW_COUNT = 30000
KILL_COUNT = 24
T0 = 1767225600000
SEED = 20260101


def number(text):
    return int(text.replace(',', ''))


def rows(count, tenant='shop', has_id=lambda i: i % 2 == 0):
    """Of people who come and go; every other one has no ID."""
    for i in range(count):
        row = {'tenant_id': tenant, 'event_type': 'page_view', 'event_time': T0 + i * 10,
               'anonymous_id': f'a-{i % 700}', 'page_url': f'/{i % 40}'}
        if has_id(i):
            row['event_id'] = f'e-{i}'
        if tenant is None:
            del row['tenant_id']
        yield row


def write(node, name, content, opener=open):
    """In the node's directory, which goes with it."""
    path = os.path.join(node.directory, name)
    if not isinstance(content, bytes):
        content = b''.join(json.dumps(row).encode() + b'\n' for row in content)
    with opener(path, 'wb') as file:
        file.write(content)
    return path


def position(path):
    """What was written down, by name; nothing yet: no lines."""
    try:
        with open(path + '.millrace-position', encoding='ascii') as file:
            return dict(line.rstrip('\n').split(' ', 1) for line in file if ' ' in line)
    except FileNotFoundError:
        return {'lines': '0'}


class Import:
    def __init__(self, node, *arguments, stdin=subprocess.DEVNULL):
        self.process = subprocess.Popen([*DIES_WITH_PARENT, MILLRACE, 'import', '--url', node.url, *arguments],
                                        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=settings_only())

    def end(self, want=0, seconds=50):
        """What it said; `counts` are those of its last line."""
        said, _ = self.process.communicate(timeout=seconds)
        check_equal(self.process.returncode, want, f'exit status; it said {said}')
        found = re.findall(r'([\d,]+) lines: accepted ([\d,]+), duplicates ([\d,]+), rejected ([\d,]+);', said)
        self.counts = dict(zip(('lines', 'accepted', 'duplicates', 'rejected'), map(number, found[-1]))) if found else {}
        return said

    def kill(self):
        self.process.kill()
        self.process.communicate()


def imports(node, *arguments, want=0, stdin=None):
    """Runs to its end. What it said, and its counts."""
    if stdin is not None:
        run = subprocess.run([MILLRACE, 'import', '--url', node.url, *arguments], input=stdin, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=50, env=settings_only(), check=False)
        check_equal(run.returncode, want, f'exit status; it said {run.stdout}')
        return run.stdout.decode()
    one = Import(node, *arguments)
    return one.end(want)


def total(node, tenant='shop', token=None):
    headers = {'content_type': 'application/json', **({'authorization': f'Bearer {token}'} if token else {})}
    answer = node.post('/graphql', {'query': '{ tenants { id totalEvents } }'}, **headers)
    found = {each['id']: each['totalEvents'] for each in answer.json()['data']['tenants']}
    return found.get(tenant, 0)


def import_and_kill(node, path, arguments, kills, dice):
    """As often; a little further each time. How often it was killed before its end."""
    killed = 0
    while killed < kills:
        began = int(position(path)['lines'])
        goal = began + dice.randrange(1, max(2, 2 * ROW_COUNT // (kills + 1) - 300))
        one = Import(node, *arguments, path)
        moment = dice.randrange(3)  # before anything, or some batches later
        until(lambda: one.process.poll() is not None or moment == 0 or int(position(path)['lines']) >= goal, 20,
              f'line {goal}')
        if one.process.poll() is not None:
            one.end()
            break
        one.kill()
        killed += 1
    return killed


@test(seconds=180)
def killed_again_and_again_it_counts_every_event_once():
    dice = random.Random(SEED)
    with Node('--shards', '2') as node:
        path = write(node, 'all.ndjson', rows(ROW_COUNT))
        killed = import_and_kill(node, path, ['--batch', '100'], KILL_COUNT, dice)
        check(killed >= 20, f'killed {killed} times only')
        one = Import(node, path)
        one.end()
        check_equal(one.counts['lines'], ROW_COUNT, 'lines')
        check_equal(one.counts['accepted'] + one.counts['duplicates'], ROW_COUNT, 'accepted and duplicates')
        # One was answered and not written down yet, the next was on its way.
        check(one.counts['duplicates'] <= killed * 200, f'{one.counts}: more than two batches for each kill')
        check_equal(total(node), ROW_COUNT, 'events of the node')


@test(seconds=120)
def of_a_compressed_file_too():
    dice = random.Random(SEED + 1)
    with Node() as node:
        path = write(node, 'all.ndjson.gz', rows(ROW_COUNT, has_id=lambda i: False), gzip.open)
        killed = import_and_kill(node, path, ['--batch', '300', '--quiet'], 8, dice)
        check(killed >= 5, f'killed {killed} times only')
        imports(node, path)
        check_equal(total(node), ROW_COUNT, 'events of the node')


@test(seconds=120)
def a_node_that_is_killed_meanwhile_is_waited_for():
    with Node('--shards', '1') as node:
        path = write(node, 'all.ndjson', rows(ROW_COUNT, has_id=lambda i: False))
        one = Import(node, '--batch', '50', path)
        for shards in '2', '1', '3':
            began = total(node)
            until(lambda: total(node) > began + 1000, 20, '1000 more events')
            node.kill()
            node.start('--shards', shards)
        one.end()
        check_equal(one.counts['accepted'] + one.counts['duplicates'], ROW_COUNT, 'accepted and duplicates')
        check_equal(total(node), ROW_COUNT, 'events of the node')


@test()
def what_is_wrong_is_told_by_line():
    good = [json.dumps(row).encode() for row in rows(20)]
    lines = [
        b'\xef\xbb\xbf' + good[0], b'', b'{"torn', good[1] + b'\r', b'[1,2', b'   \t', good[2], b'nonsense',
        b'{"tenant_id":"shop","event_type":"x"}', b'{"tenant_id":"shop","event_type":"x","anonymous_id":"' +
        b'y' * (1 << 20) + b'"}', good[3], b'{"z":"' + b'z' * 5000000, b'"x"}', good[4],
    ]
    with Node() as node:
        path = write(node, 'some.ndjson', b'\n'.join(lines))
        one = Import(node, path)
        said = one.end(1)
        check_equal(one.counts, {'lines': 14, 'accepted': 5, 'duplicates': 0, 'rejected': 7}, f'counts; it said {said}')
        told = re.findall(rf'^{re.escape(path)}:(\d+): (.+)$', said, re.MULTILINE)
        check_equal([int(line) for line, _ in told], [3, 5, 8, 9, 10, 12, 13], f'lines; it said {said}')
        check('one is needed' in dict(told)['9'], told)
        check('1 MiB' in dict(told)['10'], told)
        check_equal(total(node), 5, 'events of the node')
        check('was imported before' in imports(node, path, want=1), 'it was sent again')


@test()
def stretches_of_nonsense_stop_nothing():
    good = [json.dumps(row).encode() for row in rows(300)]
    with Node() as node:
        path = write(node, 'long.ndjson', b'\n'.join([*good[:150], *[b'{broken'] * 2500, *[b'nothing'] * 2500, *good[150:]]))
        one = Import(node, '--batch', '200', '--rejects', '3', path)
        said = one.end(1)
        check_equal(one.counts, {'lines': 5300, 'accepted': 300, 'duplicates': 0, 'rejected': 5000}, 'counts')
        check_equal(len(re.findall(rf'^{re.escape(path)}:\d+: ', said, re.MULTILINE)), 3, f'shown; it said {said}')
        check('rejected: 5000 in all' in said, said)
        check_equal(total(node), 300, 'events of the node')


@test()
def a_file_that_is_another_one_now_is_refused():
    with Node() as node:
        path = write(node, 'file.ndjson', rows(100))
        imports(node, path)
        check('was imported before' in imports(node, path), 'it was sent again')
        with open(path, 'ab') as file:
            file.write(json.dumps({'tenant_id': 'shop', 'event_type': 'x', 'user_id': 'u', 'event_id': 'n'}).encode())
        check('it has changed' in imports(node, path, want=1), 'a longer file was taken')
        check_equal(total(node), 100, 'events of the node')
        said = imports(node, '--restart', path)
        # Those without an ID are of another file now.
        check('accepted 51, duplicates 50' in said, said)
        imports(node, '--restart', '--tenant', 'other', path)
        check('its import went to' in imports(node, path, want=1), 'another target was taken')
        with open(path + '.millrace-position', 'r+b') as file:
            file.seek(30)
            file.write(b'9')
        check('not a position' in imports(node, path, want=1), 'a damaged position was taken')


@test()
def positions_may_be_elsewhere_and_must_be_somewhere():
    with Node() as node:
        path = write(node, 'file.ndjson', rows(100))
        state = os.path.join(node.directory, 'state')
        check('No such file' in imports(node, '--state', state, path, want=1), 'it began without a position')
        check_equal(total(node), 0, 'events of the node')
        os.mkdir(state)
        imports(node, '--state', state, path)
        check_equal([name[:12] for name in os.listdir(state)], ['file.ndjson-'], 'positions')
        check(not os.path.exists(path + '.millrace-position'), 'a position beside the file')
        check('was imported before' in imports(node, '--state', state, path), 'it was sent again')


@test()
def two_imports_of_a_file_do_not_meet():
    with Node() as node:
        path = write(node, 'file.ndjson', rows(ROW_COUNT))
        one = Import(node, '--batch', '10', path)
        until(lambda: int(position(path)['lines']) > 0, 20, 'a beginning')
        check('somebody else' in imports(node, path, want=1), 'a second one was let in')
        one.process.send_signal(signal.SIGINT)
        said = one.end(1)
        check('not done' in said and 'the same command goes on' in said, said)
        imports(node, path)
        check_equal(total(node), ROW_COUNT, 'events of the node')


@test()
def a_tenant_may_be_given():
    with Node() as node:
        path = write(node, 'file.ndjson', rows(50, tenant=None))
        check('tenant_id: missing' in imports(node, path, want=1), 'no tenant was needed')
        imports(node, '--restart', '--tenant', 'mine', path)
        check_equal(total(node, 'mine'), 50, 'events of the node')


@test()
def keys_open_the_door():
    with Node(starts=False) as node:
        key_file = write(node, 'key', b'# shop\nk-shop-1\n')
        write(node, 'token', b't-all\n')
        config = write(node, 'millrace.yaml', b'keys:\n  write:\n    - {key_file: key, tenant: shop}\n'
                                              b'  read:\n    - {token_file: token, tenants: [shop]}\n')
        node.start('--config', config)
        path = write(node, 'file.ndjson', rows(50))
        check('401' in imports(node, path, want=1), 'no key was needed')
        check('401' in imports(node, '--restart', '--key', 'k-other', path, want=1), 'any key was good')
        imports(node, '--restart', '--key-file', key_file, path)
        check_equal(total(node, token='t-all'), 50, 'events of the node')
        with open(path + '.millrace-position', encoding='ascii') as file:
            check('k-shop' not in file.read(), 'the key is in the position')


@test()
def standard_input_is_read_once():
    content = b''.join(json.dumps(row).encode() + b'\n' for row in rows(2500))
    with Node() as node:
        check('2,500 lines: accepted 2,500' in imports(node, '-', stdin=content), 'not all of it')
        # Again: those without an ID are new ones.
        check('accepted 1,250, duplicates 1,250' in imports(node, '-', stdin=gzip.compress(content)), 'not as it should')
        check_equal(total(node), 3750, 'events of the node')


@test()
def several_files_go_one_after_the_other():
    with Node() as node:
        first = write(node, 'first.ndjson', rows(100))
        last = write(node, 'last.ndjson', rows(100, tenant='other'))
        said = imports(node, first, os.path.join(node.directory, 'none.ndjson'), last, want=1)
        check('none.ndjson: No such file' in said, said)
        check_equal((total(node), total(node, 'other')), (100, 100), 'events of the node')


@test()
def a_file_that_ends_in_the_middle_is_not_done():
    with Node() as node:
        path = write(node, 'all.ndjson.gz', rows(20000), gzip.open)
        with open(path, 'r+b') as file:
            file.truncate(os.path.getsize(path) // 2)
        said = imports(node, path, want=1)
        check('ends in the middle' in said and 'not done' in said, said)


@test(seconds=90)
def a_node_that_takes_little_at_once_gets_little():
    dice = random.Random(SEED + 2)
    with Node(environment={'MILLRACE_NET_BODY_BYTES_MAX': '64KiB'}) as node:
        path = write(node, 'file.ndjson', rows(ROW_COUNT // 3))
        import_and_kill(node, path, ['--batch', '10000'], 5, dice)
        imports(node, path)
        check_equal(total(node), ROW_COUNT // 3, 'events of the node')
        check(int(position(path)['batch_bytes']) <= 64 << 10, f'limits: {position(path)}')


@test()
def a_node_that_says_later_is_asked_later():
    with Node(environment={'MILLRACE_INGEST_RATE_LIMIT': '2000'}) as node:
        path = write(node, 'file.ndjson', rows(7000))
        began = time.monotonic()
        imports(node, '--batch', '1000', path)
        check(time.monotonic() - began >= 1, 'it did not have to wait')
        check_equal(total(node), 7000, 'events of the node')


@test()
def wrong_words_are_status_2():
    with Node() as node:
        path = write(node, 'file.ndjson', rows(1))
        for arguments in ([], ['--nonsense', path], ['--tenant', 'no tenant', path], ['--batch', '0', path],
                          ['--key', 'a', '--tenant', 'b', path], ['--key', 'no\nkey', path], [path, '--key-file', 'none'],
                          ['--rejects', '-1', path], [path, '--state']):
            check('--help says more' in imports(node, *arguments, want=2), f'{arguments} were taken')
        imports(node, '--url', 'nowhere', path, want=2)
        check_equal(total(node), 0, 'events of the node')


main()
