#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What comes over a socket and is no polite client: requests that two readers could understand in two ways, what is no
HTTP, slow and half-closed connections, more bodies than there is memory for, queries that want too much. With ten
thousand idle connections beside, which nobody disturbs.

Bodies and fields are in bad_input.test.py.
"""

import contextlib
import itertools
import json
import random
import re
import select
import socket
import time

from node import (Idle, Node, Skipped, check, check_equal, event, lines, main, millrace, now_ms, short, test,
                  until)

KIB = 1 << 10
MIB = 1 << 20
IDLE_COUNT = 10_000
UPLOAD_COUNT = 150
UPLOAD_BYTES = 4 * MIB
MEMORY_MAX = 400 * MIB
TENANT = 'hostile'
QUERY_SECONDS_MAX = 3
FOREIGN = 'evil.example'

_numbers = itertools.count()
_node = _idle = None


# ---- Requests by hand. ----

def an_event():
    return event(TENANT, event_id=f'e{next(_numbers)}', user_id='ada', event_time=now_ms())


def request(body, head='', target='/v1/events', host='127.0.0.1'):
    """A good one, unless the head makes it a bad one."""
    length = '' if 'transfer-encoding' in head.lower() or 'content-length' in head.lower() \
        else f'Content-Length: {len(body)}\r\n'
    return f'POST {target} HTTP/1.1\r\nHost: {host}\r\n{head}{length}\r\n'.encode() + body


def an_ingest():
    """A request, and the ID of its event."""
    sent = an_event()
    return request(lines([sent])), sent['event_id']


def chunked(body):
    return b'%x\r\n%b\r\n0\r\n\r\n' % (len(body), body)


def has_event(event_id):
    return _node.gql('query($t: ID!, $i: ID!) { event(tenantId: $t, eventId: $i) { eventId } }',
                     t=TENANT, i=event_id)['event'] is not None


class Stream:
    """A connection whose bytes we write, and whose answers we read one by one."""

    def __init__(self, node=None, receive_bytes=0):
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(10)
        self.socket.connect(('127.0.0.1', (node or _node).port))
        self.rest = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *pieces):
        """Each in a packet of its own, as far as we can do anything about it."""
        for piece in pieces:
            self.socket.sendall(piece)

    def more(self):
        piece = self.socket.recv(1 * MIB)
        self.rest += piece
        return piece != b''

    def answer(self):
        """Status and JSON of the next one."""
        while b'\r\n\r\n' not in self.rest:
            check(self.more(), f'the connection ended without an answer: {short(self.rest)}')
        head, self.rest = self.rest.split(b'\r\n\r\n', 1)
        fields = dict(line.lower().split(b': ', 1) for line in head.split(b'\r\n')[1:])
        check(b'application/json' in fields[b'content-type'], f'no JSON: {head}')
        length = int(fields[b'content-length'])
        while len(self.rest) < length:
            check(self.more(), 'the connection ended within an answer')
        body, self.rest = self.rest[:length], self.rest[length:]
        said = json.loads(body)
        status = int(head.split()[1])
        if status >= 400:
            check(said.get('success') is False and said['error'] or said.get('errors') or said.get('reason'),
                  f'no reason: {said}')
        return status, said

    def is_at_its_end(self):
        """The node closes, and says no more."""
        with contextlib.suppress(ConnectionResetError):
            while self.more():
                pass
        return self.rest == b''


def refused(status, *pieces):
    """The answer to these is this and the end of the connection."""
    with Stream() as stream:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            stream.send(*pieces)
        got, said = stream.answer()
        check_equal(got, status, f'status of {short(repr(pieces))}, {said}')
        check(stream.is_at_its_end(), f'more than a refusal of {short(repr(pieces))}: {short(stream.rest)}')


# ---- Heads and bodies that mean two things. ----

def ambiguous():
    """Heads; in each the second request is a body for one reader, and a request for the other."""
    for head in ('Content-Length: 5\r\nContent-Length: %d\r\n', 'Content-Length: %d\r\nContent-Length: 5\r\n',
                 'Content-Length: %d\r\nContent-Length: %d\r\n', 'Content-Length: %d, 5\r\n',
                 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
                 'Transfer-Encoding: chunked\r\nContent-Length: %d\r\n',
                 'Transfer-Encoding: chunked, identity\r\n', 'Transfer-Encoding: xchunked\r\n',
                 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n',
                 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
                 'Transfer-Encoding: \x0bchunked\r\n', 'Transfer-Encoding:\r\n chunked\r\n',
                 'Transfer-Encoding : chunked\r\n', 'Transfer-Encoding\t: chunked\r\n',
                 'Content-Length: +%d\r\n', 'Content-Length: 0x%d\r\n', 'Content-Length: -%d\r\n',
                 'Content-Length: %d \r\n 1\r\n', 'Content-Length: \r\n', 'Content-Length : %d\r\n',
                 'Content-Length: %d\nX: 1\r\n', 'X: 1\r\n folded: 1\r\nContent-Length: %d\r\n',
                 'X: 1\rContent-Length: %d\r\n', 'X: \x00\r\nContent-Length: %d\r\n',
                 'Host: two\r\nContent-Length: %d\r\n'):
        yield head


def smuggler(head):
    """A request with such a head, and what it hides."""
    hidden, event_id = an_ingest()
    body = b'0\r\n\r\n' + hidden
    return request(body, head.replace('%d', str(len(body)))), event_id


@test()
def a_head_that_means_two_things_is_400_and_what_it_hides_is_never_a_request():
    for head in ambiguous():
        sent, hidden = smuggler(head)
        refused(400, sent)
        check(not has_event(hidden), f'{head!r} hid an event')


@test()
def so_it_is_in_any_pieces_and_behind_good_requests():
    dice = random.Random(4711)
    for head in ambiguous():
        sent, hidden = smuggler(head)
        cut = dice.randrange(1, len(sent))
        refused(400, sent[:cut], sent[cut:])
        for cut in 0, dice.randrange(1, 60), len(sent):
            good, event_id = an_ingest()
            with Stream() as stream:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    stream.send(good + sent[:cut], sent[cut:])
                check_equal(stream.answer()[0], 200, 'the good one')
                check_equal(stream.answer()[0], 400, f'{head!r} behind a good one, cut at {cut}')
                check(stream.is_at_its_end(), 'more')
            check(has_event(event_id), 'the good one')
        check(not has_event(hidden), f'{head!r} hid an event')


@test()
def it_is_refused_before_its_body_has_come():
    with Stream() as stream:
        stream.send(b'POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\nContent-Length: 5\r\n\r\nhel')
        check_equal(stream.answer()[0], 400, 'status')


@test()
def a_client_that_is_still_sending_sees_its_refusal():
    for head, status in ('Content-Length: 7\r\nContent-Length: 4000000\r\n', 400), ('Content-Length: 40000000\r\n', 413):
        refused(status, request(b'', head), *[b'x' * 100_000] * 40)


@test()
def frames_of_chunks_that_are_not_exact_are_400():
    good = lines([an_event()])
    for frames in (b'0x5\r\nhello\r\n0\r\n\r\n', b'5 \r\nhello\r\n0\r\n\r\n', b'5\nhello\r\n0\r\n\r\n', b'-5\r\n', b'zz\r\n',
                   b'5\r\nhelloX', b'5;\n\r\nhello\r\n0\r\n\r\n', b'5\r\nhello\n0\r\n\r\n', b'0\r\nX: 1\n\r\n', b'\r\n',
                   b'%x\r\n%b\r\n0\r\n\n' % (len(good), good), b'fffffffffffffffff\r\n'):
        sent = request(frames, 'Transfer-Encoding: chunked\r\n')
        refused(400, sent)
        refused(400, sent[:-3], sent[-3:])
    sent = an_event()
    body = lines([sent])
    with Stream() as stream:
        stream.send(request(b'%x;name="v"\r\n%b\r\n0\r\nTrailer: 1\r\n\r\n' % (len(body), body),
                            'Transfer-Encoding: chunked\r\n'))
        check_equal(stream.answer(), (200, {'success': True, 'accepted': 1, 'duplicates': 0, 'rejected': []}))
    check(has_event(sent['event_id']), 'a chunked event')


@test()
def what_is_no_http_is_400_in_json():
    for sent in (b'nonsense\r\n\r\n', b'GET\r\n\r\n', b'GET /healthz\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
                 b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'GET /healthz HTTP/1.1\n\n', b'GET /healthz HTTP/1.1\r\n\r\n',
                 b'GET /healthz HTTP/3.1\r\nHost: a\r\n\r\n', b'GET healthz HTTP/1.1\r\nHost: a\r\n\r\n',
                 b'GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n', b'GET / HTTP/1.1\r\n: x\r\n\r\n', b'\r\n\r\n\r\n\r\n\r\n',
                 b'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', random.Random(7).randbytes(10_000) + b'\r\n\r\n'):
        refused(400, sent)


@test()
def one_empty_line_before_a_request_does_not_count():
    good, first = an_ingest()
    again, second = an_ingest()
    health = b'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'
    sent = good + b'\r\n' + again + b'\r\n' + health
    for cut in (0, 1, 2, len(good), len(good) + 1, len(good) + 2, len(good) + 3, len(sent) - len(health) - 1):
        with Stream() as stream:
            stream.send((b'\r\n' + sent)[:cut], (b'\r\n' + sent)[cut:])
            check_equal([stream.answer()[0] for _ in range(3)], [200] * 3, f'statuses, cut at {cut}')
    check(has_event(first) and has_event(second), 'events behind empty lines')
    refused(400, b'\r\n\r\n' + health)
    for hides in smuggler('Content-Length: 5\r\nContent-Length: %d\r\n'), smuggler('Content-Length: %d\nX: 1\r\n'):
        refused(400, b'\r\n' + hides[0])
        check(not has_event(hides[1]), 'an empty line hid an event')


@test()
def a_head_that_is_too_long_is_431_in_json():
    refused(431, b'GET /healthz HTTP/1.1\r\nHost: a\r\n', b'X: 1\r\n' * 100, b'\r\n')
    refused(431, b'GET /healthz HTTP/1.1\r\nHost: a\r\nX: ' + b'a' * 200_000)
    refused(431, b'GET /healthz?' + b'a' * 70_000)
    with Stream() as stream:
        stream.send(b'GET /healthz HTTP/1.1\r\nHost: a\r\n', b'X: 1\r\n' * 99, b'\r\n')
        check_equal(stream.answer()[0], 200, 'a hundred headers')


@test()
def an_expectation_that_we_do_not_know_is_refused_in_json():
    refused(417, request(b'{}', 'Expect: miracles\r\n'))


@test()
def a_target_may_have_its_host():
    for target, status in [('http://127.0.0.1/healthz', 200), ('HTTP://127.0.0.1:1/healthz/?x', 200), ('http://a', 404)]:
        with Stream() as stream:
            stream.send(f'GET {target} HTTP/1.1\r\nHost: b\r\n\r\n'.encode())
            check_equal(stream.answer()[0], status, target)
    sent = an_event()
    with Stream() as stream:
        stream.send(request(lines([sent]), target='http://any.example/v1/events'))
        check_equal(stream.answer()[0], 200, 'an event')
    check(has_event(sent['event_id']), 'an event')
    query = json.dumps({'query': '{ tenants { id } }'}).encode()
    kind = 'Content-Type: application/json\r\n'
    for target, host, status in [(f'http://{FOREIGN}/graphql', '127.0.0.1', 403),
                                 ('http://127.0.0.1/graphql', FOREIGN, 200)]:
        with Stream() as stream:
            stream.send(request(query, kind, target, host))
            check_equal(stream.answer()[0], status, f'{target}, Host {host}')


@test()
def pipelined_requests_are_answered_in_order_however_they_are_cut():
    dice = random.Random(11)
    for _ in range(20):
        sent, wanted = b'', []
        for _ in range(30):
            kind = dice.randrange(4)
            one, event_id = an_ingest()
            if kind == 0:
                sent += one
            elif kind == 1:
                sent += request(chunked(lines([an_event()])), 'Transfer-Encoding: chunked\r\n')
            else:
                sent += b'GET /%b HTTP/1.1\r\nHost: a\r\n\r\n' % (b'healthz' if kind == 2 else b'nothing')
            wanted.append({2: 200, 3: 404}.get(kind, 200))
            del event_id
        cuts = sorted(dice.randrange(len(sent)) for _ in range(dice.randrange(12)))
        with Stream() as stream:
            stream.send(*[sent[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(sent)])])
            check_equal([stream.answer()[0] for _ in wanted], wanted, 'statuses')


# ---- Slow, and half gone. ----

@test()
def a_half_closed_client_gets_its_answers():
    sent = an_event()
    query = json.dumps({'query': '{ tenants { id totalEvents } }'}).encode()
    with Stream() as stream:
        stream.send(request(lines([sent])) + request(query, 'Content-Type: application/json\r\n', '/graphql'))
        stream.socket.shutdown(socket.SHUT_WR)
        check_equal(stream.answer()[0], 200, 'an event')
        check_equal(stream.answer()[0], 200, 'a query')
        check(stream.is_at_its_end(), 'the node does not close')
    check(has_event(sent['event_id']), 'the event of a half-closed client')
    many = [{**an_event(), 'properties': {'x': 'y' * 60_000}} for _ in range(60)]
    with Stream() as stream:
        stream.send(request(lines(many)))
        stream.socket.shutdown(socket.SHUT_WR)
        check_equal(stream.answer()[1]['accepted'], len(many), 'events')
    with Stream() as stream:  # it will never be whole
        stream.send(request(lines([an_event()]))[:-5])
        stream.socket.shutdown(socket.SHUT_WR)
        check(stream.is_at_its_end(), 'an answer to half a request')


def readable(streams, seconds):
    """select() knows no more than a thousand files."""
    poller = select.poll()
    by_number = {stream.fileno(): stream for stream in streams}
    for number in by_number:
        poller.register(number, select.POLLIN)
    return [by_number[number] for number, _ in poller.poll(seconds * 1000)]


def trickle(streams, byte, seconds):
    """Sends a byte on each now and then, until the node has closed them all."""
    left = list(streams)
    deadline = time.monotonic() + seconds
    while left:
        check(time.monotonic() < deadline, f'{len(left)} of {len(streams)} slow clients are still there after {seconds} s')
        for stream in readable(left, 0.05):
            with contextlib.suppress(ConnectionResetError):
                if stream.recv(65536) != b'':
                    continue
            left.remove(stream)
        for stream in left:
            with contextlib.suppress(OSError):
                stream.send(byte)


@test()
def who_is_too_slow_is_closed_and_holds_up_nobody():
    settings = {'MILLRACE_NET_REQUEST_TIMEOUT': '1s', 'MILLRACE_NET_WRITE_TIMEOUT': '500ms'}
    with Node('--shards', '2', environment=settings) as node, contextlib.ExitStack() as stack:
        silent = Idle(node.port, 1000)
        stack.callback(silent.close)
        streams = [stack.enter_context(Stream(node)) for _ in range(40)]
        for index, stream in enumerate(streams):
            stream.send([b'G', b'POST /v1/events HTTP/1.1\r\nHost: a\r\nX: ', request(b'', 'Content-Length: 100000\r\n'),
                         request(b'', 'Transfer-Encoding: chunked\r\n') + b'186a0\r\n'][index % 4])
        began = time.monotonic()
        trickle([stream.socket for stream in streams], b'x', 10)
        check(time.monotonic() - began > 0.5, 'they were closed at once')
        until(lambda: silent.closed_count() == silent.count, 10, 'silent connections that are closed')
        node.close()  # ours was silent too
        node.ingest([an_event()])


@test()
def who_does_not_read_a_large_answer_is_closed():
    with Node('--shards', '2', environment={'MILLRACE_NET_WRITE_TIMEOUT': '500ms'}) as node:
        for _ in range(3):
            node.ingest([{**an_event(), 'properties': {'x': 'y' * 60_000}} for _ in range(60)])
        query = json.dumps({'query': '{ events(tenantId: "%s", first: 100) { nodes { properties } } }' % TENANT}).encode()
        whole = node.post('/graphql', query, content_type='application/json')
        check(len(whole.body) > 4 * MIB, f'the answer is not large: {whole}')
        sent = request(query, 'Content-Type: application/json\r\n', '/graphql')
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(Stream(node, receive_bytes=4096)) for _ in range(10)]
            until(lambda: open_connections(node) == len(streams) + 1, 10, 'all connections')  # and ours
            for stream in streams:
                stream.send(sent)
                check(stream.socket.recv(12).endswith(b'200'), 'an answer')
                stream.socket.setblocking(False)

            def are_closed():
                for stream in streams:  # they read, but so slowly
                    with contextlib.suppress(ConnectionResetError, BlockingIOError):
                        stream.socket.recv(64)
                return open_connections(node) == 1

            until(are_closed, 20, 'slow readers that are closed')


def open_connections(node):
    page = node.get('/metrics').body.decode()
    return sum(int(count) for count in re.findall(r'^millrace_open_connections.* (\d+)$', page, re.MULTILINE))


# ---- Memory. ----

@test()
def who_asks_before_sending_is_checked_and_counted_too():
    with Stream() as stream:
        stream.send(request(b'', 'Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n'))
        check(b' 100 ' in stream.socket.recv(100), 'told to go on')
        stream.send(b'0x5\r\nhello\r\n')
        check_equal(stream.answer()[0], 400, 'broken chunks')
        check(stream.is_at_its_end(), 'more')
    head = request(b'', f'Expect: 100-continue\r\nContent-Length: {UPLOAD_BYTES}\r\n')
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream()) for _ in range(UPLOAD_COUNT)]
        for stream in streams:
            stream.send(head)
        for stream in streams:
            check(b' 100 ' in stream.socket.recv(100), 'told to go on')
        for stream in streams:
            with contextlib.suppress(OSError):
                stream.send(b'x' * (UPLOAD_BYTES // 2))
        until(takes_an_event, 10, 'an event that is accepted beside')
        memory = max(_node.memory_bytes(), _node.memory_bytes('VmHWM'))
        check(memory < MEMORY_MAX, f'{memory // MIB} MiB')
    until(takes_a_large_body, 10, 'room again')


@test()
def half_sent_bodies_take_no_more_than_their_memory():
    head = request(b'', f'Content-Length: {UPLOAD_BYTES}\r\n')
    half = lines([an_event()]) * (UPLOAD_BYTES // 2 // len(lines([an_event()])))
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream()) for _ in range(UPLOAD_COUNT)]
        for stream in streams:
            with contextlib.suppress(OSError):  # the node has no room for it, and says so
                stream.send(head + half)
            until(takes_an_event, 10, 'an event that is accepted beside')
        memory = max(_node.memory_bytes(), _node.memory_bytes('VmHWM'))
        check(memory < MEMORY_MAX, f'{memory // MIB} MiB')
        refused_count = 0
        for stream in streams:
            if readable([stream.socket], 0):
                check_equal(stream.answer()[0], 503, 'an upload that was cut')
                refused_count += 1
        check(0 < refused_count < UPLOAD_COUNT, f'{refused_count} of {UPLOAD_COUNT} were refused')
    until(takes_a_large_body, 10, 'room again')


@test(120)
def half_sent_bodies_and_answers_that_nobody_reads_take_no_more_round_after_round():
    with Node('--shards', '2') as node:
        for _ in range(4):
            node.ingest([{**an_event(), 'properties': {'x': 'y' * 60_000}} for _ in range(60)])
        before = node.memory_bytes()
        query = json.dumps({'query': '{ events(tenantId: "%s", first: 100) { nodes { properties } } }' % TENANT}).encode()
        asked = request(query, 'Content-Type: application/json\r\n', '/graphql')
        upload = request(b'', f'Content-Length: {UPLOAD_BYTES}\r\n') + b'x' * (UPLOAD_BYTES // 2)
        for number in range(5):
            with contextlib.ExitStack() as stack:
                for _ in range(100):
                    stack.enter_context(Stream(node, receive_bytes=4096)).send(asked)
                for _ in range(UPLOAD_COUNT):
                    stream = stack.enter_context(Stream(node))
                    with contextlib.suppress(OSError):  # the node has no room for it, and says so
                        stream.send(upload)
                memory = node.memory_bytes('VmHWM')
                check(memory < MEMORY_MAX, f'{memory // MIB} MiB in round {number + 1}')
        until(lambda: node.post('/v1/events', lines([an_event()])).status == 200, 10, 'an event that is accepted')
        until(lambda: node.memory_bytes() < before + 64 * MIB, 60, 'memory that comes back')
        memory = node.memory_bytes('VmHWM')
        check(memory < MEMORY_MAX, f'{memory // MIB} MiB afterwards')


def takes_an_event():
    """At the limit of memory one may be asked to come again."""
    return _node.post('/v1/events', lines([an_event()])).status == 200


def takes_a_large_body():
    many = [{**an_event(), 'properties': {'x': 'y' * 60_000}} for _ in range(60)]
    return _node.post('/v1/events', lines(many)).status == 200


@test()
def many_small_halves_take_no_more_than_that_either():
    head = request(b'', 'Content-Length: 300000\r\n')
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream()) for _ in range(2500)]
        for stream in streams:
            with contextlib.suppress(OSError):
                stream.send(head + b'x' * 250_000)
        memory = max(_node.memory_bytes(), _node.memory_bytes('VmHWM'))
        check(memory < MEMORY_MAX, f'{memory // MIB} MiB')
        until(takes_an_event, 10, 'an event that is accepted beside')
    until(takes_a_large_body, 10, 'room again')


@test(120)
def answers_take_no_more_than_their_memory_and_small_ones_are_given():
    with Node('--shards', '2') as node:
        for _ in range(50):
            node.ingest([{**an_event(), 'properties': {'x': 'y' * 60_000}} for _ in range(60)])
        before = node.memory_bytes()
        large = '{' + ' '.join(f'a{i}: events(tenantId: "{TENANT}", first: 240) {{ nodes {{ properties }} }}' for i in range(20)) + '}'
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(Stream(node)) for _ in range(32)]
            for stream in streams:
                stream.send(request(json.dumps({'query': large}).encode(), 'Content-Type: application/json\r\n', '/graphql'))
            waiting = list(streams)
            while waiting:
                began = time.monotonic()
                check_equal(node.gql('{ tenants { id } }'), {'tenants': [{'id': TENANT}]}, 'a small one beside')
                check(time.monotonic() < began + 1, f'a small one took {time.monotonic() - began} s')
                for stream in [each for each in waiting if readable([each.socket], 0)]:
                    code = stream.answer()[1]['errors'][0]['extensions']['code']
                    check(code in ('UNAVAILABLE', 'TOO_LARGE', 'DEADLINE'), code)
                    waiting.remove(stream)
        most = node.memory_bytes('VmHWM')
        check(most < before + 600 * MIB, f'{before // MIB} MiB, and then {most // MIB}')
        until(lambda: node.memory_bytes() < before + 100 * MIB, 60, 'memory that comes back')


@test(120)
def long_pages_of_many_clients_are_all_answered():
    """Each slice has part of a page in memory, with the fields that were asked for; small answers share theirs."""
    with Node('--shards', '2') as node:
        for first in range(0, 12_000, 1000):
            node.ingest([event(TENANT, event_id=str(i), user_id=f'u{i % 400}', page_url='/a', properties={'x': 'y' * 900})
                         for i in range(first, first + 1000)])
        fields = 'eventId eventType properties pageUrl canonicalId eventTime session { sessionId pages }'
        page = '{ events(tenantId: "%s", first: 1000) { nodes { %s } } }' % (TENANT, fields)
        before = node.memory_bytes()
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(Stream(node)) for _ in range(24)]
            for _ in range(3):
                for stream in streams:
                    stream.send(request(json.dumps({'query': page}).encode(), 'Content-Type: application/json\r\n', '/graphql'))
                for stream in streams:
                    said = stream.answer()[1]
                    check('errors' not in said, short(said.get('errors')))
                    check_equal(len(said['data']['events']['nodes']), 1000)
        most = node.memory_bytes('VmHWM')
        check(most < before + 300 * MIB, f'{before // MIB} MiB, and then {most // MIB}')


# ---- Queries. ----

def query_refused(query, *words, **variables):
    began = time.monotonic()
    answer = _node.post('/graphql', {'query': query, 'variables': variables}, content_type='application/json')
    check(time.monotonic() < began + QUERY_SECONDS_MAX, f'it took {time.monotonic() - began} s: {short(query, 80)}')
    check(answer.status in (200, 400, 413), f'{short(query, 80)}: {answer}')
    said = answer.json()
    check(said.get('errors') and said.get('data') is None, f'{short(query, 80)}: {answer}')
    check(any(word in answer.body.decode() for word in words), f'{answer} names none of {words}')


@test()
def queries_that_want_too_much_are_refused_by_name():
    deep = 'eventId'
    for _ in range(5):
        deep = 'session { events(first: 1) { nodes { %s } } }' % deep
    deep = '{ events(tenantId: "t", first: 1) { nodes { %s } } }' % deep
    query_refused(deep, 'depth', 'deep')
    query_refused('{a' * 5000 + '}' * 5000, 'depth', 'deep', 'tokens')
    query_refused('{a' * 500 + '}' * 500, 'depth', 'deep')
    query_refused('query { tenants { id } ' + '[' * 100_000 + '}', 'expected', 'Expected', 'tokens', 'syntax', 'Syntax')
    query_refused('{' + ' '.join(f'a{index}: tenants {{ id }}' for index in range(5000)) + '}', 'tokens')
    query_refused('{' + ' '.join(f'a{i}: events(tenantId: "t", first: 1000) {{ nodes {{ eventId }} }}' for i in range(40))
                  + '}', 'cost')
    query_refused('{ events(tenantId: "t", first: 1001) { nodes { eventId } } }', 'first')
    query_refused('{ events(tenantId: "t", first: 0) { nodes { eventId } } }', 'first')
    query_refused('{ events(tenantId: "t", first: -1) { nodes { eventId } } }', 'first')
    query_refused('{ events(tenantId: "t", first: 99999999999) { nodes { eventId } } }', 'first', 'Int')
    query_refused('{ events(tenantId: "t", first: 500) { nodes { session { events(first: 500) { nodes { eventId } } } } } }',
                  'cost')


@test(120)
def queries_that_look_at_everything_keep_no_short_one_out():
    with Node('--shards', '2') as node, contextlib.ExitStack() as stack:
        status, _, said = millrace('produce', '--url', node.url, '--rate', '0', '--tenants', '1', '--count', '400000', seconds=60)
        check_equal(status, 0, said)
        tenant = node.gql('{ tenants { id } }')['tenants'][0]['id']
        who = node.gql('query($t: ID!) { events(tenantId: $t, first: 1) { nodes { canonicalId } } }', t=tenant)['events']['nodes'][0]
        long = '{' + ' '.join(f'a{i}: events(tenantId: "{tenant}", first: 9, filter: {{late: true}}) '
                              '{ nodes { eventId } }' for i in range(60)) + '}'
        streams = [stack.enter_context(Stream(node)) for _ in range(60)]
        for stream in streams:
            stream.send(request(json.dumps({'query': long}).encode(), 'Content-Type: application/json\r\n', '/graphql'))
        for _ in range(200):
            found = node.gql('query($t: ID!, $i: ID!) { profile(tenantId: $t, id: $i) { canonicalId } }', t=tenant, i=who['canonicalId'])
            check_equal(found['profile'], who, 'somebody')
        check(not readable([stream.socket for stream in streams], 0), 'the short ones waited for long ones, or those were too short to tell')
        for stream in streams:
            said = stream.answer()[1]
            check('data' in said or said['errors'][0]['extensions']['code'] == 'DEADLINE', short(said))


@test()
def fragments_that_never_end_or_grow_without_bound_are_refused():
    query_refused('{ ...a } fragment a on Query { ...a }', 'a')
    query_refused('{ ...a } fragment a on Query { ...b } fragment b on Query { ...c } fragment c on Query { ...a }', 'a')
    query_refused('{ profile(tenantId: "t", userId: "u") { ...a } } fragment a on Profile { events { nodes { session { '
                  'profile { ...a } } } } }', 'a', 'profile')
    bomb = 'fragment f0 on Query { tenants { id } } ' + ' '.join(
        f'fragment f{i} on Query {{ a: __typename ...f{i - 1} ...f{i - 1} }}' for i in range(1, 60))
    answer = _node.post('/graphql', {'query': '{ ...f59 } ' + bomb}, content_type='application/json')
    check(answer.status in (200, 400), repr(answer))
    answer.json()


@test()
def introspection_works_and_is_no_bomb():
    kinds = _node.gql('{ __schema { queryType { name } types { kind name fields { name type { name ofType { name } } } } } }')
    check_equal(kinds['__schema']['queryType'], {'name': 'Query'}, 'query type')
    bomb = 'name'
    for _ in range(5):
        bomb = 'fields { type { %s } }' % bomb
    query_refused('{ __schema { types { %s } } }' % bomb, 'introspection', 'fields', 'depth')


@test()
def pages_of_other_hosts_cannot_read():
    query = b'{"query":"{ tenants { id } }"}'
    kind = {'content-type': 'application/json'}
    asks = [('POST', '/graphql', query, kind), ('POST', '/graphql/', query, kind),
            ('GET', '/graphql?query=%7Btenants%7Bid%7D%7D', None, {}),
            ('GET', '/graphql', None, {'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13',
                                       'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
                                       'sec-websocket-protocol': 'graphql-transport-ws'})]
    for method, path, body, headers in asks:
        for more in ({'host': FOREIGN}, {'host': f'{FOREIGN}:{_node.port}'}, {'host': '127.0.0.1.evil.example'},
                     {'host': 'localhost.evil.example'}, {'host': ''}, {'origin': f'http://{FOREIGN}'}, {'origin': 'null'},
                     {'origin': f'http://127.0.0.1:{_node.port + 1}'}, {'origin': 'file://'},
                     {'host': FOREIGN, 'origin': f'http://{FOREIGN}'}):
            answer = _node.request(method, path, body, {**headers, **more})
            check_equal(answer.status, 403, f'{method} {path} with {more}: {answer}')
            check(answer.json()['errors'], repr(answer))
            check_equal(answer.headers.get('access-control-allow-origin'), None, 'allowed origin')
        good = _node.request(method, path, body, {**headers, 'origin': f'http://127.0.0.1:{_node.port}'})
        check(good.status != 403, f'{method} {path} of our own page: {good}')


# ---- And nobody noticed. ----

@test()
def idle_connections_are_all_there_and_work():
    check_equal(_idle.closed_count(), 0, 'idle connections that were closed')
    for stream in random.Random(3).sample(_idle.streams, 200):
        stream.sendall(b'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
        check(b' 200 ' in stream.recv(4096), 'an answer')
    if _idle.count < IDLE_COUNT:
        raise Skipped(f'only {_idle.count} idle connections: this user may not have more files open')


with Node('--shards', '2', environment={'MILLRACE_NET_REQUEST_TIMEOUT': '10m'}) as _node:
    _idle = Idle(_node.port, IDLE_COUNT)
    main()
