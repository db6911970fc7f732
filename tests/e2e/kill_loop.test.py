#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The node is killed again and again, and every event counts once.

Four clients send what real ones send at their worst (IDs twice, devices that people share, aliases, late events, lines
that are no events) and send again what was not answered. The node is killed at random moments, one in four while
it starts, and comes back with any number of shards on any backend. At the end every answer is compared with what
the clients know. MILLRACE_LONG=1 or --long kills 50 times; MILLRACE_SEED repeats the dice, if not the timing.
"""

import collections
import json
import multiprocessing
import os
import random
import time

from node import (HOUR, IS_LONG, Client, Died, Node, Refused, check, check_equal, die_with_parent, lines, main, now_ms,
                  rfc3339, short, test, until)

KILL_COUNT = 50 if IS_LONG else 15
CLIENT_COUNT = 4
TENANTS = ['kill-a', 'kill-b', 'kill-c']
USER_COUNT = 40
DEVICE_COUNT = 60
BATCH_COUNT_MAX = 25
PAGE_SIZE = 1000
ANSWER_SECONDS = 60  # in which a request is answered, however often it has to be sent
SEED = int(os.environ.get('MILLRACE_SEED') or random.getrandbits(32))
TYPES = ['page_view', 'page_view', 'click', 'login', 'signup', 'feature_used', 'Order Completed']
COUNTRIES = ['DE', 'FR', 'JP', None]

# Lines that are no events; a reject each, and nothing else.
BAD_LINES = [
    b'this is no JSON',
    b'{"tenant_id": "kill-a", "event_type": "click", "user_id": "u1", "properties": {"broken": }}',
    b'{"tenant_id": "kill-a", "event_type": "click", "user_id": "u1", "event_time": "yesterday"}',
    b'{"tenant_id": "kill-a", "event_type": "click", "user_id": "u1", "event_time": 1234567890}',
    b'{"tenant_id": "kill-a", "event_type": "click", "user_id": "null", "anonymous_id": "0"}',
    b'{"tenant_id": "kill-a", "event_type": "click"}',
    b'{"tenant_id": "kill a", "event_type": "click", "user_id": "u1"}',
    b'{"tenant_id": "kill-a", "user_id": "u1"}',
    b'[1, 2, 3]',
    b'"event"',
    b'{"tenant_id": "kill-a", "event_type": "click", "user_id": {"a": 1}}',
    b'{"tenant_id": "kill-a", "event_type": "click", "user_id": "u1", "properties": "{\\"a\\": "}',
    b'{"tenant_id": "kill-a", "event_type": "click", "user_id": "u1", "properties": {"a": "' + b'x' * 70000 + b'"}}',
]


class Stream:
    """One client's events, and which of them were answered."""

    def __init__(self, port, number, answered):
        self.number = number
        self.dice = random.Random(f'{SEED}/{number}')
        self.client = Client(port, seconds=20)
        self.answered = answered  # shared: counts by tenant, of all clients
        self.ledger = {tenant: {} for tenant in TENANTS}  # event ID: (type, country)
        self.recent = collections.deque(maxlen=200)
        self.event_count = 0
        self.resent_count = 0
        self.began = now_ms() - 8 * HOUR

    def a_new_event(self):
        dice = self.dice
        self.event_count += 1
        # Within the last eight hours, so nothing is older than the sessions' horizon; one in ten is late.
        at = self.began + min(self.event_count * 250, 7 * HOUR) - (dice.randrange(HOUR) if dice.random() < 0.1 else 0)
        made = {
            'tenant_id': dice.choice(TENANTS), 'event_id': f'{self.number}-{self.event_count}',
            'event_type': dice.choice(TYPES), 'event_time': at, 'country': dice.choice(COUNTRIES),
            'page_url': f'/{dice.randrange(30)}', 'device_type': dice.choice(['mobile', 'desktop']),
            'traits': {'last': self.event_count}, 'properties': {'n': self.event_count},
        }
        who = dice.random()
        user, device = f'u{dice.randrange(USER_COUNT)}', f'd{dice.randrange(DEVICE_COUNT)}'
        if who < 0.4:
            made['user_id'] = user
        elif who < 0.7:
            made['anonymous_id'] = device
        elif who < 0.93:
            made.update(user_id=user, anonymous_id=device)
        else:
            new, known = f'new-{self.number}-{self.event_count}', f'u{dice.randrange(USER_COUNT)}'
            made.update(event_type='alias', user_id=user, previous_id=dice.choice([device, known, new]))
        if made['country'] is None:
            del made['country']
        return made

    def a_batch(self):
        """The lines, the events that are new, the indexes of the bad ones."""
        dice = self.dice
        batch, new, bad = [], {}, []
        for _ in range(dice.randrange(1, BATCH_COUNT_MAX)):
            what = dice.random()
            if what < 0.04:
                bad.append(len(batch))
                batch.append(dice.choice(BAD_LINES) + b'\n')
                continue
            if what < 0.12 and self.recent:
                # The same ID again, in the same tenant, however it looks otherwise: the first one counts.
                again = dice.choice(self.recent)
                batch.append(lines([dict(again, event_type='again', properties={'again': True})]))
                continue
            made = self.a_new_event()
            new[made['event_id']] = made
            batch.append(lines([made]))
            if dice.random() < 0.05:
                batch.append(batch[-1])
            self.recent.append(made)
        if len(bad) == len(batch):  # without any event it would be a 400
            return self.a_batch()
        return batch, new, bad

    def send(self, batch, new, bad):
        """Until it is answered."""
        body = b''.join(batch)
        is_first = True
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                answer = self.client.post('/v1/events', body)
                if answer.status != 503:
                    break
            except Client.Broken:
                answer = 'no answer'
            is_first = False
            self.resent_count += 1
            check(time.monotonic() < deadline, f'not answered in {ANSWER_SECONDS} s, at last {answer}')
            time.sleep(self.dice.random() * 0.02)  # as a client waits before it tries again
        check_equal(answer.status, 200, f'{answer} to {short(body)}')
        said = answer.json()
        good_count = len(batch) - len(bad)
        check_equal([each['index'] for each in said['rejected']], bad, f'rejected of {short(body)}')
        check_equal(said['accepted'] + said['duplicates'], good_count, f'accepted and duplicates of {short(body)}')
        if is_first:
            check_equal(said['accepted'], len(new), f'accepted of {short(body)}')
        for event_id, made in new.items():
            self.ledger[made['tenant_id']][event_id] = (made['event_type'], made.get('country') or '(none)')
            with self.answered.get_lock():
                self.answered[TENANTS.index(made['tenant_id'])] += 1


