# SPDX-License-Identifier: Apache-2.0
"""node - a node of one's own, for end-to-end tests

    from node import Node, test, main

    @test()
    def an_event_is_found():
        with Node('--shards', '2') as node:
            node.ingest([event('shop', user_id='ada', event_id='1')])
            node.kill()
            node.start('--shards', '3')
            check_equal(node.gql('{tenants{id totalEvents}}')['tenants'], [{'id': 'shop', 'totalEvents': 1}])

    main()

A node listens on a port of its own and keeps its data under build/e2e, so on a real disk. It dies with the thread
that started it, whatever happens to that one. When a test fails, the tail of its node's log is printed and
the data stays; the environment's MILLRACE_... settings never reach a node. Names of tests on the command line run only
those that contain them.
"""

import contextlib
import ctypes
import datetime
import http.client
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('MILLRACE_BUILD') or os.path.join(ROOT, 'build')
MILLRACE = os.environ.get('MILLRACE') or os.path.join(BUILD, 'release', 'millrace')
IS_LONG = '--long' in sys.argv or os.environ.get('MILLRACE_LONG', '0') not in ('', '0')

# Not where the kernel takes ports of outgoing connections from: one of those must not sit on a dead node's port.
PORT_MIN = 10000
PORT_MAX = 32000
READY_SECONDS = 20
STOP_SECONDS = 12  # the interface says 10
LOG_LINES_SHOWN = 30
IDLE_FILES_LEFT = 500  # of those that a process may have open
PR_SET_PDEATHSIG = 1
DIES_WITH_PARENT = ('setpriv', '--pdeathsig', 'KILL', '--')

HOUR = 3600_000
DAY = 24 * HOUR


class Skipped(Exception):
    """Its text is why."""


class TookTooLong(BaseException):
    """The test did; not an Exception, so that no helper takes it for its own."""


class Refused(Exception):
    """What the node said to a query."""


class Died(Exception):
    """The node ended before it was ready."""

    def __init__(self, status, log):
        super().__init__(f'the node ended with status {status}: {log[-2000:]}')
        self.status = status
        self.log = log


def die_with_parent():
    """In a child that stays Python, and on SIGTERM too; for another program there is DIES_WITH_PARENT."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def until(question, seconds, what):
    """The first true answer. Asks every few milliseconds, and fails after the seconds."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f'waited {seconds} s for {what}')
        time.sleep(0.003)


def check(condition, *said):
    if not condition:
        raise AssertionError(' '.join(str(each) for each in said))


def check_equal(got, want, what=''):
    if got != want:
        raise AssertionError(f'{what}{": " if what else ""}want {short(want)}, got {short(got)}')


def short(value, limit=600):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else f'{text[:limit]} ... ({len(text)} characters)'


def now_ms():
    return time.time_ns() // 1_000_000


def rfc3339(ms):
    """As the node writes times."""
    at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return f'{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z'


def event(tenant, event_type='page_view', **fields):
    return {'tenant_id': tenant, 'event_type': event_type, **fields}


def lines(events):
    return ''.join(json.dumps(each) + '\n' for each in events).encode()


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            raise AssertionError(f'status {self.status}, and no JSON: {short(self.body)}') from None

    def __repr__(self):
        return f'{self.status} {short(self.body, 300)}'


