#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may do what: every route with every credential, and nothing else gets through.

One node with keys serves all: of the tenants shop and other, and a read token of both. What is refused must not have
been counted, and no secret may be found in the log.
"""

import base64
import json
import os
import re

from node import Client, Died, Node, check, check_equal, event, lines, main, millrace, now_ms, test, until

ORIGIN = 'https://shop.example'

SECRETS = {
    'write_shop': 'k-shop-3f9a1c', 'write_shop_old': 'k-shop-old-77aa', 'write_other': 'k-other-b81d',
    'write_expired': 'k-expired-91c2', 'read_shop': 't-shop/5e+1=', 'read_other': 't-other-c0ffee',
    'read_both': 't-both-1234', 'admin_shop': 't-admin-shop-9', 'admin_all': 't-admin-all-8', 'read_expired': 't-old-4321',
    'unknown': 'nobody-knows-me',
}

CONFIG = '''
keys:
  write:
    - {key_file: write_shop, tenant: shop}
    - {key_file: write_other, tenant: other, expires: 2999-01-01}
    - {key_file: write_expired, tenant: shop, expires: 2026-01-01}
  read:
    - token_file: read_shop
      tenants: [shop, nowhere]
    - {token_file: read_other, tenants: [other], rights: [read]}
    - {token_file: read_both, tenants: [shop, other], expires: never}
    - {token_file: admin_shop, tenants: [shop], rights: [read, admin]}
    - {token_file: admin_all, tenants: ["*"], rights: [admin]}
    - {token_file: read_expired, tenants: [shop], expires: 2026-01-01T00:00:00Z}
'''

WRITERS = ('write_shop', 'write_shop_old', 'write_other')
READERS = ('read_shop', 'read_other', 'read_both', 'admin_shop', 'admin_all')
NOBODIES = (None, 'unknown', 'write_expired', 'read_expired')
CREDENTIALS = WRITERS + READERS + NOBODIES

SINGLE = {'track': 't', 'identify': 'i', 'page': 'p', 'screen': 's', 'group': 'g', 'alias': 'a'}
INGEST = ['/v1/events', '/v1/batch', '/v1/b'] + [f'/v1/{each}' for pair in SINGLE.items() for each in pair]
SDK = ['/sourceConfig']
ALWAYS = ['/healthz', '/readyz']
ASK = json.dumps({'query': '{ tenants { id } }'}).encode()


def write_config(node, text, **files):
    """Secrets stand in files beside it, as names in it say."""
    for name, secret in {**SECRETS, **files}.items():
        with open(os.path.join(node.directory, name), 'w', encoding='ascii') as file:
            file.write(f'# {name}\n{secret}\n')
    with open(os.path.join(node.directory, 'write_shop'), 'a', encoding='ascii') as file:
        file.write(SECRETS['write_shop_old'])
    path = os.path.join(node.directory, 'millrace.yaml')
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)
    return path


def bearer(credential):
    return {'authorization': f'Bearer {SECRETS[credential]}'} if credential else {}


def writes(credential):
    """The status of a good body."""
    return 200 if credential in WRITERS else 403 if credential in READERS else 401


def reads(credential):
    return 200 if credential in READERS else 403 if credential in WRITERS else 401


def body_of(path, **fields):
    path = path.rstrip('/')
    call = {'userId': 'ada', 'type': 'track', 'event': 'e', 'groupId': 'g', 'previousId': 'p', **fields}
    if path == '/v1/events':
        return json.dumps({'user_id': 'ada', 'event_type': 'e', **fields}).encode()
    return json.dumps({'batch': [call]} if path in ('/v1/batch', '/v1/b') else call).encode()


def ask(query, credential='admin_all', **headers):
    answer = _node.request('POST', '/graphql', json.dumps({'query': query}).encode(),
                           {'content-type': 'application/json', **bearer(credential), **headers})
    return answer.json()


def total(tenant):
    found = ask(f'{{ tenant(id: "{tenant}") {{ totalEvents }} }}')['data']['tenant']
    return found['totalEvents'] if found else 0


def both(path):
    return path, f'{path}/'


def is_refusal(answer, status, what):
    check_equal(answer.status, status, what)
    said = answer.json()
    check(said.get('error') or said['errors'][0]['message'], f'{what}: no reason in {answer}')
    check_equal(answer.headers.get('www-authenticate'), 'Bearer' if status == 401 else None, f'{what}: challenge')
    for secret in SECRETS.values():
        check(secret.encode() not in answer.body, f'{what}: a secret in {answer}')


# ---- Writing. ----

@test()
def every_ingest_route_takes_write_keys_and_nothing_else():
    before = {tenant: total(tenant) for tenant in ('shop', 'other')}
    for path in (each for route in INGEST for each in both(route)):
        for credential in CREDENTIALS:
            answer = _node.request('POST', path, body_of(path), {'origin': ORIGIN, **bearer(credential)})
            what = f'POST {path} with {credential}'
            check_equal(answer.headers.get('access-control-allow-origin'), ORIGIN, f'{what}: allowed origin')
            if writes(credential) != 200:
                is_refusal(answer, writes(credential), what)
                continue
            check_equal(answer.status, 200, f'{what}: {answer}')
            check_equal(answer.json(), {'success': True, 'accepted': 1, 'duplicates': 0, 'rejected': []}, what)
            before['other' if credential == 'write_other' else 'shop'] += 1
    check_equal({tenant: total(tenant) for tenant in before}, before, 'events of each tenant')


@test()
def a_write_key_is_found_in_every_place():
    key = SECRETS['write_shop']
    basic = base64.b64encode(f'{key}:'.encode()).decode()
    before = total('shop')
    places = [('/v1/track', {'authorization': f'Basic {basic}'}, {}),
              ('/v1/track', {'authorization': 'Basic ' + base64.b64encode(key.encode()).decode()}, {}),
              ('/v1/track', {'x-write-key': key}, {}), (f'/v1/track?writeKey={key}', {}, {}),
              (f'/v1/track/?writekey={key}', {}, {}), ('/v1/track', {}, {'writeKey': key}),
              ('/v1/events', {'x-write-key': key}, {}), (f'/v1/events?writeKey={key}', {}, {})]
    for path, headers, fields in places:
        answer = _node.request('POST', path, body_of(path.split('?')[0], **fields), headers)
        check_equal((answer.status, answer.json().get('accepted')), (200, 1), f'{path} {headers} {fields}')
    batch = json.dumps({'writeKey': key, 'batch': [{'type': 'track', 'event': 'e', 'userId': 'ada'}]}).encode()
    check_equal(_node.request('POST', '/v1/batch', batch).status, 200, 'in the body of a batch')
    check_equal(total('shop'), before + len(places) + 1, 'events')
    for path, headers, fields in [('/v1/track', {}, {'writeKey': 'nobody'}), ('/v1/track', {'x-write-key': 'x'}, {'writeKey': key}),
                                  ('/v1/events', {}, {'writeKey': key})]:
        is_refusal(_node.request('POST', path, body_of(path, **fields), headers), 401, f'{path} {headers} {fields}')
    check_equal(total('shop'), before + len(places) + 1, 'events after refusals')


@test()
def a_native_event_that_names_another_tenant_is_rejected_alone():
    sent = [event('other', user_id='eve', event_id='b1'), event('shop', user_id='ada', event_id='b2'),
            {'event_type': 'e', 'user_id': 'ada', 'event_id': 'b3'}, event('never-seen', user_id='eve', event_id='b4')]
    before = {tenant: total(tenant) for tenant in ('shop', 'other', 'never-seen')}
    for body in lines(sent), json.dumps(sent).encode():
        said = _node.request('POST', '/v1/events', body, bearer('write_shop')).json()
        check_equal([each['index'] for each in said['rejected']], [0, 3], 'rejected')
        check(all('tenant_id' in each['error'] for each in said['rejected']), said)
        check_equal(said['accepted'] + said['duplicates'], 2, 'taken')
    check_equal({tenant: total(tenant) for tenant in before}, {**before, 'shop': before['shop'] + 2}, 'events')
    found = ask('{ event(tenantId: "shop", eventId: "b3") { tenantId } }')['data']['event']
    check_equal(found, {'tenantId': 'shop'}, 'an event that names no tenant')


@test()
def what_sdks_ask_before_they_send_needs_a_key_that_is_good():
    for credential in CREDENTIALS:
        wanted = writes(credential)
        name = SECRETS[credential].replace('/', '').replace('+', '').replace('=', '') if credential else 'none'
        if credential not in (None, 'read_shop'):  # its token cannot stand in a path
            for path in both(f'/v1/projects/{name}/settings') + both(f'/v1/projects/projects/{name}/settings'):
                answer = _node.request('GET', path, headers={'origin': ORIGIN})
                check_equal(answer.status, wanted, f'{path} with {credential}: {answer}')
                check_equal(answer.headers.get('access-control-allow-origin'), ORIGIN, path)
                if wanted == 200:
                    to = answer.json()['integrations']['Segment.io']
                    check_equal((to['apiKey'], to['apiHost'], to['protocol']), (name, f'127.0.0.1:{_node.port}/v1', 'http'))
        for path in both('/sourceConfig'):
            for method in 'GET', 'HEAD':
                answer = _node.request(method, path, headers=bearer(credential))
                check_equal(answer.status, wanted, f'{method} {path} with {credential}')
    answer = _node.get(f'/sourceConfig/?p=npm&writeKey={SECRETS["write_shop"]}')
    check_equal(answer.json()['source']['enabled'], True, 'source, with a key in the query')


@test()
def preflights_and_metrics_of_sdks_need_nothing():
    for path in (each for route in INGEST + SDK + ['/v1/m', '/v1/projects/x/settings'] for each in both(route)):
        answer = _node.request('OPTIONS', path, headers={
            'origin': ORIGIN, 'access-control-request-method': 'POST',
            'access-control-request-headers': 'authorization,x-retry-count'})
        check_equal(answer.status, 200, f'OPTIONS {path}')
        check_equal(answer.headers.get('access-control-allow-origin'), ORIGIN, f'{path}: allowed origin')
        check_equal(answer.headers.get('access-control-allow-headers'), 'authorization,x-retry-count', path)
        check_equal(answer.headers.get('access-control-allow-credentials'), 'true', path)
        check('POST' in answer.headers.get('access-control-allow-methods'), f'{path}: allowed methods')
    for path in both('/v1/m'):
        check_equal(_node.request('POST', path, b'{"series":[]}').status, 200, path)


# ---- Reading. ----

@test()
def every_reading_route_takes_read_tokens_and_nothing_else():
    get = '/graphql?query=%7Btenants%7Bid%7D%7D'
    asked = [('POST', '/graphql', ASK), ('POST', '/graphql/', ASK), ('GET', get, None), ('HEAD', get, None),
             ('GET', get.replace('?', '/?'), None), ('GET', '/metrics', None), ('GET', '/metrics/', None),
             ('HEAD', '/metrics', None)]
    for method, path, body in asked:
        for credential in CREDENTIALS:
            what = f'{method} {path} with {credential}'
            answer = _node.request(method, path, body, {'content-type': 'application/json', **bearer(credential)})
            check_equal(answer.status, reads(credential), f'{what}: {answer}')
            if answer.status != 200 and method != 'HEAD':
                is_refusal(answer, reads(credential), what)
                if 'graphql' in path:
                    code = answer.json()['errors'][0]['extensions']['code']
                    check_equal(code, 'UNAUTHENTICATED' if answer.status == 401 else 'FORBIDDEN', what)


@test()
def a_read_token_works_as_bearer_only():
    token = SECRETS['read_shop']
    basic = base64.b64encode(f'{token}:'.encode()).decode()
    for headers in ({'authorization': f'Basic {basic}'}, {'x-write-key': token}, {'authorization': token},
                    {'authorization': f'Bearer {token} x'}, {'authorization': f'Bearer {token[:-1]}'},
                    {'authorization': f'Bearer {token}='}, {'authorization': 'Bearer'}, {'cookie': f'token={token}'}):
        answer = _node.request('POST', '/graphql', ASK, {'content-type': 'application/json', **headers})
        is_refusal(answer, 401, headers)
    check_equal(_node.get('/metrics?access_token=' + token).status, 401, 'in the query')
    check_equal(_node.request('GET', '/metrics', headers={'authorization': f'bearer  {token} '}).status, 200, 'lower case')


@test()
def health_needs_nothing_and_other_paths_tell_nothing():
    for path in (each for route in ALWAYS for each in both(route)):
        for method in 'GET', 'HEAD':
            for credential in CREDENTIALS:
                answer = _node.request(method, path, headers=bearer(credential))
                check_equal(answer.status, 200, f'{method} {path} with {credential}')
    for credential in CREDENTIALS:
        for path in '/nothing', '/v1', '/v1/nothing', '/graphql/x', '/metrics/x':
            check_equal(_node.request('GET', path, headers=bearer(credential)).status, 404, f'{path} with {credential}')
        for method, path in [('GET', '/v1/events'), ('PUT', '/graphql'), ('OPTIONS', '/graphql'), ('POST', '/metrics'),
                             ('DELETE', '/v1/track')]:
            answer = _node.request(method, path, b'' if method != 'GET' else None, bearer(credential))
            check_equal(answer.status, 405, f'{method} {path} with {credential}')
    answer = _node.request('OPTIONS', '/graphql', headers={'origin': ORIGIN, **bearer('admin_all')})
    check_equal(answer.headers.get('access-control-allow-origin'), None, 'allowed origin of queries')


@test()
def a_token_sees_its_tenants_and_cannot_tell_whether_there_are_others():
    for tenant in 'shop', 'other':
        _node.request('POST', '/v1/events', lines([event(tenant, user_id='ada', event_id='seen')]), bearer(f'write_{tenant}'))
    for credential, sees in [('read_shop', ['shop']), ('admin_shop', ['shop']), ('read_other', ['other']),
                             ('read_both', ['other', 'shop']), ('admin_all', ['other', 'shop'])]:
        said = ask('{ tenants { id } }', credential)
        check_equal(sorted(each['id'] for each in said['data']['tenants']), sees, f'tenants of {credential}')
    at = '{ events(tenantId: "%s", first: 1) { nodes { eventId } } }'
    fields = ['{ tenant(id: "%s") { id } }', '{ profile(tenantId: "%s", userId: "ada") { userId } }',
              '{ event(tenantId: "%s", eventId: "seen") { eventId } }', at,
              '{ sessions(tenantId: "%s") { nodes { sessionId } } }', '{ merges(tenantId: "%s") { nodes { winner } } }',
              '{ summary(tenantId: "%s", from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z") { events } }']
    for field in fields:
        for credential, tenant in [('read_shop', 'other'), ('read_other', 'shop'), ('admin_shop', 'other')]:
            said = [ask(field % each, credential) for each in (tenant, 'there-is-none')]
            check_equal([each['extensions']['code'] for each in said[0]['errors']], ['FORBIDDEN'], f'{field} {said}')
            check_equal(said[0], said[1], f'{field}: a tenant that is there and one that is not')
        check(not ask(field % 'shop', 'read_shop').get('errors'), field)
    both_said = ask('{ a: tenant(id: "shop") { id } b: tenant(id: "other") { id } }', 'read_shop')
    check_equal(both_said['data'], {'a': {'id': 'shop'}, 'b': None}, 'one of two')
    check_equal(ask('{ tenant(id: "nowhere") { id } }', 'read_shop')['data'], {'tenant': None}, 'its own, not there')


@test()
def mutations_need_the_right_admin():
    delete = 'mutation { deleteProfile(tenantId: "shop", userId: "nobody-of-that-name") { canonicalIds } }'
    for credential in READERS:
        for kind in 'application/json', 'application/graphql-response+json':
            answer = _node.request('POST', '/graphql', json.dumps({'query': delete}).encode(),
                                   {'content-type': 'application/json', 'accept': kind, **bearer(credential)})
            codes = [each['extensions']['code'] for each in answer.json().get('errors', [])]
            is_admin = credential.startswith('admin')
            check_equal('FORBIDDEN' in codes, not is_admin, f'{credential}: {answer}')
            if not is_admin:
                check_equal(answer.status, 403 if 'response' in kind else 200, f'{credential} {kind}')
                check('data' not in answer.json(), f'{credential}: {answer}')


@test()
def a_page_of_another_host_may_not_read_with_a_token_either():
    for headers, status in [({'origin': ORIGIN}, 403), ({'host': 'cdp.example.org'}, 403),
                            ({'origin': f'http://127.0.0.1:{_node.port}'}, 200), ({'host': 'localhost'}, 200)]:
        answer = _node.request('POST', '/graphql', ASK, {'content-type': 'application/json', **bearer('read_shop'), **headers})
        check_equal(answer.status, status, f'{headers}: {answer}')
        check_equal(answer.headers.get('access-control-allow-origin'), None, f'{headers}: allowed origin')


# ---- Idempotency. ----

@test()
def events_without_an_id_get_that_of_the_request():
    key = bearer('write_shop')
    native = [{'event_type': 'e', 'user_id': 'ada'}, {'event_type': 'e'}, {'event_type': 'e', 'user_id': 'ada', 'event_id': 'own'}]
    bodies = {'n': ('/v1/events', b'\n' + lines(native).replace(b'}\n', b'}\n\n')),
              'a': ('/v1/events', json.dumps(native).encode().replace(b'"own"', b'"own-a"')),
              's': ('/v1/batch', json.dumps({'batch': [
                  {'type': 'track', 'event': 'e', 'userId': 'ada'}, {'type': 'track', 'event': 'e'},
                  {'type': 'track', 'event': 'e', 'userId': 'ada', 'messageId': 'own-s'}]}).encode()),
              't': ('/v1/track', body_of('/v1/track'))}
    for name, (path, body) in bodies.items():
        count = 1 if name == 't' else 2
        rejected = [] if name == 't' else [1]
        for want in (count, 0), (0, count):
            said = _node.request('POST', path, body, {'idempotency-key': f'idem {name}', **key}).json()
            check_equal((said['accepted'], said['duplicates']), want, f'{path} {said}')
            check_equal([each['index'] for each in said['rejected']], rejected, f'{path}: rejected')
        found = ask(f'{{ event(tenantId: "shop", eventId: "idem {name}:0") {{ eventId }} }}')['data']['event']
        check(found, f'{path}: no event idem {name}:0')
        again = _node.request('POST', path, body, {'idempotency-key': f'other {name}', **key}).json()
        check_equal(again['accepted'], 1, f'{path} with another key: {again}')
    for bad in 'x' * 121, 'caf\xe9':
        for path, body in bodies.values():
            check_equal(_node.request('POST', path, body, {'idempotency-key': bad, **key}).status, 400, f'{path} {bad}')
    check_equal(_node.request('POST', '/v1/track', body_of('/v1/track'), {'idempotency-key': 'x' * 120, **key}).status, 200)


# ---- Settings. ----

@test()
def no_secret_is_in_the_log_or_in_what_config_prints():
    check('a key or token has expired' in _node.log(), 'it does not tell of what has expired')
    status, out, err = millrace('config', '--config', os.path.join(_node.directory, 'millrace.yaml'), cwd=_node.directory)
    check_equal(status, 0, err)
    check('key_file: "write_shop"' in out and 'tenants: ["shop", "nowhere"]' in out, out)
    for name, secret in SECRETS.items():
        check(secret not in _node.log(), f'{name} is in the log')
        check(secret not in out + err, f'{name} is printed')


@test()
def keys_that_are_no_good_are_refused_with_their_place():
    with Node(starts=False) as node:
        for text, words in [
                ('keys:\n  write:\n    - {key_file: nothing, tenant: shop}\n', ['millrace.yaml:3', 'nothing', 'No such file']),
                ('keys:\n  write:\n    - {key_file: write_shop}\n', ['millrace.yaml:3', 'keys.write.tenant is missing']),
                ('keys:\n  write:\n    - key: abc\n', ['millrace.yaml:3', 'unknown key keys.write.key']),
                ('keys:\n  read: [{token_file: read_shop, tenants: [shop], rights: [all]}]\n', ['millrace.yaml:2', 'rights']),
                ('keys:\n  read: [{token_file: read_shop, tenants: [shop], expires: soon}]\n', ['millrace.yaml:2', 'not a time']),
                ('keys:\n  write:\n  - {key_file: two, tenant: a}\n  - {key_file: two, tenant: b}\n', ['millrace.yaml', 'twice'])]:
            path = write_config(node, text, two='same-key')
            try:
                node.start('--config', path)
                raise AssertionError(f'it runs with {text}')
            except Died as died:
                check_equal(died.status, 2, f'exit status with {text}')
                check(all(word in died.log for word in words), f'{words} of {text}: {died.log}')
                check('same-key' not in died.log, died.log)


@test()
def a_node_with_keys_may_listen_everywhere_and_is_read_by_its_names():
    with Node(starts=False) as node:
        path = write_config(node, CONFIG + 'net: {hosts: [cdp.example.org], origins: ["https://app.example.org"]}\n')
        node.start('--config', path, '--listen', f'0.0.0.0:{node.port}')
        for headers, status in [({'host': 'cdp.example.org'}, 200), ({'host': 'CDP.example.org:443'}, 200),
                                ({'host': 'evil.example'}, 403), ({'origin': 'https://app.example.org'}, 200),
                                ({'origin': 'https://evil.example'}, 403)]:
            answer = node.request('POST', '/graphql', ASK, {'content-type': 'application/json', **bearer('read_shop'), **headers})
            check_equal(answer.status, status, f'{headers}: {answer}')


@test()
def keys_come_from_the_environment_too():
    with Node(starts=False) as node:
        write_config(node, '')
        node.environment = {'MILLRACE_KEYS_WRITE': '[{key_file: write_shop, tenant: shop}]'}
        node.start()
        check_equal(node.request('POST', '/v1/track', body_of('/v1/track'), bearer('write_shop')).status, 200)
        for credential in None, 'read_shop', 'unknown':
            check_equal(node.request('GET', '/metrics', headers=bearer(credential)).status, 401, credential)
        check_equal(node.request('GET', '/metrics', headers=bearer('write_shop')).status, 403, 'the write key')


# ---- How much. ----

@test()
def a_tenant_that_sends_too_much_is_told_when_to_come_back():
    with Node(starts=False) as node:
        path = write_config(node, CONFIG + 'ingest: {rate_limit: 20}\n')
        node.start('--config', path, '--shards', '2')

        def send(count, credential):
            events = [{'event_type': 'e', 'user_id': 'ada', 'event_time': now_ms()}] * count
            return Client(node.port).request('POST', '/v1/events', lines(events), {'origin': ORIGIN, **bearer(credential)})

        check_equal(send(60, 'write_shop').json().get('accepted'), 60, 'a batch larger than the limit')
        for credential in 'write_shop', 'write_shop_old':
            answer = send(1, credential)
            check_equal(answer.status, 429, f'{credential}: {answer}')
            check(answer.headers['retry-after'] in ('1', '2'), answer.headers['retry-after'])
            check_equal(answer.headers.get('access-control-allow-origin'), ORIGIN, 'allowed origin')
            check_equal(answer.headers.get('access-control-expose-headers'), 'Retry-After', 'what scripts may see')
            check(answer.json()['error'], answer)
        check_equal(send(1, 'write_other').status, 200, 'of another tenant')
        until(lambda: send(1, 'write_shop').status == 200, 10, 'room')
        text = node.request('GET', '/metrics', headers=bearer('read_shop')).body.decode()
        counted = re.findall(r'^millrace_ingest_requests_total\{.*code="429".*\} (\d+)$', text, re.MULTILINE)
        check(sum(int(each) for each in counted) >= 2, f'429s by the metrics: {counted}')


with Node(starts=False) as _node:
    _node.start('--config', write_config(_node, CONFIG), '--shards', '2')
    main()