def run_stream(port, number, answered, stop, pipe):
    die_with_parent()
    stream = Stream(port, number, answered)
    try:
        while not stop.is_set():
            stream.send(*stream.a_batch())
        pipe.send((stream.ledger, stream.resent_count))
    except BaseException as problem:
        pipe.send(f'client {number}: {type(problem).__name__}: {problem}')


class Clients:
    def __init__(self, port):
        self.answered = multiprocessing.Array('q', len(TENANTS))
        self.stop = multiprocessing.Event()
        self.pipes = []
        self.processes = []
        for number in range(CLIENT_COUNT):
            mine, its = multiprocessing.Pipe()
            process = multiprocessing.Process(target=run_stream, args=(port, number, self.answered, self.stop, its))
            process.start()
            its.close()
            self.pipes.append(mine)
            self.processes.append(process)

    def counts(self):
        with self.answered.get_lock():
            return dict(zip(TENANTS, self.answered))

    def check_alive(self):
        for pipe in self.pipes:
            if pipe.poll():  # only what went wrong comes before the end
                raise AssertionError(pipe.recv())

    def finish(self):
        """{tenant: {event ID: (type, country)}}, and how often something was sent again."""
        self.stop.set()
        ledger = {tenant: {} for tenant in TENANTS}
        resent_count = 0
        for pipe in self.pipes:
            check(pipe.poll(ANSWER_SECONDS + 10), 'a client does not end')
            ended = pipe.recv()
            check(not isinstance(ended, str), ended)
            for tenant in TENANTS:
                ledger[tenant].update(ended[0][tenant])
            resent_count += ended[1]
        return ledger, resent_count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.join()