class Client:
    """A connection that is kept, and made anew after it broke. One thread at a time.

    request() raises OSError or http.client.HTTPException (together: Client.Broken) when there is no answer.
    """

    Broken = (OSError, http.client.HTTPException)

    def __init__(self, port, seconds=30):
        self.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=seconds)

    def request(self, method, path, body=None, headers=None):
        try:
            self.connection.request(method, path, body, headers or {})
            with self.connection.getresponse() as response:
                return Answer(response.status, response.headers, response.read())
        except BaseException:
            self.close()
            raise

    def get(self, path, **headers):
        return self.request('GET', path, headers=headers)

    def post(self, path, body, **headers):
        """A body that is not bytes is sent as JSON. Underscores in header names are hyphens."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request('POST', path, body, {name.replace('_', '-'): value for name, value in headers.items()})

    def ingest(self, events, path='/v1/events'):
        """All are accepted, once, now."""
        answer = self.post(path, lines(events) if path == '/v1/events' else events)
        check_equal(answer.status, 200, f'status of {path}, which said {answer}')
        said = answer.json()
        check_equal((said['success'], said['rejected']), (True, []), f'answer of {path}')
        check_equal((said['accepted'], said['duplicates']), (len(events), 0), 'accepted and duplicates')

    def gql(self, query, **variables):
        """The data; Refused when there are errors."""
        answer = self.post('/graphql', {'query': query, 'variables': variables}, content_type='application/json')
        said = answer.json()
        if answer.status != 200 or said.get('errors'):
            raise Refused(f'{answer} to {short(variables)} and {short(" ".join(query.split()), 200)}')
        return said['data']

    def close(self):
        self.connection.close()


class Node(Client):
    """A running node, and a client of it. `wrapper` is a command in front of the program."""

    def __init__(self, *arguments, directory=None, wrapper=(), environment=None, starts=True):
        self.port, self.port_mark = free_port()
        super().__init__(self.port)
        os.makedirs(os.path.join(BUILD, 'e2e'), exist_ok=True)
        program = os.path.basename(sys.argv[0]).split('.')[0] or 'node'
        self.directory = tempfile.mkdtemp(prefix=f'{program}-', dir=os.path.join(BUILD, 'e2e'))
        self.data = directory or os.path.join(self.directory, 'data')
        self.environment = environment or {}
        self.wrapper = wrapper
        self.process = None
        self.log_start = 0
        if starts:
            try:
                self.start(*arguments)
            except BaseException:
                self.discard(has_failed=True)
                raise

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    @property
    def log_path(self):
        return os.path.join(self.directory, 'log')

    def start(self, *arguments, waits=True):
        """Ready when it returns, unless it is not to wait."""
        check(self.process is None, 'the node runs already')
        self.log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(
                [*DIES_WITH_PARENT, *self.wrapper, MILLRACE, 'serve', '--data', self.data,
                 '--listen', f'127.0.0.1:{self.port}', *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.directory, env=settings_only(MILLRACE_LOG_FORMAT='json', **self.environment))
        if waits:
            self.wait_ready()

    def is_ready(self):
        status = self.process.poll()
        if status is not None:
            self.process = None
            raise Died(status, self.log())
        try:
            return self.get('/readyz').status == 200
        except Client.Broken:
            return False

    def wait_ready(self, seconds=READY_SECONDS):
        until(self.is_ready, seconds, 'a node that is ready')

    def ended(self, seconds=READY_SECONDS):
        """Waits for the end of a node that ends by itself; its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f'the node did not end within {seconds} s') from None
        finally:
            self.process = None

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process = None
        self.close()

    def stop(self):
        """SIGTERM; it ends well, and in time."""
        self.close()
        self.process.terminate()
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f'SIGTERM, and not ended after {STOP_SECONDS} s') from None
        self.process = None
        check_equal(status, 0, 'exit status after SIGTERM')

    def log(self):
        """Of the last start."""
        with open(self.log_path, 'rb') as log:
            log.seek(self.log_start)
            return log.read().decode(errors='replace')

    def memory_bytes(self, name='VmRSS'):
        """Resident now; VmHWM: the most so far."""
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as status:
            return int(re.search(rf'{name}:\s+(\d+) kB', status.read())[1]) * 1024

    def discard(self, has_failed=False):
        if self.process is not None:
            status = self.process.poll()
            if status is not None:
                print(f'-- the node had ended with status {status}')
                has_failed = True
            self.kill()
        self.port_mark.close()
        if has_failed:
            print(f'-- the data is in {self.directory}; the end of the log:')
            print('\n'.join(f'-- {line}' for line in self.log().splitlines()[-LOG_LINES_SHOWN:]))
        else:
            shutil.rmtree(self.directory)

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        self.discard(has_failed=problem is not None and not (kind is SystemExit and problem.code == 0))


