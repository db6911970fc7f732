#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people see of the program: subcommands, exit statuses, settings, signals, and who may listen where."""

import os
import re
import signal
import socket
import tempfile
import threading

from node import (MILLRACE, STOP_SECONDS, Client, Died, Node, check, check_equal, event, free_port, lines, main, millrace, now_ms,
                  test, until)

SUBCOMMANDS = ['serve', 'produce', 'import', 'config', 'version']
LATER_SUBCOMMANDS = ['check']  # told of by --help once they are there
RESTART_COUNT = 3
METRIC = re.compile(r'# (HELP|TYPE) \w+ .+|\w+(\{([a-z_]+="[^"]*",?)*\})? [-+0-9.eNaInf]+')


def exits(want, *arguments, says=(), **options):
    """On standard error when it is refused, else on standard output."""
    status, out, err = millrace(*arguments, **options)
    told = f'millrace {" ".join(arguments)}: status {status}, {out}{err}'
    check_equal(status, want, told)
    for word in says:
        check(word in (err if want else out), f'no {word}: {told}')
    return out if want == 0 else err


@test()
def memory_is_given_back_as_the_program_says():
    with Node() as node:
        with open(f'/proc/{node.process.pid}/maps', encoding='utf-8') as maps, open(MILLRACE, 'rb') as program:
            is_checked = b'__asan_init' in program.read()
            check(is_checked or 'libjemalloc' in maps.read(), 'no jemalloc')


@test()
def every_subcommand_has_help():
    told = exits(0, '--help', says=SUBCOMMANDS)
    for name in SUBCOMMANDS + [name for name in LATER_SUBCOMMANDS if re.search(rf'^ +{name} ', told, re.MULTILINE)]:
        exits(0, name, '--help', says=[name])
    exits(0, 'serve', '--help', says=['--config', '--data', '--listen', '--shards', '--io', '--insecure'])
    exits(0, 'produce', '--help', says=['--url', '--rate', '--tenants', '--users', '--seed', '--from', '--to',
                                         '--hostile', '--print'])


@test()
def version_says_what_it_is():
    told = exits(0, 'version')
    check(re.search(r'\d+\.\d+\.\d+', told), f'no number: {told}')
    for word in 'io_uring', 'gcc':
        check(word in told, f'no {word}: {told}')


@test()
def wrong_usage_is_2():
    exits(2, says=['serve'])
    exits(2, 'nonsense', says=['nonsense'])
    exits(2, '--nonsense')
    for arguments in ('--nonsense', 'nonsense', '--shards', '--shards two', '--shards -1', '--shards 100000',
                      '--io kqueue', '--listen nonsense', '--listen 127.0.0.1:99999', '--listen 127.0.0.1:'):
        err = exits(2, 'serve', *arguments.split())
        check(len(err.strip()) > 0, f'serve {arguments}: it does not say why')
    exits(2, 'produce', '--nonsense')
    exits(2, 'version', '--nonsense')


@test()
def an_open_node_refuses_to_listen_on_more_than_loopback():
    for host in '0.0.0.0', '[::]', '192.0.2.1':
        status, _, err = millrace('serve', '--data', '/nonexistent/millrace', '--listen', f'{host}:0')
        check(status in (1, 2), f'{host}: status {status}')
        check('--insecure' in err, f'{host}: it does not say what to do: {err}')


@test()
def an_open_node_listens_everywhere_when_it_is_told_to():
    with Node(starts=False) as node:
        node.start('--listen', f'0.0.0.0:{node.port}', '--insecure')  # the later flag counts
        check_equal(node.get('/readyz').status, 200, 'on 127.0.0.1')
        check_equal(Client(node.port).get('/healthz').status, 200, 'healthz')
        with socket.create_connection(('127.0.0.2', node.port), timeout=5):
            pass


@test()
def a_second_node_is_refused_the_data_directory():
    with Node() as node, Node(starts=False, directory=node.data) as other:
        node.ingest([event('first', user_id='ada', event_id='1', event_time=now_ms())])
        try:
            other.start()
            raise AssertionError('it runs')
        except Died as died:
            check_equal(died.status, 1, 'exit status')
            check('data' in died.log and ('use' in died.log or 'lock' in died.log), f'it does not say why: {died.log}')
        check_equal(node.gql('{ tenants { totalEvents } }')['tenants'], [{'totalEvents': 1}], 'of the first node')


@test()
def a_second_node_is_refused_the_port():
    with Node() as node, Node(starts=False) as other:
        for shards in '1', '2':
            try:
                other.start('--listen', f'127.0.0.1:{node.port}', '--shards', shards)
                raise AssertionError('it runs')
            except Died as died:
                check_equal(died.status, 1, 'exit status')
                check('listen' in died.log, f'it does not say why: {died.log}')
        check_equal(node.get('/readyz').status, 200, 'of the first node')