def pages(node, tenant, field, selection):
    """All nodes of a connection."""
    nodes = []
    after = None
    while True:
        got = node.gql('''query($tenant: ID!, $first: Int!, $after: String) { %s(tenantId: $tenant, first: $first,
                          after: $after) { nodes { %s } pageInfo { hasNextPage endCursor } } }''' % (field, selection),
                       tenant=tenant, first=PAGE_SIZE, after=after)[field]
        nodes += got['nodes']
        if not got['pageInfo']['hasNextPage']:
            return nodes
        check(got['nodes'], f'{field}: an empty page, and it says that there are more')
        after = got['pageInfo']['endCursor']


def profiles(node, tenant, arguments):
    """The profiles of [(argument, value)], in that order."""
    got = []
    for begin in range(0, len(arguments), 25):
        some = arguments[begin:begin + 25]
        query = ' '.join(f'p{index}: profile(tenantId: $tenant, {argument}: {json.dumps(value)}, asOf: $at) {{ '
                         'canonicalId userIds anonymousIds mergedIds firstSeen lastSeen totalEvents totalSessions '
                         'eventCounts { key count } events90d sessions90d avgSessionDurationSec lastPage traits }'
                         for index, (argument, value) in enumerate(some))
        data = node.gql('query($tenant: ID!, $at: DateTime!) { %s }' % query, tenant=tenant, at=rfc3339(now_ms()))
        got += [data[f'p{index}'] for index in range(len(some))]
    return got


ROLLUPS = '''query($tenant: ID!, $from: DateTime!, $to: DateTime!) {
  tenant(id: $tenant) { totalEvents totalProfiles activeSessions watermark }
  summary(tenantId: $tenant, from: $from, to: $to) { users sessions events avgDurationSec eventsPerSession }
  minutes: timeSeries(tenantId: $tenant, metric: EVENTS, interval: MINUTE, from: $from, to: $to) { time value }
  hours: timeSeries(tenantId: $tenant, metric: EVENTS, interval: HOUR, from: $from, to: $to) { time value }
  days: timeSeries(tenantId: $tenant, metric: EVENTS, interval: DAY, from: $from, to: $to) { time value }
  sessionHours: timeSeries(tenantId: $tenant, metric: SESSIONS, interval: HOUR, from: $from, to: $to) { time value }
  byType: breakdown(tenantId: $tenant, metric: EVENTS, by: EVENT_TYPE, from: $from, to: $to, first: 100) { key value }
  byCountry: breakdown(tenantId: $tenant, metric: EVENTS, by: COUNTRY, from: $from, to: $to, first: 100) { key value }
  byDevice: breakdown(tenantId: $tenant, metric: EVENTS, by: DEVICE_TYPE, from: $from, to: $to, first: 9) { key value }
  byPage: breakdown(tenantId: $tenant, metric: EVENTS, by: PAGE_URL, from: $from, to: $to, first: 100) { key value }
  sessionsByCountry: breakdown(tenantId: $tenant, metric: SESSIONS, by: COUNTRY, from: $from, to: $to, first: 100) {
    key value
  }
}'''


