#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What clients should not send gets the answer of the interface, and costs nobody else anything.

Around each bad thing a good event is sent before and after; both are found, and nothing was counted that was
refused. One node serves all, and ten thousand idle connections beside, which must still be there at the end. What
is no polite client of HTTP is in hostile.test.py.
"""

import contextlib
import gzip
import itertools
import json
import os
import random
import re
import socket
import zlib

from node import Client, Idle, Node, check, check_equal, event, lines, main, now_ms, rfc3339, short, test

MIB = 1 << 20
BODY_BYTES_MAX = 4 * MIB
BOMB_BYTES = 1 << 30
# A body, what it becomes, and some: far from what a bomb would take.
MEMORY_GROWTH_MAX = 96 * MIB
AT_ONCE = 6
IDLE_COUNT = 10_000
ORIGIN = 'https://shop.example'

_numbers = itertools.count()


class Place:
    """A node with a tenant, and how many of its events were accepted."""

    def __init__(self, node):
        self.node = node
        self.tenant = 'bad'
        self.accepted_count = 0

    def event(self, **fields):
        made = {'event_id': f'e{next(_numbers)}', 'user_id': 'ada', 'event_time': now_ms()}
        return event(self.tenant, **{**made, **fields})

    def send(self, body, path='/v1/events', **headers):
        answer = self.node.post(path, body, **headers)
        if answer.status == 200:
            self.accepted_count += answer.json()['accepted']
        return answer

    def accepts(self, events, body=None, path='/v1/events', **headers):
        answer = self.send(lines(events) if body is None else body, path, **headers)
        check_equal(answer.status, 200, repr(answer))
        check_equal(answer.json(), {'success': True, 'accepted': len(events), 'duplicates': 0, 'rejected': []})
        for each in events:
            self.finds(each)

    def finds(self, sent):
        got = self.event_of(sent.get('event_id') or sent['messageId'])
        check(got is not None, f'an event that was accepted is not found: {short(sent)}')
        return got

    def event_of(self, event_id):
        return self.node.gql('''query($tenant: ID!, $id: ID!) { event(tenantId: $tenant, eventId: $id) {
                                eventId eventType eventTime userId anonymousId pageUrl properties } }''',
                             tenant=self.tenant, id=event_id)['event']

    def profile_of(self, user):
        return self.node.gql('''query($tenant: ID!, $user: String!) { profile(tenantId: $tenant, userId: $user) {
                                totalEvents userIds } }''', tenant=self.tenant, user=user)['profile']

    def refuses(self, status, body, path='/v1/events', **headers):
        answer = self.send(body, path, **headers)
        check_equal(answer.status, status, repr(answer))
        is_refusal(answer)
        return answer

    def rejects(self, events, bad, words=(), body=None, path='/v1/events', **headers):
        """The events whose index is in `bad`, and no others. `words`: one for each, in its reason."""
        answer = self.send(lines(events) if body is None else body, path, **headers)
        check_equal(answer.status, 200, repr(answer))
        said = answer.json()
        check_equal([each['index'] for each in said['rejected']], bad, f'rejected, of {answer}')
        check_equal((said['accepted'], said['duplicates']), (len(events) - len(bad), 0), f'counts of {answer}')
        check_equal(said['success'], len(bad) < len(events), 'success')
        for each, word in zip(said['rejected'], words):
            check(word in each['error'], f'no {word} in the reason: {each}')
        for index, each in enumerate(events):
            if index in bad and isinstance(each, dict) and isinstance(each.get('event_id'), str):
                check_equal(self.event_of(each['event_id']), None, 'a rejected event')
            elif index not in bad:
                self.finds(each)

    @contextlib.contextmanager
    def around(self):
        if self.node.process.poll() is not None:  # of a test before this one
            self.node.kill()
            self.node.start()
            self.accepted_count = self.total()
        before, after = self.event(), self.event()
        self.accepts([before])
        yield
        self.accepts([after])
        self.finds(before)
        check_equal(self.total(), self.accepted_count, 'events of the tenant')

    def total(self):
        got = self.node.gql('query($tenant: ID!) { tenant(id: $tenant) { totalEvents } }', tenant=self.tenant)
        return got['tenant']['totalEvents']


def is_refusal(answer):
    """JSON with a reason, and never a redirect."""
    check('application/json' in (answer.headers.get('content-type') or ''), f'no JSON: {answer.headers}')
    said = answer.json()
    check(said.get('success') is not True and any(isinstance(value, str) and value for value in said.values()),
          f'no reason in {answer}')
    check(answer.headers.get('location') is None, 'a redirect')


_place = _idle = None


def bad_input(seconds=30):
    """A test that gets the place, with a good event around it."""
    def register(function):
        def run():
            with _place.around():
                function(_place)
        run.__name__ = function.__name__
        return test(seconds)(run)
    return register


# ---- Bodies that are no JSON, and lines. ----

@bad_input()
def a_body_that_is_no_json_is_400(place):
    for body in b'no JSON', b'{', b'{"a":', b'\x00\x01\x02', b'[{"a": 1}', b'no JSON\nagain none\n', b'\xff\xfe{}':
        place.refuses(400, body)
    for path in '/v1/batch', '/v1/track':
        place.refuses(400, b'{"batch": [', path, x_write_key=place.tenant)


@bad_input()
def an_empty_body_is_400(place):
    for path in '/v1/events', '/v1/batch', '/v1/track':
        for body in b'', b'  \n\n':
            place.refuses(400, body, path, x_write_key=place.tenant)


@bad_input()
def a_body_of_another_shape_than_its_route_is_400(place):
    for path, body in [('/v1/batch', []), ('/v1/batch', {}), ('/v1/batch', {'batch': {}}), ('/v1/batch', 'text'),
                       ('/v1/track', [1]), ('/v1/track', 7)]:
        place.refuses(400, body, path, x_write_key=place.tenant)


@bad_input()
def a_bad_line_costs_itself_only_and_blank_lines_do_not_count(place):
    good = [place.event() for _ in range(3)]
    first, second, third = (lines([each]) for each in good)
    body = b'\n' + first + b'no JSON\n\n   \r\n' + second + b'{"tenant_id": \n[]\n' + third
    place.rejects([good[0], None, good[1], None, None, good[2]], [1, 3, 4], body=body)


@bad_input()
def only_bad_events_is_no_success_and_no_400(place):
    place.rejects([{'a': 1}, {'b': 2}], [0, 1])
    place.rejects([{}], [0], body=b'{}')
    place.rejects([{}], [0], body=b'[{}]')


@bad_input()
def one_object_and_an_array_are_good_bodies(place):
    for form in (lambda one: json.dumps(one), lambda one: json.dumps(one, indent=2), lambda one: json.dumps([one]),
                 lambda one: json.dumps([one], indent=1), lambda one: '\ufeff' + json.dumps(one)):
        one = place.event()
        place.accepts([one], form(one).encode())


@bad_input()
def an_event_that_misses_what_it_needs_is_a_reject(place):
    good = place.event()
    place.rejects([place.event(user_id=None), place.event(event_type=''), place.event(tenant_id='not a name'), good,
                   place.event(tenant_id='x' * 65), place.event(event_type='x' * 129), place.event(event_id='x' * 129),
                   place.event(user_id='x' * 257), place.event(user_id='NULL ', anonymous_id='undefined')],
                  [0, 1, 2, 4, 5, 6, 7, 8],
                  ['user_id', 'event_type', 'tenant_id', 'tenant_id', 'event_type', 'event_id', 'user_id', 'user_id'])


@bad_input()
def invalid_json_inside_properties_rejects_that_event(place):
    good = place.event(properties={'a': [1, 2.5, None, 'é']}), place.event(properties='{"b": 1}')
    bad = [place.event(properties='@@') for _ in range(7)]
    broken = ['{"a": }', '{"a": tru}', '{"a": 1,}', '{"a": "\x01"}', '{"a": 01}', '{"a" 1}', '{"a": "\\x"}']
    body = lines(good[:1]) + b''.join(lines([each]).replace(b'"@@"', text.encode()) for each, text in zip(bad, broken))
    place.rejects([good[0], *bad, good[1]], list(range(1, 8)), body=body + lines(good[1:]))
    check_equal(place.finds(good[0])['properties'], good[0]['properties'], 'properties')
    check_equal(place.finds(good[1])['properties'], {'b': 1}, 'properties of a string')


@bad_input()
def properties_that_are_no_object_reject_that_event(place):
    good = place.event()
    deep = json.loads('{"a":' * 65 + '1' + '}' * 65)
    place.rejects([place.event(properties='{"a":'), place.event(properties='[1]'), place.event(properties=[1]),
                   place.event(properties=7), place.event(properties=deep), good, place.event(traits='text')],
                  [0, 1, 2, 3, 4, 6], ['properties'] * 5 + ['traits'])
    place.accepts([place.event(properties=json.loads('{"a":' * 64 + '1' + '}' * 64))])


@bad_input()
def invalid_utf8_rejects_that_event(place):
    good, bad = place.event(), place.event(properties={'a': '@@'})
    place.rejects([bad, good], [0], body=lines([bad]).replace(b'@@', b'\xc3\x28') + lines([good]))


def array(events):
    return b'[' + b',\n'.join(json.dumps(each).encode() for each in events) + b']'


def batch(calls):
    return b'{"context": {"os": {"name": "Plan 9"}}, "batch": ' + array(calls) + b', "sentAt": ""}'


NOT_JSON = {  # instead of "@@"
    'broken UTF-8': b'"\xc3\x28"', 'half a character': b'"\xe2\x82"', 'an overlong form': b'"\xc0\xaf"',
    'a surrogate in UTF-8': b'"\xed\xa0\x80"', 'a NUL': b'"a\x00b"', 'a control character': b'"a\x01b"',
    'an unknown escape': b'"\\x"', 'half an escape': b'"\\u12"', 'no value': b'', 'a word': b'tru', 'a number': b'01',
    'a comma too many': b'{"a": 1,}', 'two hundred levels': b'[' * 200 + b']' * 200,
    'a hundred thousand levels': b'[' * 100_000 + b']' * 100_000,
}


@bad_input(seconds=60)
def what_is_no_json_costs_one_event_on_every_route(place):
    for what, bytes_of in NOT_JSON.items():
        for make, path in (lines, '/v1/events'), (array, '/v1/events'), (batch, '/v1/batch'):
            if path == '/v1/batch':
                made = [{'type': 'track', 'event': 'e', 'userId': 'ada', 'messageId': f'm{next(_numbers)}',
                         'properties': {'a': text}} for text in ('x', '@@', 'y')]
            else:
                made = [place.event(properties={'a': text}) for text in ('x', '@@', 'y')]
            body = make(made)
            check(body.count(b'"@@"') == 1, 'a place for it')
            try:
                place.rejects(made, [1], body=body.replace(b'"@@"', bytes_of), path=path, x_write_key=place.tenant)
            except AssertionError as problem:
                raise AssertionError(f'{what}, {make.__name__}: {problem}') from None


@bad_input()
def an_array_whose_end_is_not_found_is_400(place):
    good = [place.event() for _ in range(2)]
    for body in (array(good)[:-1], array(good)[:-20], array(good) + b']', array(good) + b' more', array(good)[:-1] + b',]',
                 array(good).replace(b'"ada"', b'"ada', 1), b'[' * 100_000):
        place.refuses(400, body)
        place.refuses(400, b'{"batch": ' + body + b'}', '/v1/batch', x_write_key=place.tenant)
    for each in good:
        check_equal(place.event_of(each['event_id']), None, 'an event of a refused body')


@bad_input()
def nul_bytes_and_lone_surrogates_are_kept_where_they_are_grammatical(place):
    made = place.event(user_id='@@', properties={'a': '@@'})
    for text, user in (b'"nul\\u0000byte"', 'nul\0byte'), (b'"half\\ud83dway"', 'half\ufffdway'), \
            (b'"\\ude00"', '\ufffd'), ('"whole\\ud83d\\ude00"'.encode(), 'whole\U0001f600'):
        made = {**made, 'event_id': f'e{next(_numbers)}'}
        place.accepts([made], lines([made]).replace(b'"@@"', text))
        got = place.finds(made)
        check_equal(got['userId'], user, 'the user')
        check_equal(place.profile_of(user)['userIds'], [user], 'user IDs of the profile')
        check_equal(got['properties'], {'a': json.loads(text)}, 'properties')


@bad_input()
def numbers_and_objects_where_strings_belong_reject_that_event(place):
    for value in 7, -1.5, True, {}, {'a': 'b'}, [], ['a']:
        names = ['event_type', 'page_url', 'referrer', 'element_id', 'feature_name', 'device_type', 'browser', 'os',
                 'country', 'tenant_id']
        events = [place.event(**{name: value}) for name in names] + [place.event()]
        place.rejects(events, list(range(len(names))), names)
        calls = [{'type': 'track', 'event': 'e', 'userId': 'ada', 'messageId': f'm{next(_numbers)}', **more}
                 for more in ({}, {'type': value}, {'event': value}, {'context': 7}, {'properties': 'x'}, {'traits': 7,
                              'type': 'identify'})]
        place.rejects(calls, [1, 2, 3, 4, 5], body={'batch': calls}, path='/v1/batch', x_write_key=place.tenant)


@bad_input()
def a_time_of_the_future_is_the_receipt_and_one_before_the_year_0000_is_none(place):
    for time in now_ms() + 3600_000, '9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59-23:59', 10**15, '2999-01-01 00:00:00':
        made, began = place.event(event_time=time), rfc3339(now_ms())
        place.accepts([made])
        got = place.finds(made)['eventTime']
        check(began <= got <= rfc3339(now_ms()), f'{time} became {got}')
    good = place.event(event_time='0000-01-01T00:00:00Z')
    place.rejects([good, place.event(event_time='0000-01-01T00:00:00+00:01'), place.event(event_time='-001-01-01T00:00:00Z'),
                   place.event(event_time='10000-01-01T00:00:00Z')], [1, 2, 3], ['event_time'] * 3)
    check_equal(place.finds(good)['eventTime'], '0000-01-01T00:00:00.000Z', 'the first time there is')
    calls = [{'type': 'track', 'event': 'e', 'userId': 'ada', 'messageId': f'm{next(_numbers)}', 'timestamp': time,
              'sentAt': sent} for time, sent in (('0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'),
                                                 ('9999-12-31T23:59:59Z', '9999-12-31T23:59:59Z'),
                                                 ('9999-12-31T23:59:59Z', '0000-01-01T00:00:00Z'))]
    place.rejects(calls, [0], ['before the year'], body={'batch': calls}, path='/v1/batch', x_write_key=place.tenant)


@bad_input()
def a_batch_without_an_event_that_is_json_is_400(place):
    body = b'{"batch":[{"type":"track","event":"e","userId":"ada","messageId":"whole","properties":{"a":}}]}'
    place.refuses(400, body, '/v1/batch', x_write_key=place.tenant)
    check_equal(place.event_of('whole'), None, 'an event of a refused batch')


@bad_input()
def an_event_over_64_kib_is_a_reject_of_that_event(place):
    good = [place.event(), place.event(properties={'a': 'x' * 60_000})]
    huge = place.event(properties={'a': 'x' * 70 * 1024})
    place.rejects([good[0], huge, good[1]], [1], ['65536'])
    batch = [{'type': 'track', 'event': 'e', 'userId': 'ada', 'messageId': f'm{next(_numbers)}',
              'properties': {'a': 'x' * size}} for size in (1, 70 * 1024, 1)]
    place.rejects(batch, [1], body={'batch': batch}, path='/v1/batch', x_write_key=place.tenant)


# ---- Fields. ----

@bad_input()
def numbers_as_identifiers_are_their_decimal_text(place):
    for sent, want in [('42', '42'), ('-7', '-7'), ('1e3', '1000'), ('1.50', '1.5'), ('0.5', '0.5'),
                       ('123456789012345678', '123456789012345678')]:
        made = place.event(user_id='@@')
        place.accepts([made], lines([made]).replace(b'"@@"', sent.encode()))
        check_equal(place.finds(made)['userId'], want, f'user ID of {sent}')
        check(want in place.profile_of(want)['userIds'], f'no profile of {want}')
    number = next(_numbers) + 10_000_000
    made = place.event(event_id=number)
    place.accepts([{**made, 'event_id': str(number)}], lines([made]))
    good = place.event()
    place.rejects([place.event(user_id={'a': 1}), place.event(user_id=[1]), place.event(user_id=True), good],
                  [0, 1, 2], ['user_id'] * 3)
    # Blocked as a text, so blocked as a number.
    place.rejects([place.event(user_id=0), place.event(user_id=-1)], [0, 1])


@bad_input()
def unreadable_times_reject_that_event(place):
    good = [place.event(event_time=time) for time in
            ('2026-01-02T03:04:05Z', '2026-01-02T03:04:05.678+02:00', '2026-01-02 03:04:05.5', 1767322800123.9, '',
             None)]
    bad = [place.event(event_time=time) for time in
           ('yesterday', '2026-13-01T00:00:00Z', '2026-01-02T03:04:05', '2026-02-30T00:00:00Z', 1767322800, -5, True,
            {}, 1e300)]
    place.rejects(good + bad, list(range(len(good), len(good) + len(bad))), ['event_time'] * len(bad))
    for index, want in enumerate(['2026-01-02T03:04:05.000Z', '2026-01-02T01:04:05.678Z', '2026-01-02T03:04:05.500Z',
                                  rfc3339(1767322800123)]):
        check_equal(place.finds(good[index])['eventTime'], want, f'event time of {good[index]["event_time"]}')
    batch = [{'type': 'track', 'event': 'e', 'userId': 'ada', 'messageId': f'm{next(_numbers)}', 'timestamp': time}
             for time in ('2026-01-02T03:04:05Z', 'soon', '2026-01-02T03:04:05Z')]
    place.rejects(batch, [1], ['timestamp'], body={'batch': batch}, path='/v1/batch', x_write_key=place.tenant)


@bad_input()
def a_rejected_event_does_not_use_up_its_id(place):
    made = place.event(event_time='yesterday')
    place.rejects([made], [0])
    place.accepts([{**made, 'event_time': now_ms()}])


@bad_input()
def duplicates_are_told_and_count_once(place):
    made = place.event()
    answer = place.send(lines([made, made, {**made, 'event_type': 'other'}]))
    check_equal(answer.json(), {'success': True, 'accepted': 1, 'duplicates': 2, 'rejected': []})
    check_equal(place.send(lines([made])).json(), {'success': True, 'accepted': 0, 'duplicates': 1, 'rejected': []})
    check_equal(place.finds(made)['eventType'], 'page_view', 'type of the first')


@bad_input()
def an_idempotency_key_makes_a_retry_count_once(place):
    events = [event(place.tenant, user_id='ada', event_time=now_ms()) for _ in range(3)]
    key = f'key{next(_numbers)}'
    check_equal(place.send(lines(events), Idempotency_Key=key).json()['accepted'], 3, 'accepted')
    check_equal(place.send(lines(events), Idempotency_Key=key).json(),
                {'success': True, 'accepted': 0, 'duplicates': 3, 'rejected': []}, 'the retry')
    check_equal(place.send(lines(events)).json()['accepted'], 3, 'accepted without a key')
    check(all(place.event_of(f'{key}:{index}') for index in range(3)), 'IDs are key:index')


# ---- Routes, methods, headers. ----

@bad_input()
def an_unknown_route_is_404_and_says_so_in_json(place):
    for method, path in [('GET', '/nothing'), ('POST', '/v1/nothing'), ('POST', '/v2/events'), ('POST', '/v1/events/x'),
                         ('GET', '/v1'), ('GET', '/../../etc/passwd'), ('GET', '/%00')]:
        answer = place.node.request(method, path, b'{}' if method == 'POST' else None)
        check(answer.status == 404 or answer.status == 400 and '%' in path, f'{method} {path}: {answer}')
        is_refusal(answer)


@bad_input()
def a_wrong_method_is_405_with_what_is_allowed(place):
    for method, path, allowed in [('GET', '/v1/events', 'POST'), ('PUT', '/v1/batch', 'POST'),
                                  ('DELETE', '/v1/track', 'POST'), ('PUT', '/graphql', 'GET'),
                                  ('POST', '/metrics', 'GET'), ('POST', '/readyz', 'GET')]:
        answer = place.node.request(method, path, b'' if method != 'GET' else None)
        check_equal(answer.status, 405, f'{method} {path}')
        check(allowed in (answer.headers.get('allow') or ''), f'{method} {path}: no {allowed} in {answer.headers}')
        is_refusal(answer)


@bad_input()
def a_trailing_slash_is_the_same_route(place):
    one = place.event()
    place.accepts([one], path='/v1/events/', body=lines([one]))
    call = {'messageId': f'm{next(_numbers)}', 'userId': 'ada', 'event': 'e', 'type': 'track'}
    place.accepts([call], json.dumps(call).encode(), '/v1/track/', x_write_key=place.tenant)
    call = {**call, 'messageId': f'm{next(_numbers)}'}
    place.accepts([call], json.dumps({'batch': [call], 'writeKey': place.tenant}).encode(), '/v1/batch/')
    check_equal(place.node.get('/readyz/').status, 200, '/readyz/')
    answer = place.node.post('/graphql/', {'query': '{ tenants { id } }'}, content_type='application/json')
    check_equal(answer.status, 200, '/graphql/')


@bad_input()
def content_types_are_not_asked_for(place):
    for kind in ('text/plain', 'application/x-www-form-urlencoded', 'image/png', 'nonsense', 'multipart/form-data',
                 'application/json; charset=utf-8'):
        one = place.event()
        place.accepts([one], content_type=kind)
        call = {'messageId': f'm{next(_numbers)}', 'userId': 'ada', 'event': 'e', 'type': 'track'}
        place.accepts([call], gzip.compress(json.dumps({'batch': [call]}).encode()), '/v1/batch', content_type=kind,
                      x_write_key=place.tenant)


@bad_input()
def refusals_have_cors_headers_too(place):
    for path, body, status in ('/v1/events', b'no JSON', 400), ('/v1/batch', b'{}', 400), ('/v1/track', b'', 400):
        answer = place.refuses(status, body, path, origin=ORIGIN, x_write_key=place.tenant)
        check_equal(answer.headers.get('access-control-allow-origin'), ORIGIN, f'{path}: allowed origin')
        check_equal(answer.headers.get('access-control-allow-credentials'), 'true', f'{path}: allowed credentials')
    answer = place.node.request('OPTIONS', '/v1/batch', headers={
        'origin': ORIGIN, 'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-odd'})
    check(answer.status in (200, 204), repr(answer))
    check_equal(answer.headers.get('access-control-allow-origin'), ORIGIN, 'allowed origin of a preflight')
    check_equal(answer.headers.get('access-control-allow-headers'), 'authorization,x-odd', 'allowed headers')
    check('POST' in (answer.headers.get('access-control-allow-methods') or ''), 'allowed methods')
    answer = place.node.post('/graphql', {'query': '{ tenants { id } }'}, content_type='application/json',
                             origin=ORIGIN)
    check_equal(answer.status, 403, 'a query from elsewhere')
    check_equal(answer.headers.get('access-control-allow-origin'), None, 'allowed origin of a query')


# ---- Compressed. ----

@bad_input()
def gzip_and_deflate_are_good_with_and_without_a_header(place):
    def raw(body):
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(body) + packer.flush()

    def two_members(body):
        return gzip.compress(body[:9]) + gzip.compress(body[9:])

    for compress, encoding in [(gzip.compress, 'gzip'), (gzip.compress, 'x-gzip'), (gzip.compress, ''),
                               (two_members, 'gzip'), (zlib.compress, 'deflate'), (raw, 'deflate'),
                               (bytes, 'identity')]:
        one = place.event(properties={'much': 'x' * 5000})
        place.accepts([one], compress(lines([one])), **({'content_encoding': encoding} if encoding else {}))


@bad_input()
def what_is_not_compressed_as_it_says_is_400(place):
    one = place.event()
    good = gzip.compress(lines([one] * 50 + [place.event(properties={'random': os.urandom(3000).hex()})]))
    damaged = bytearray(good)
    damaged[len(good) // 2] ^= 0x55
    for body in good[:len(good) // 2], good[:-4], good[:5], bytes(damaged), good + b'more', b'\x1f\x8bnonsense':
        place.refuses(400, body)
        place.refuses(400, body, content_encoding='gzip')
    for encoding in 'gzip', 'deflate', 'br':
        place.refuses(400, lines([one]), content_encoding=encoding)
    check_equal(place.event_of(one['event_id']), None, 'an event of a refused body')


def bomb():
    """A gigabyte of blanks in a megabyte, and a JSON string for the parser that would come to see it."""
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(b'{"tenant_id": "')]
    block = b' ' * MIB
    packed += [packer.compress(block) for _ in range(BOMB_BYTES // MIB)]
    return b''.join(packed + [packer.flush()])


@bad_input(seconds=60)
def a_zip_bomb_is_413_in_bounded_memory(place):
    packed = bomb()
    check(len(packed) < BODY_BYTES_MAX, 'the bomb is small when packed')
    place.refuses(413, packed)  # what the first one takes is taken once
    before = place.node.memory_bytes()
    clients = [Client(place.node.port) for _ in range(AT_ONCE)]
    for client in clients:
        client.connection.request('POST', '/v1/batch', packed, {'x-write-key': place.tenant})
    for client in clients:
        with client.connection.getresponse() as response:
            check_equal(response.status, 413, 'a bomb among others')
            response.read()
        client.close()
    growth = place.node.memory_bytes('VmHWM') - before
    check(growth < MEMORY_GROWTH_MAX, f'{AT_ONCE} bombs at once took {growth // MIB} MiB')


# ---- Large. ----

@bad_input()
def a_body_of_4_mib_is_good_plain_and_inflated(place):
    events = [place.event(properties={'a': 'x' * 60_000}) for _ in range(69)]
    body = lines(events)
    check(BODY_BYTES_MAX - 70_000 < len(body) < BODY_BYTES_MAX, f'{len(body)} bytes')
    body += b'\n' * (BODY_BYTES_MAX - len(body))
    place.accepts(events, body)
    place.refuses(413, body + b'\n')
    place.refuses(413, gzip.compress(body + b'\n', 1))
    again = place.send(gzip.compress(body, 1))
    check_equal((again.status, again.json()['duplicates']), (200, len(events)), 'the same, packed')


def answer_of(stream):
    """Status and whole body of an answer."""
    data = b''
    while b'\r\n\r\n' not in data:
        piece = stream.recv(65536)
        check(piece, f'the connection ended without an answer: {data}')
        data += piece
    head, rest = data.split(b'\r\n\r\n', 1)
    length = re.search(rb'(?i)content-length: *(\d+)', head)
    while length and len(rest) < int(length[1]):
        piece = stream.recv(65536)
        check(piece, f'the connection ended within an answer: {data}')
        rest += piece
    return int(head.split()[1]), rest


def send_large(place, total, is_chunked, step=256 * 1024):
    """A client that looks at the answer only after it has sent everything."""
    with socket.create_connection(('127.0.0.1', place.node.port), timeout=20) as stream:
        length = 'Transfer-Encoding: chunked' if is_chunked else f'Content-Length: {total}'
        stream.sendall(f'POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n\r\n'.encode())
        line = lines([place.event(event_id='never')])
        sent = 0
        while sent < total:
            piece = (line * (step // len(line) + 1))[:min(step, total - sent)]
            stream.sendall(b'%x\r\n%b\r\n' % (len(piece), piece) if is_chunked else piece)
            sent += len(piece)
        if is_chunked:
            stream.sendall(b'0\r\n\r\n')
        return answer_of(stream)


@bad_input()
def a_body_over_the_limit_is_413_that_the_client_sees_after_sending_all_of_it(place):
    for total in 5 * MIB, 15 * MIB:
        for is_chunked in False, True:
            status, body = send_large(place, total, is_chunked)
            check_equal(status, 413, f'{total // MIB} MiB, {"chunked" if is_chunked else "with its length"}')
            json.loads(body)
    check_equal(place.event_of('never'), None, 'an event of a refused body')


@bad_input()
def a_body_of_any_length_harms_nobody(place):
    for is_chunked in False, True:
        try:
            status, _ = send_large(place, 40 * MIB, is_chunked)
            check_equal(status, 413, '40 MiB')
        except (OSError, AssertionError) as problem:
            check(not isinstance(problem, AssertionError) or 'ended' in str(problem), problem)
    with socket.create_connection(('127.0.0.1', place.node.port), timeout=20) as stream:
        stream.sendall(b'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n')
        stream.settimeout(5)
        with contextlib.suppress(OSError):
            status = stream.recv(4096).split(b' ')[1:2]
            check(status in ([b'400'], [b'413'], []), f'status {status}')


@bad_input()
def chunked_bodies_are_good(place):
    one = place.event()
    body = lines([one])
    with socket.create_connection(('127.0.0.1', place.node.port), timeout=20) as stream:
        stream.sendall(b'POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
        for byte in range(len(body)):
            stream.sendall(b'1\r\n%b\r\n' % body[byte:byte + 1])
        stream.sendall(b'0\r\n\r\n')
        status, said = answer_of(stream)
    check_equal((status, json.loads(said)['accepted']), (200, 1), 'a byte a chunk')
    place.accepted_count += 1
    place.finds(one)


@bad_input()
def a_client_that_asks_before_it_sends_is_told_to_go_on(place):
    one = place.event()
    body = lines([one])
    with socket.create_connection(('127.0.0.1', place.node.port), timeout=20) as stream:
        stream.sendall(b'POST /v1/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n'
                       b'Content-Length: %d\r\n\r\n' % len(body))
        check_equal(answer_of(stream)[0], 100, 'status before the body')
        stream.sendall(body)
        check_equal(answer_of(stream)[0], 200, 'status')
    place.accepted_count += 1
    place.finds(one)


@bad_input()
def clients_that_leave_in_the_middle_harm_nobody(place):
    one = place.event()
    request = b'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b' % (len(lines([one])), lines([one]))
    for _ in range(40):
        with socket.create_connection(('127.0.0.1', place.node.port), timeout=20) as stream:
            stream.sendall(request[:random.randrange(1, len(request) - 1)])
    check_equal(place.event_of(one['event_id']), None, 'an event that was never sent whole')


@bad_input()
def garbage_instead_of_http_harms_nobody(place):
    for garbage in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'nonsense\r\n\r\n', b'GET\r\n\r\n',
                    os.urandom(10_000),
                    b'GET / HTTP/1.1\r\n' + b'X: ' + b'a' * 200_000 + b'\r\n\r\n', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
                    b'POST /v1/events HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
                    b'POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'):
        with socket.create_connection(('127.0.0.1', place.node.port), timeout=20) as stream:
            with contextlib.suppress(OSError):
                stream.sendall(garbage)
                stream.shutdown(socket.SHUT_WR)
                stream.settimeout(5)
                while stream.recv(65536):
                    pass


# ---- Queries. ----

@bad_input()
def bad_queries_get_errors_and_not_silence(place):
    for body in b'', b'no JSON', b'[]', b'{}', b'{"query": 7}', b'{"query": "{"}', b'{"query": "{ nothing }"}', \
            b'{"query": "{ tenants { id } }", "variables": 7}', b'{"query": "' + b'{a' * 5000 + b'"}', b'\xff':
        answer = place.node.post('/graphql', body, content_type='application/json')
        check(answer.status in (200, 400), f'{short(body)}: {answer}')
        said = answer.json()
        check(said.get('errors') and said.get('data') is None, f'{short(body)}: {answer}')
        check(all(each.get('message') for each in said['errors']), f'an error without a message: {answer}')
    for variables in b'{"a": "\\ud800"}', b'{"a": %b}' % (b'[' * 64 + b']' * 64), b'{"a": [}':
        answer = place.node.post('/graphql', b'{"query": "{ __typename }", "variables": %b}' % variables,
                                 content_type='application/json')
        check_equal(answer.status, 400, short(variables))
        check(all(word in answer.json()['errors'][0]['message'] for word in ('not JSON', 'surrogate', '64 levels')), repr(answer))
    for parameter, status in ('variables={}&extensions={}', 200), ('variables=null&extensions=null', 200), ('variables=&extensions=', 200), \
            ('extensions=7', 400), ('extensions={', 400), ('extensions=[]', 400), ('variables=[]', 400), ('variables={', 400):
        answer = place.node.get('/graphql?query=%7B__typename%7D&' + parameter)
        check_equal(answer.status, status, parameter)
        check_equal('errors' in answer.json(), status == 400, parameter)
    answer = place.node.post('/graphql', b'{"query": "' + b' ' * 5 * MIB + b'"}', content_type='application/json')
    check_equal(answer.status, 413, 'a query of 5 MiB')


@test()
def nobody_else_was_disturbed():
    check_equal(_idle.closed_count(), 0, 'idle connections that were closed')


with Node('--shards', '2', environment={'MILLRACE_NET_REQUEST_TIMEOUT': '10m'}) as _node:
    _place = Place(_node)
    _idle = Idle(_node.port, IDLE_COUNT)
    main()