@test()
def settings_come_from_the_file_then_the_environment_then_flags():
    with Node(starts=False) as node:
        path = os.path.join(node.directory, 'millrace.yaml')

        def shards(*arguments, **environment):
            node.environment = environment
            node.start('--config', path, *arguments)
            found = re.search(r'"shards": ?(\d+)', node.log())
            node.kill()
            return found and found[1]

        with open(path, 'w', encoding='ascii') as file:
            file.write('shards: 1\nsessions:\n  gap: 20m\n')
        check_equal(shards(), '1', 'shards of the file')
        check_equal(shards(MILLRACE_SHARDS='2'), '2', 'shards of the environment')
        check_equal(shards('--shards', '3', MILLRACE_SHARDS='2'), '3', 'shards of the flag')


@test()
def a_bad_file_of_settings_is_refused_with_the_line():
    with Node(starts=False) as node:
        path = os.path.join(node.directory, 'millrace.yaml')
        for text, words in [('shards: 1\n\nnonsense: 2\n', ['nonsense', '3']),
                            ('sessions:\n  gap: 30m\n  pause: 1s\n', ['pause', '3']),
                            ('shards: many\n', ['shards', '1']), ('shards: [1\n', [])]:
            with open(path, 'w', encoding='ascii') as file:
                file.write(text)
            try:
                node.start('--config', path)
                raise AssertionError(f'it runs with {text!r}')
            except Died as died:
                check(died.status in (1, 2), f'{text!r}: exit status {died.status}')
                check(all(word in died.log for word in words) and died.log, f'{text!r}: {died.log}')
        check(not os.path.exists(node.data), 'it made a data directory before it read its settings')


@test()
def config_checks_a_file_and_says_where_it_is_wrong():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'millrace.yaml')
        with open(os.path.join(directory, 'key'), 'w', encoding='ascii') as file:
            file.write('no good key\n')
        for text, words in [('sessions:\n  gap: 30m\n  horizn: 1h\n', [f'{path}:3', 'unknown key', 'sessions.horizon']),
                            ('shards: many\n', [f'{path}:1', 'shards']), ('\nlisten: 0.0.0.0:80\n', [f'{path}:2', 'listen']),
                            ('log:\n  block_bytes: 200001\n', [f'{path}:2', 'log.block_bytes']),
                            ('a: [\n', [f'{path}:1']), ('geoip: {database: /nowhere.mmdb}\n', [f'{path}:1', '/nowhere.mmdb']),
                            ('keys: {write: [{key_file: /nowhere, tenant: a}]}\n', [f'{path}:1', '/nowhere']),
                            (f'keys: {{write: [{{key_file: {directory}/key, tenant: a}}]}}\n', [f'{path}:1', 'line 1'])]:
            with open(path, 'w', encoding='ascii') as file:
                file.write(text)
            status, out, err = millrace('config', '--check', path)
            check_equal((status, out), (1, ''), f'{text!r}: {err}')
            check(all(word in err for word in words) and 'no good key' not in err, f'{words} of {text!r}: {err}')
        with open(path, 'w', encoding='ascii') as file:
            file.write('sessions:\n  gap: 20m\nshards: 2\n')
        check_equal(exits(0, 'config', '--check', path), f'{path}: good\n')
    exits(1, 'config', '--check', '/nowhere.yaml', says=['/nowhere.yaml', 'No such file'])
    exits(2, 'config', '--check', says=['--help'])
    exits(2, 'config', '--check', 'a', '--shards', '2', says=['alone'])
    exits(2, 'config', 'nonsense', says=['nonsense'])
    exits(1, 'config', '--shards', 'many', says=['--shards'])


@test()
def config_prints_what_holds_and_where_it_is_from():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'millrace.yaml')
        with open(path, 'w', encoding='ascii') as file:
            file.write('sessions:\n  gap: 20m\nio: epoll\nshards: 2\nidentity: {blocked: [nemo]}\n')
        environment = {'MILLRACE_IO': 'auto', 'MILLRACE_DEDUP_EVENTS': '2048', 'MILLRACE_SHRADS': '7',
                       'MILLRACE_PORT': 'tcp://10.0.0.1:8080', 'MILLRACE_BUILD': directory}
        status, out, err = millrace('config', '--config', path, '--shards', '3', '--insecure', environment=environment)
        check_equal(status, 0, err)
        for line in (f'  gap: 20m # file {path}:2', 'io: auto # environment MILLRACE_IO', 'shards: 3 # flag --shards',
                     'insecure: true # flag --insecure', '  events: 2048 # environment MILLRACE_DEDUP_EVENTS',
                     '  horizon: 1d # default', f'  blocked: ["nemo"] # file {path}:5', '  write: [] # default'):
            check(f'{line}\n' in out, f'no line {line} in {out}')
        for line in ('#      256  bodies that are being received (net.body_memory)',
                     '# What is in use, part by part: /metrics, millrace_memory_part_bytes.'):
            check(f'{line}\n' in out, f'no line {line} in {out}')
        check_equal(err, 'millrace: warning: MILLRACE_SHRADS is no setting; did you mean that of shards?\n'
                         'millrace: warning: MILLRACE_PORT is no setting\n', 'warnings')
        again = os.path.join(directory, 'again.yaml')
        with open(again, 'w', encoding='ascii') as file:
            file.write(out)
        told = exits(0, 'config', '--config', again)
        check_equal(re.sub(' # .*', '', told), re.sub(' # .*', '', out), 'what is printed, read and printed again')


