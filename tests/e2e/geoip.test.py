#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a call does not say of its sender: the country of an address, where a database is configured, and the device of a
user agent. What the connection says counts only for browsers."""

import json
import os

import mmdb
from node import Died, Node, check, check_equal, main, test

ORIGIN = 'https://shop.example'


def country_of(node, event_id):
    return node.gql('query($id: ID!) { event(tenantId: "shop", eventId: $id) { country } }', id=event_id)['event']['country']


def send(node, path, event_id, context=None, **headers):
    call = {'type': 'track', 'event': 'e', 'userId': 'ada', 'messageId': event_id, 'context': context or {}}
    body = {'batch': [call]} if path in ('/v1/b', '/v1/batch') else call
    answer = node.request('POST', path, json.dumps(body).encode(),
                          {'x-write-key': 'shop', **{name.replace('_', '-'): value for name, value in headers.items()}})
    check_equal(answer.json().get('accepted'), 1, f'{path}: {answer}')
    return country_of(node, event_id)


@test()
def a_database_that_is_none_is_refused_by_name():
    with Node(starts=False) as node:
        bad = os.path.join(node.directory, 'bad.mmdb')
        with open(bad, 'wb') as file:
            file.write(os.urandom(5000))
        for path in '/nowhere.mmdb', bad:
            node.environment = {'MILLRACE_GEOIP_DATABASE': path}
            try:
                node.start()
                raise AssertionError(f'it runs with {path}')
            except Died as died:
                check_equal(died.status, 2, 'exit status')
                check(path in died.log and 'geoip.database' in died.log, died.log)


@test()
def a_country_is_the_context_s_then_its_address_s_then_a_browser_s():
    with Node(starts=False) as node:
        path = os.path.join(node.directory, 'geo.mmdb')
        mmdb.write(path, {'1.2.3.0/24': 'DE', '2001:db8::/32': 'FR', '127.0.0.0/8': 'NZ'})
        node.environment = {'MILLRACE_GEOIP_DATABASE': path}
        node.start('--shards', '2')
        rows = [('/v1/track', {'ip': '1.2.3.4', 'location': {'country': 'AT'}}, {}, 'AT'),
                ('/v1/track', {'ip': '1.2.3.4'}, {}, 'DE'), ('/v1/batch', {'ip': '2001:db8::7'}, {}, 'FR'),
                ('/v1/track', {'ip': '9.9.9.9'}, {}, None), ('/v1/track', {}, {}, None), ('/v1/batch', {}, {}, None),
                ('/v1/t', {}, {}, 'NZ'), ('/v1/b', {}, {}, 'NZ'), ('/v1/track', {}, {'origin': ORIGIN}, 'NZ'),
                ('/v1/t', {'ip': '0.0.0.0'}, {}, None), ('/v1/t', {}, {'x_forwarded_for': '1.2.3.4'}, 'NZ')]
        for number, (path, context, headers, want) in enumerate(rows):
            check_equal(send(node, path, f'm{number}', context, **headers), want, f'{path} {context} {headers}')
        stored = node.gql('{ event(tenantId: "shop", eventId: "m6") { properties } }')
        check('127.0.0.1' not in json.dumps(stored), stored)


@test()
def behind_a_proxy_the_last_forwarded_address_counts():
    with Node(starts=False) as node:
        path = os.path.join(node.directory, 'geo.mmdb')
        mmdb.write(path, {'1.2.3.0/24': 'DE', '127.0.0.0/8': 'NZ'})
        node.environment = {'MILLRACE_GEOIP_DATABASE': path, 'MILLRACE_NET_TRUST_FORWARDED_FOR': 'true'}
        node.start()
        for number, (said, want) in enumerate([('1.2.3.4', 'DE'), ('9.9.9.9, 1.2.3.4', 'DE'), ('1.2.3.4,127.0.0.9', 'NZ'),
                                               ('1.2.3.4,', None), ('nonsense', None), ('', None)]):
            check_equal(send(node, '/v1/t', f'm{number}', x_forwarded_for=said), want, said)


@test()
def a_device_is_that_of_the_context_s_user_agent_and_of_the_header_for_browsers():
    phone = ('Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) '
             'Version/17.5 Mobile/15E148 Safari/604.1')
    firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0'
    iphone, linux, nothing = ['mobile', 'Safari', 'iOS'], ['desktop', 'Firefox', 'Linux'], [None] * 3
    with Node() as node:
        rows = [('/v1/track', {'userAgent': phone}, {}, iphone), ('/v1/t', {'userAgent': phone}, {}, iphone),
                ('/v1/track', {}, {}, nothing), ('/v1/batch', {}, {}, nothing), ('/v1/t', {}, {}, linux),
                ('/v1/b', {}, {}, linux), ('/v1/track', {}, {'origin': ORIGIN}, linux),
                ('/v1/t', {'device': {'type': 'watch'}}, {}, ['watch', *linux[1:]])]
        for number, (path, context, headers, want) in enumerate(rows):
            send(node, path, f'm{number}', context, user_agent=firefox, **headers)
            got = node.gql('query($id: ID!) { event(tenantId: "shop", eventId: $id) { deviceType browser os } }',
                           id=f'm{number}')['event']
            check_equal([got['deviceType'], got['browser'], got['os']], want, f'{path} {context} {headers}')


main()