class Idle:
    """Connections of clients that say nothing, and stay. `count` is fewer than asked for where we may not have so many."""

    def __init__(self, port, count):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.count = min(count, hard - IDLE_FILES_LEFT) if hard != resource.RLIM_INFINITY else count
        self.streams = [socket.create_connection(('127.0.0.1', port), timeout=20) for _ in range(self.count)]

    def closed_count(self):
        """How many have been closed by the node."""
        poller = select.poll()
        for stream in self.streams:
            poller.register(stream, select.POLLIN)
        return len(poller.poll(0))

    def close(self):
        for stream in self.streams:
            stream.close()


def free_port():
    """A port nobody listens on, and a mark that keeps other tests from it while the node is down."""
    for _ in range(1000):
        port = random.randrange(PORT_MIN, PORT_MAX)
        mark = socket.socket(socket.AF_UNIX)
        with contextlib.ExitStack() as stack:
            stack.callback(mark.close)
            try:
                mark.bind(f'\0millrace-e2e-{port}')
                with socket.socket() as probe:
                    probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            stack.pop_all()
            return port, mark
    raise AssertionError('no port is free')


@contextlib.contextmanager
def file_system(kind, directory, options='defaults'):
    """A command in front of programs that see it mounted there; nobody else does."""
    os.makedirs(directory)
    rights = [] if os.geteuid() == 0 else ['--user', '--map-root-user']
    holder = subprocess.Popen([*DIES_WITH_PARENT, 'unshare', *rights, '--mount', 'sh', '-c',
                               'mount -t "$1" -o "$3" "$1" "$2" && echo mounted && exec cat', 'sh',
                               kind, directory, options],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if holder.stdout.readline() != 'mounted\n':
            raise Skipped(f'{kind} cannot be mounted here: {holder.stderr.read().strip()}')
        user = ['--user', '--preserve-credentials'] if rights else []
        yield ['nsenter', '--target', str(holder.pid), *user, '--mount', '--']
    finally:
        holder.kill()
        holder.communicate()


def settings_only(**settings):
    """The environment, with these settings of the node and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith('MILLRACE')}
    return {**kept, **settings}


def millrace(*arguments, seconds=20, environment=None, **options):
    """Runs the program to its end; status, standard output, standard error. The environment is that of settings."""
    try:
        ran = subprocess.run([MILLRACE, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             errors='replace', timeout=seconds, check=False, env=settings_only(**environment or {}), **options)
    except subprocess.TimeoutExpired:
        raise AssertionError(f'millrace {" ".join(arguments)} did not end within {seconds} s') from None
    return ran.returncode, ran.stdout, ran.stderr


def flip(path, offset):
    """One bit of a file, as a bad disk would."""
    with open(path, 'r+b') as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


_tests = []


def test(seconds=60):
    """Registers a function without parameters; its name is a sentence."""
    def register(function):
        _tests.append((function.__name__.replace('_', ' '), function, seconds))
        return function
    return register


def main():
    """Runs what was registered, and exits: 1 when anything failed."""
    words = [word.lower() for word in sys.argv[1:] if not word.startswith('-')]
    failed_count = 0
    if not os.access(MILLRACE, os.X_OK):
        sys.exit(f'failed: there is no program {MILLRACE}; ./tools/dev build makes it, MILLRACE names another')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for name, function, seconds in _tests:
        if not all(word in name.lower() for word in words):
            continue
        failed_count += not passes(name, function, seconds)
    sys.exit(1 if failed_count else 0)


def passes(name, function, seconds):
    def too_long(*_):
        raise TookTooLong(f'not done after {seconds} s')

    signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        function()
    except Skipped as why:
        print(f'skipped {name}: {why}', flush=True)
        return True
    except (Exception, TookTooLong) as problem:
        signal.setitimer(signal.ITIMER_REAL, 0)
        traceback.print_exc(file=sys.stdout)
        print(f'failed {name}: {type(problem).__name__}: {" ".join(str(problem).split())}', flush=True)
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    print(f'ok {name}', flush=True)
    return True