@test()
def a_variable_that_is_no_setting_is_told_of_at_the_start():
    with Node(starts=False) as node:
        node.environment = {'MILLRACE_SESSION_GAP': '10m', 'MILLRACE_LONG': '1'}
        node.start()
        check('MILLRACE_SESSION_GAP is no setting; did you mean that of sessions.gap?' in node.log(), node.log())
        check('MILLRACE_LONG' not in node.log(), node.log())


@test()
def signals_stop_a_node_in_order_whatever_its_clients_do():
    with Node(starts=False) as node:
        for which in (signal.SIGTERM, signal.SIGINT) * 2:
            node.start()
            idle = [socket.create_connection(('127.0.0.1', node.port), timeout=5) for _ in range(20)]
            idle[0].sendall(b'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
            idle[1].sendall(b'GET /rea')
            node.process.send_signal(which)
            check_equal(node.ended(STOP_SECONDS), 0, f'exit status after {which.name}')
            node.close()
            for each in idle:
                each.close()


@test()
def stopping_loses_nothing_that_was_answered():
    """A client writes without a pause while the node is stopped, again and again."""
    answered = []
    is_over = threading.Event()

    def write(port):
        client = Client(port, seconds=5)
        number = 0
        while not is_over.is_set():
            number += 1
            made = event('stop', user_id=f'u{number % 7}', event_id=str(number), event_time=now_ms())
            try:
                if client.post('/v1/events', lines([made])).status == 200:
                    answered.append(number)
            except Client.Broken:
                continue

    with Node() as node:
        writer = threading.Thread(target=write, args=(node.port,), daemon=True)
        writer.start()
        try:
            for _ in range(RESTART_COUNT):
                begin = len(answered)
                until(lambda: len(answered) > begin + 50, 20, 'fifty events that are answered')
                node.stop()
                node.start()
        finally:
            is_over.set()
            writer.join()
        found = node.gql('{ tenant(id: "stop") { totalEvents } }')['tenant']['totalEvents']
        check(found >= len(answered), f'{len(answered)} were answered, {found} are there')
        for number in answered[::50] + answered[-1:]:
            got = node.gql('query($id: ID!) { event(tenantId: "stop", eventId: $id) { eventId } }', id=str(number))
            check(got['event'], f'{number} was answered, and is not there')


@test()
def health_readiness_and_metrics_are_told():
    with Node('--shards', '2') as node:
        check_equal(node.get('/healthz').status, 200, 'healthz')
        check_equal(node.get('/readyz').status, 200, 'readyz')
        node.ingest([event('m', user_id='ada', event_id=str(number), event_time=now_ms()) for number in range(7)])
        answer = node.get('/metrics')
        check_equal(answer.status, 200, 'metrics')
        check(answer.headers['content-type'].startswith('text/plain'), answer.headers['content-type'])
        text = answer.body.decode()
        for line in text.splitlines():
            check(METRIC.fullmatch(line), f'no metric: {line}')
        accepted = re.findall(r'^millrace_ingest_events_total\{.*outcome="accepted".*\} (\d+)$', text, re.MULTILINE)
        check_equal(sum(int(each) for each in accepted), 7, 'accepted, by the metrics')
        parts = re.findall(r'^millrace_memory_part_bytes\{part="(\w+)"\} (\d+)$', text, re.MULTILINE)
        check_equal([name for name, _ in parts], ['profiles', 'events', 'identifiers', 'duplicates', 'rest'], 'parts of memory')
        check(all(int(size) > 0 for name, size in parts if name in ('identifiers', 'duplicates', 'rest')), f'parts of memory: {parts}')


@test()
def an_empty_node_is_small_and_starts_quickly():
    """Looser than the goals of perf/, which measure; here a machine may be busy."""
    with Node('--shards', '2') as node:
        check(node.memory_bytes() < 100 << 20, f'{node.memory_bytes() >> 20} MiB of an idle node')


main()