def answers(node, tenant, began):
    """Everything that the node says of a tenant."""
    said = node.gql(ROLLUPS, tenant=tenant, **{'from': rfc3339(began - 12 * HOUR), 'to': rfc3339(began + 11 * HOUR)})
    said['events'] = pages(node, tenant, 'events', 'eventId eventType eventTime canonicalId country late')
    said['sessions'] = pages(node, tenant, 'sessions', 'sessionId revision canonicalId startTime endTime eventCount '
                             'open')
    said['merges'] = pages(node, tenant, 'merges', 'loser winner eventTime')
    names = [('userId', f'u{number}') for number in range(USER_COUNT)]
    names += [('anonymousId', f'd{number}') for number in range(DEVICE_COUNT)]
    said['byName'] = profiles(node, tenant, names)
    canonicals = sorted({each['canonicalId'] for each in said['events']})
    said['profiles'] = dict(zip(canonicals, profiles(node, tenant, [('id', canonical) for canonical in canonicals])))
    said['losers'] = profiles(node, tenant, [('id', each['loser']) for each in said['merges']])
    return said


def check_sum(rows, want, what):
    check_equal(sum(row['value'] for row in rows), want, f'sum of {what}')


def check_answers(tenant, said, ledger):
    """Every event of the ledger counts once, in every answer."""
    total = len(ledger)
    events, sessions, people = said['events'], said['sessions'], said['profiles']

    ids = collections.Counter(each['eventId'] for each in events)
    twice = [each for each, count in ids.items() if count > 1]
    check(not twice, f'{tenant}: {len(twice)} events are listed twice: {twice[:5]}')
    lost = ledger.keys() - ids.keys()
    check(not lost, f'{tenant}: {len(lost)} of {total} events are not listed: {sorted(lost)[:5]}')
    unknown = ids.keys() - ledger.keys()
    check(not unknown, f'{tenant}: {len(unknown)} events are listed that were never answered: {sorted(unknown)[:5]}')
    check_equal({each['eventId']: (each['eventType'], each['country'] or '(none)') for each in events}, ledger,
                f'{tenant}: types and countries of events')
    times = [each['eventTime'] for each in events]
    check_equal(times, sorted(times, reverse=True), f'{tenant}: order of events')

    check_equal(said['tenant']['totalEvents'], total, f'{tenant}: totalEvents')
    check_equal(said['summary']['events'], total, f'{tenant}: summary.events')
    for name in 'minutes', 'hours', 'days', 'byType', 'byCountry', 'byDevice', 'byPage':
        check_sum(said[name], total, f'{tenant} {name}')
    for name, column in ('byType', 0), ('byCountry', 1):
        check_equal({row['key']: row['value'] for row in said[name]},
                    dict(collections.Counter(each[column] for each in ledger.values())), f'{tenant}: {name}')

    of = collections.Counter(each['canonicalId'] for each in events)
    nobody = [canonical for canonical, each in people.items() if each is None]
    check(not nobody, f'{tenant}: there is no profile of {nobody}')
    check_equal({key: each['totalEvents'] for key, each in people.items()}, dict(of), f'{tenant}: profiles.totalEvents')
    check_equal({key: each['canonicalId'] for key, each in people.items()}, {key: key for key in people},
                f'{tenant}: canonicals of profiles')
    for name in 'totalEvents', 'events90d':
        check_equal(sum(each[name] for each in people.values()), total, f'{tenant}: sum of {name} of profiles')
    check_equal(sum(row['count'] for each in people.values() for row in each['eventCounts']), total,
                f'{tenant}: sum of eventCounts of profiles')
    check_equal(said['tenant']['totalProfiles'], len(people), f'{tenant}: totalProfiles')
    check_equal(said['summary']['users'], len(people), f'{tenant}: summary.users')

    check_equal(len({each['sessionId'] for each in sessions}), len(sessions), f'{tenant}: different session IDs')
    check_equal(sum(each['eventCount'] for each in sessions), total, f'{tenant}: sum of eventCount of sessions')
    check_equal(collections.Counter(each['canonicalId'] for each in sessions),
                collections.Counter({key: each['totalSessions'] for key, each in people.items()}),
                f'{tenant}: totalSessions of profiles')
    check_equal(said['summary']['sessions'], len(sessions), f'{tenant}: summary.sessions')
    check_equal(said['tenant']['activeSessions'], sum(each['open'] for each in sessions), f'{tenant}: activeSessions')
    for name in 'sessionHours', 'sessionsByCountry':
        check_sum(said[name], len(sessions), f'{tenant} {name}')

    check_equal(sum(len(each['mergedIds']) for each in people.values()), len(said['merges']), f'{tenant}: merges')
    for merge, found in zip(said['merges'], said['losers']):
        check(found is not None and merge['loser'] in found['mergedIds'],
              f'{tenant}: {merge["loser"]} leads to {found}')
    for each in said['byName']:
        check(each is None or each['canonicalId'] in people, f'{tenant}: a name leads to {each}, who has no events')


def check_nothing_lost(node, answered):
    """Right after a start: what was answered before it is there."""
    got = {each['id']: each['totalEvents'] for each in node.gql('{ tenants { id totalEvents } }')['tenants']}
    for tenant, count in answered.items():
        check(got.get(tenant, 0) >= count,
              f'{tenant}: {count} events were answered before the start, it has {got.get(tenant)}')


def some_way_to_start(dice):
    return ['--shards', str(dice.randrange(1, 4)), '--io', dice.choice(['uring', 'epoll'])]


def kill_again_and_again(node, clients, dice):
    """Every fourth kill is within a start. How long a start takes is learned on the way."""
    started_seconds = 0.3
    for number in range(KILL_COUNT):
        way = some_way_to_start(dice)
        is_at_start = number % 4 == 3
        try:
            if is_at_start:
                node.start(*way, waits=False)
                time.sleep(dice.random() * started_seconds * 1.3)
                check(node.process.poll() is None, f'a start ended by itself: {node.log()}')
                node.kill()
                continue
            began = time.monotonic()
            answered = clients.counts()
            node.start(*way)
            started_seconds = time.monotonic() - began
            check_nothing_lost(node, answered)
            until(lambda: sum(clients.counts().values()) > sum(answered.values()), 20, 'an event that is answered')
        except (AssertionError, Died, Refused) as problem:
            raise AssertionError(f'kill {number}, {" ".join(way)}: {problem}') from None
        time.sleep(dice.random() * 1.2)
        clients.check_alive()
        node.kill()


def check_checkpoints(node):
    """Of a node that was stopped: the last one was made then, and of two the files are kept."""
    names = [name for name in os.listdir(os.path.join(node.data, 'partitions')) if name.endswith('.state')]
    numbers = {name.split('-')[1] for name in names}
    check(1 <= len(numbers) <= 2, f'state files of checkpoints {sorted(numbers)}')
    print(f'checkpoints {sorted(numbers)}')


@test(seconds=280)
def every_event_counts_once_however_often_the_node_is_killed():
    dice = random.Random(SEED)
    print(f'MILLRACE_SEED={SEED}')
    began = now_ms() // HOUR * HOUR
    # Small files, for a start never writes to an old one; and checkpoints, so that kills come at any point of them.
    settings = {'MILLRACE_LOG_SEGMENT_BYTES': '4MiB', 'MILLRACE_STORAGE_CHECKPOINT_INTERVAL': '150ms',
                'MILLRACE_STORAGE_CHECKPOINT_EVENTS': '3000'}
    with Node(starts=False, environment=settings) as node, Clients(node.port) as clients:
        kill_again_and_again(node, clients, dice)
        node.start(*some_way_to_start(dice))
        ledger, resent_count = clients.finish()
        counted = {tenant: len(events) for tenant, events in ledger.items()}
        print(f'{KILL_COUNT} kills, {sum(counted.values())} events, {resent_count} requests sent again')
        check(resent_count > 0 and min(counted.values()) > 100,
              f'too little happened: {counted}, {resent_count} sent again')

        before = {tenant: answers(node, tenant, began) for tenant in TENANTS}
        for tenant in TENANTS:
            check_answers(tenant, before[tenant], ledger[tenant])
        node.stop()
        check_checkpoints(node)
        node.start(*some_way_to_start(dice))
        for tenant in TENANTS:
            after = answers(node, tenant, began)
            for name, value in before[tenant].items():
                check_equal(after[name], value, f'{tenant}: {name} after another start')


main()
