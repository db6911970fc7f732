#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who was told 200 sees it: in every field, on any connection, at once.

Eight clients write, and after each 200 ask on another connection. Each has a tenant of its own, where a small model
knows every number, and all share one, where each knows its own people. People sign in on new devices, so profiles
merge between the write and the question.
"""

import collections
import multiprocessing
import random
import time
import uuid

from node import (DAY, HOUR, Client, Node, check, check_equal, die_with_parent, event, lines, main, now_ms, rfc3339,
                  short, test)

CLIENT_COUNT = 8
READER_COUNT = 4  # connections of each client, so that every shard answers
SECONDS = 7
ROUND_COUNT_MIN = 100  # of each client, also on a machine that is slower than that
GAP = HOUR // 2
OUT_OF_ORDERNESS = 60_000
SHARED = 'ryw-shared'
PAGES = [f'/page/{number}' for number in range(20)]
COUNTRIES = ['DE', 'FR', 'JP', None]
NONE = '(none)'  # the group of what is not set

SESSION = '''sessionId open startTime endTime durationSec eventCount pages entryPage exitPage eventTypes{key count}
    deviceType browser os country'''
QUERY = '''query($tenant: ID!, $user: String!, $device: String, $event: ID!, $first: Int!,
                $from: DateTime!, $to: DateTime!) {
  tenant(id: $tenant) { totalEvents totalProfiles activeSessions watermark }
  profile(tenantId: $tenant, userId: $user, asOf: $to) {
    canonicalId userId userIds anonymousIds mergedIds firstSeen lastSeen totalEvents totalSessions
    events1d events7d events30d events90d sessions1d sessions7d sessions30d sessions90d avgSessionDurationSec
    currentSession { %s }
    eventCounts { key count } pageViews clicks signups logins featureUses
    topPages(first: 30) { key count } topFeatures(first: 30) { key count }
    lastPage lastCountry lastDevice lastBrowser lastOs traits
    events(first: $first) { nodes { eventId } }
    sessions(first: 2) { nodes { %s } }
  }
  byDevice: profile(tenantId: $tenant, anonymousId: $device) { canonicalId totalEvents }
  event(tenantId: $tenant, eventId: $event) {
    eventType eventTime canonicalId anonymousId userId pageUrl featureName elementId country properties late
    session { sessionId eventCount }
  }
  events(tenantId: $tenant, first: $first) { nodes { eventId canonicalId } }
  sessions(tenantId: $tenant, first: 1) { nodes { startTime eventCount } }
  merges(tenantId: $tenant, first: 1) { nodes { loser winner eventTime } }
  summary(tenantId: $tenant, from: $from, to: $to) { users sessions events avgDurationSec eventsPerSession }
  breakdown(tenantId: $tenant, metric: EVENTS, by: EVENT_TYPE, from: $from, to: $to, first: 50) { key value }
  countries: breakdown(tenantId: $tenant, metric: EVENTS, by: COUNTRY, from: $from, to: $to, first: 50) { key value }
  timeSeries(tenantId: $tenant, metric: EVENTS, interval: DAY, from: $from, to: $to) { value }
}''' % (SESSION, SESSION)
# As many again: asked every other round.
QUERY_MORE = '''query($tenant: ID!, $canonical: ID!, $event: ID!, $from: DateTime!, $to: DateTime!) {
  tenant(id: $tenant) { totalEvents }
  profile(tenantId: $tenant, id: $canonical) { canonicalId userId totalEvents }
  event(tenantId: $tenant, eventId: $event) { session { events(first: 1000) { nodes { eventId } } } }
  events(tenantId: $tenant, first: 1000, filter: { canonicalId: $canonical, eventType: "click" }) {
    nodes { eventId session { sessionId } }
  }
  open: sessions(tenantId: $tenant, first: 1000, filter: { open: true }) { nodes { eventCount } }
  sessions(tenantId: $tenant, first: 1000, filter: { canonicalId: $canonical }) { nodes { eventCount } }
  profiles(tenantId: $tenant, first: 3, orderBy: TOTAL_EVENTS_DESC) {
    nodes { canonicalId userId totalEvents } totalCount
  }
  countriesByDay: timeSeriesBy(tenantId: $tenant, metric: EVENTS, by: COUNTRY, interval: DAY, from: $from, to: $to,
                               first: 2) { key points { value } }
  usersByDay: timeSeries(tenantId: $tenant, metric: USERS, interval: DAY, from: $from, to: $to) { value }
  sessionsByDay: timeSeries(tenantId: $tenant, metric: SESSIONS, interval: DAY, from: $from, to: $to) { value }
  eventsByHour: timeSeries(tenantId: $tenant, metric: EVENTS, interval: HOUR, from: $from, to: $to) { value }
  usersByCountry: breakdown(tenantId: $tenant, metric: USERS, by: COUNTRY, from: $from, to: $to) { key value }
  usersByPage: breakdown(tenantId: $tenant, metric: USERS, by: PAGE_URL, from: $from, to: $to, first: 50) { key value }
  sessionsByDevice: breakdown(tenantId: $tenant, metric: SESSIONS, by: DEVICE_TYPE, from: $from, to: $to) { key value }
  sessionsByPage: breakdown(tenantId: $tenant, metric: SESSIONS, by: PAGE_URL, from: $from, to: $to, first: 50) {
    key value
  }
  some: breakdown(tenantId: $tenant, metric: EVENTS, by: BROWSER, from: $from, to: $to,
                  where: [{ by: COUNTRY, equals: "DE" }, { by: COUNTRY, equals: null }, { by: OS, equals: "iOS" }]) {
    key value
  }
}'''
QUERY_SHARED = '''query($tenant: ID!, $user: String!, $event: ID!) {
  tenant(id: $tenant) { totalEvents }
  profile(tenantId: $tenant, userId: $user) { totalEvents lastPage traits events(first: 1) { nodes { eventId } } }
  event(tenantId: $tenant, eventId: $event) { userId }
}'''
QUERY_DEVICE = '''query($tenant: ID!, $device: String!) {
  profile(tenantId: $tenant, anonymousId: $device) { canonicalId totalEvents }
}'''


class Person:
    def __init__(self, tenant, kind, name):
        namespace = uuid.uuid5(uuid.NAMESPACE_OID, f'millrace/{tenant}')
        self.canonical = str(uuid.uuid5(namespace, f'{kind}:{name}'))
        self.user = name if kind == 'user' else None
        self.devices = set() if kind == 'user' else {name}
        self.merged = []
        self.events = []  # in the order of the log
        self.sessions = []

    def add(self, sent):
        self.events.append(sent)
        self.sessions = sessions_of(self.events)

    @property
    def traits(self):
        marks = {}
        for sent in by_time(self.events):
            marks.update(sent.get('traits', {}))
        return {key: value for key, value in marks.items() if value is not None}

    def take(self, loser):
        self.devices |= loser.devices
        self.merged.append(loser.canonical)
        self.events = sorted(self.events + loser.events, key=lambda each: each['position'])
        self.sessions = sessions_of(self.events)


def by_time(events):
    return sorted(events, key=lambda each: (each['event_time'], each['position']))


def sessions_of(events):
    """Lists of events, oldest first. No event comes so late that it bridges two: the order of arrival is nothing."""
    sessions = []
    for each in by_time(events):
        if sessions and each['event_time'] - sessions[-1][-1]['event_time'] <= GAP:
            sessions[-1].append(each)
        else:
            sessions.append([each])
    return sessions


def last_of(events, field):
    return next((each[field] for each in reversed(by_time(events)) if each.get(field)), None)


def top(values):
    """Counts, the most first, of equals by name."""
    counts = collections.Counter(values)
    return [{'key': key, 'count': counts[key]} for key in sorted(counts, key=lambda key: (-counts[key], key.encode()))]


def groups(values):
    return [{'key': each['key'], 'value': each['count']} for each in top(values)]


class Model:
    """What a tenant must answer."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.people = []
        self.merges = []
        self.newest = 0
        self.first_hour = 0  # of what is asked
        self.events = []

    @property
    def watermark(self):
        return self.newest - OUT_OF_ORDERNESS

    def add(self, person, sent):
        sent['position'] = len(self.events)
        self.events.append(sent)
        self.newest = max(self.newest, sent['event_time'])
        person.add(sent)
        if person not in self.people:
            self.people.append(person)

    def merge(self, loser, winner, at):
        winner.take(loser)
        self.people.remove(loser)
        self.merges.append({'loser': loser.canonical, 'winner': winner.canonical, 'eventTime': rfc3339(at)})

    def is_closed(self, session):
        return self.watermark > session[-1]['event_time'] + GAP

    def session(self, session):
        pages = [each['page_url'] for each in session if each.get('page_url')]
        return {
            'open': not self.is_closed(session), 'startTime': rfc3339(session[0]['event_time']),
            'endTime': rfc3339(session[-1]['event_time']), 'durationSec': duration(session),
            'eventCount': len(session), 'pages': list(dict.fromkeys(pages)),
            'entryPage': pages[0] if pages else None, 'exitPage': pages[-1] if pages else None,
            'eventTypes': top(each['event_type'] for each in session), 'country': last_of(session, 'country'),
            'deviceType': last_of(session, 'device_type'), 'browser': last_of(session, 'browser'),
            'os': last_of(session, 'os'),
        }

    def profile(self, person, at, first):
        types = collections.Counter(each['event_type'] for each in person.events)
        closed = [duration(each) for each in person.sessions if self.is_closed(each)]
        times = [each['event_time'] for each in person.events]
        starts = [each[0]['event_time'] for each in person.sessions]
        is_open = not self.is_closed(person.sessions[-1])
        windows = {}
        for name, of in ('events', times), ('sessions', starts):
            windows[f'{name}1d'] = sum(each // HOUR >= at // HOUR - 23 for each in of)
            for days in 7, 30, 90:
                windows[f'{name}{days}d'] = sum(each // DAY > at // DAY - days for each in of)
        return {
            'canonicalId': person.canonical, 'userId': person.user, 'userIds': [person.user],
            'anonymousIds': sorted(person.devices), 'mergedIds': person.merged, 'firstSeen': rfc3339(min(times)),
            'lastSeen': rfc3339(max(times)), 'totalEvents': len(times), 'totalSessions': len(starts), **windows,
            'avgSessionDurationSec': mean(closed),
            'currentSession': self.session(person.sessions[-1]) if is_open else None,
            'eventCounts': top(each['event_type'] for each in person.events), 'pageViews': types['page_view'],
            'clicks': types['click'], 'signups': types['signup'], 'logins': types['login'],
            'featureUses': types['feature_used'],
            'topPages': top(each['page_url'] for each in person.events if each.get('page_url')),
            'topFeatures': top(each['feature_name'] for each in person.events if each.get('feature_name')),
            'lastPage': last_of(person.events, 'page_url'), 'lastCountry': last_of(person.events, 'country'),
            'lastDevice': last_of(person.events, 'device_type'), 'lastBrowser': last_of(person.events, 'browser'),
            'lastOs': last_of(person.events, 'os'),
            'traits': person.traits,
            'events': {'nodes': [{'eventId': each['event_id']} for each in by_time(person.events)[::-1][:first]]},
            'sessions': {'nodes': [self.session(each) for each in person.sessions[::-1][:2]]},
        }

    def rollups(self, to):
        sessions = [session for person in self.people for session in person.sessions]
        closed = [duration(session) for session in sessions if self.is_closed(session)]
        days = collections.Counter(each['event_time'] // DAY for each in self.events)
        return {
            'tenant': {'totalEvents': len(self.events), 'totalProfiles': len(self.people),
                       'activeSessions': len(sessions) - len(closed), 'watermark': rfc3339(self.watermark)},
            'summary': {'users': len(self.people), 'sessions': len(sessions), 'events': len(self.events),
                        'avgDurationSec': mean(closed), 'eventsPerSession': len(self.events) / len(sessions)},
            'breakdown': groups(each['event_type'] for each in self.events),
            'countries': groups(each.get('country') or NONE for each in self.events),
            'timeSeries': [{'value': days[day]} for day in range(min(days), (to - 1) // DAY + 1)],
            'merges': {'nodes': self.merges[-1:]},
        }


    def more(self, person, wanted, first_day, to):
        sessions = [session for each in self.people for session in each.sessions]
        days = range(first_day, (to - 1) // DAY + 1)
        hours = range(self.first_hour, (to - 1) // HOUR + 1)
        by_hour = collections.Counter(each['event_time'] // HOUR for each in self.events)
        starts = collections.Counter(session[0]['event_time'] // DAY for session in sessions)
        present = collections.Counter(day for each in self.people
                                      for day in {sent['event_time'] // DAY for sent in each.events})

        def users_by(field):
            return groups(value for each in self.people for value in {sent.get(field) or NONE for sent in each.events})

        def sessions_by(field):
            return groups(session[0].get(field) or NONE for session in sessions)

        def events_by_day(countries):
            counts = collections.Counter(each['event_time'] // DAY for each in self.events
                                         if (each.get('country') or NONE) in countries)
            return [{'value': counts[day]} for day in days]

        most = sorted(self.people, key=lambda each: (len(each.events), each.canonical), reverse=True)
        countries = [each['key'] for each in top(each.get('country') or NONE for each in self.events)]
        series = [{'key': each, 'points': events_by_day([each])} for each in countries[:2]]
        if countries[2:]:
            series.append({'key': '(other)', 'points': events_by_day(countries[2:])})
        clicks = [each for each in by_time(person.events)[::-1] if each['event_type'] == 'click']
        session = next(session for session in sessions if wanted in session)
        return {
            'tenant': {'totalEvents': len(self.events)},
            'profile': {'canonicalId': person.canonical, 'userId': person.user, 'totalEvents': len(person.events)},
            'event': {'session': {'events': {'nodes': [{'eventId': each['event_id']} for each in session[::-1]]}}},
            'events': {'nodes': [{'eventId': each['event_id']} for each in clicks[:1000]]},
            'sessions': {'nodes': [{'eventCount': len(session)} for session in person.sessions[::-1]]},
            'profiles': {'nodes': [{'canonicalId': each.canonical, 'userId': each.user,
                                    'totalEvents': len(each.events)} for each in most[:3]],
                         'totalCount': len(self.people)},
            'countriesByDay': series,
            'usersByDay': [{'value': present[day]} for day in days],
            'sessionsByDay': [{'value': starts[day]} for day in days],
            'eventsByHour': [{'value': by_hour[hour]} for hour in hours],
            'usersByCountry': users_by('country'), 'usersByPage': users_by('page_url'),
            'sessionsByDevice': sessions_by('device_type'), 'sessionsByPage': sessions_by('page_url'),
            'some': groups(each.get('browser') or NONE for each in self.events
                           if each.get('country') in ('DE', None) and each['os'] == 'iOS'),
        }


def mean(values):
    return sum(values) / len(values) if values else 0


def duration(session):
    return (session[-1]['event_time'] - session[0]['event_time']) / 1000


def alike(got, want, where):
    """Floats to a thousandth; the order of anonymousIds is free, and what is not wanted is not looked at."""
    if isinstance(want, dict):
        check(isinstance(got, dict), f'{where}: want {want}, got {got}')
        for key, value in want.items():
            alike(got.get(key), value, f'{where}.{key}')
    elif isinstance(want, list) and want and isinstance(want[0], dict):
        check(isinstance(got, list) and len(got) == len(want), f'{where}: want {short(want)}, got {short(got)}')
        for index, value in enumerate(want):
            alike(got[index], value, f'{where}[{index}]')
    elif isinstance(want, float) and isinstance(got, (int, float)):
        check(abs(got - want) < 1e-3, f'{where}: want {want}, got {got}')
    elif where.endswith('.anonymousIds'):
        check_equal(sorted(got), want, where)
    else:
        check_equal(got, want, where)


class Writer:
    """One client: writes, and reads what it wrote."""

    def __init__(self, port, number, seed):
        self.dice = random.Random(f'{seed}/{number}')
        self.number = number
        self.port = port
        self.writer = Client(port)
        self.readers = [Client(port) for _ in range(READER_COUNT)]
        self.model = Model(f'ryw-{number}')
        self.shared = Model(SHARED)
        self.shared_events_seen = 0
        self.round = 0
        # So long ago that no clock but the events' moves the watermark.
        self.now = (now_ms() // DAY - 20) * DAY + (number + 6) * HOUR
        self.began = self.now
        self.model.first_hour = self.began // HOUR - 1
        self.person = self.person_shared = None

    def an_event(self, **fields):
        dice = self.dice
        kind = dice.choice(['page_view', 'page_view', 'click', 'signup', 'login', 'feature_used', 'Cart Seen'])
        made = {
            'event_id': f'{self.number}-{self.round}-{dice.getrandbits(40):x}', 'event_type': kind,
            'event_time': self.now - (dice.randrange(30_000) if dice.random() < 0.2 else 0),
            'country': dice.choice(COUNTRIES), 'browser': dice.choice(['Firefox', 'Safari', None]),
            'os': dice.choice(['Linux', 'iOS']), 'device_type': dice.choice(['mobile', 'desktop']),
            'properties': {'round': self.round, 'text': 'ümläut "quoted"'},
        }
        self.now += dice.randrange(1, 5000)
        if kind == 'page_view' or dice.random() < 0.2:
            made['page_url'] = dice.choice(PAGES)
        if kind == 'feature_used':
            made['feature_name'] = dice.choice(['export', 'search', 'share'])
        if kind == 'click':
            made['element_id'] = 'buy'
        if dice.random() < 0.3:
            made['traits'] = {'round': self.round, dice.choice('abc'): dice.choice([1, 'x', [1, {'y': None}], None])}
        return {key: value for key, value in {**made, **fields}.items() if value is not None}

    def write(self, own, shared):
        """(person, event) pairs of both tenants, in one request, durable when it returns."""
        batch = [event(self.model.tenant, **sent) for _, sent in own] + [event(SHARED, **sent) for _, sent in shared]
        self.dice.shuffle(batch)  # the tenants' events, between each other
        order = {sent['event_id']: position for position, sent in enumerate(batch)}
        answer = self.writer.post('/v1/events', lines(batch))
        check_equal(answer.status, 200, repr(answer))
        check_equal(answer.json(), {'success': True, 'accepted': len(batch), 'duplicates': 0, 'rejected': []})
        for model, pairs in (self.model, own), (self.shared, shared):
            for person, sent in sorted(pairs, key=lambda pair: order[pair[1]['event_id']]):
                model.add(person, sent)

    def reader(self):
        """Another connection than the last question's; now and then a new one."""
        self.readers.append(self.readers.pop(0))
        if self.dice.random() < 0.05:
            self.readers[0].close()
        return self.readers[0]

    def read_own(self, person, device=None):
        events = self.model.events
        first = min(4, len(events))
        wanted = events[-1]
        to = max(self.model.newest + 1, self.began + 1)
        got = self.reader().gql(QUERY, tenant=self.model.tenant, user=person.user, device=device or '-',
                                event=wanted['event_id'], first=first,
                                **{'from': rfc3339(self.began - HOUR), 'to': rfc3339(to)})
        owner = next(each for each in self.model.people if wanted in each.events)
        session = next(each for each in owner.sessions if wanted in each)
        newest = by_time(events)[::-1][:first]
        owners = {id(sent): each.canonical for each in self.model.people for sent in each.events}
        latest = max(session[0]['event_time'] for each in self.model.people for session in each.sessions)
        alike(got, {
            'profile': self.model.profile(person, to, first),
            'byDevice': {'canonicalId': person.canonical, 'totalEvents': len(person.events)} if device else None,
            'event': {'eventType': wanted['event_type'], 'eventTime': rfc3339(wanted['event_time']),
                      'canonicalId': owner.canonical, 'anonymousId': wanted.get('anonymous_id'),
                      'userId': wanted.get('user_id'), 'pageUrl': wanted.get('page_url'),
                      'featureName': wanted.get('feature_name'), 'elementId': wanted.get('element_id'),
                      'country': wanted.get('country'), 'properties': wanted['properties'], 'late': False,
                      'session': {'eventCount': len(session)}},
            'events': {'nodes': [{'eventId': each['event_id'], 'canonicalId': owners[id(each)]} for each in newest]},
            'sessions': {'nodes': [{'startTime': rfc3339(latest)}]},
            **self.model.rollups(to),
        }, f'{self.model.tenant} round {self.round}')
        if owner is person and session is person.sessions[-1]:
            check_equal(got['event']['session']['sessionId'], got['profile']['sessions']['nodes'][0]['sessionId'],
                        'session of the event')

    def read_more(self, person):
        """Other fields, and by any name that the person ever had."""
        wanted = self.model.events[-1]
        to = self.model.newest + 1
        got = self.reader().gql(QUERY_MORE, tenant=self.model.tenant, event=wanted['event_id'],
                                canonical=self.dice.choice([person.canonical, *person.merged]),
                                **{'from': rfc3339(self.began - HOUR), 'to': rfc3339(to)})
        where = f'{self.model.tenant} round {self.round}'
        alike(got, self.model.more(person, wanted, self.began // DAY, to), where)
        open_counts = sorted(len(session) for each in self.model.people for session in each.sessions
                             if not self.model.is_closed(session))
        check_equal(sorted(each['eventCount'] for each in got['open']['nodes']), open_counts, f'{where}: open sessions')

    def read_shared(self, person, sent):
        got = self.reader().gql(QUERY_SHARED, tenant=SHARED, user=person.user, event=sent['event_id'])
        alike(got, {
            'profile': {'totalEvents': len(person.events), 'lastPage': last_of(person.events, 'page_url'),
                        'traits': person.traits,
                        'events': {'nodes': [{'eventId': by_time(person.events)[-1]['event_id']}]}},
            'event': {'userId': person.user},
        }, f'{SHARED} round {self.round}')
        seen = got['tenant']['totalEvents']
        check(seen >= len(self.shared.events), f'{SHARED}: {len(self.shared.events)} are mine, and it has {seen}')
        check(seen >= self.shared_events_seen, f'{SHARED}: had {self.shared_events_seen} events, now {seen}')
        self.shared_events_seen = seen

    def one_round(self):
        self.round += 1
        dice = self.dice
        is_new = self.person is None or dice.random() < 0.05
        if is_new:
            self.person = Person(self.model.tenant, 'user', f'user-{self.number}-{self.round}')
            self.person_shared = Person(SHARED, 'user', self.person.user)
        person, shared = self.person, self.person_shared
        if dice.random() < 0.1:
            self.now += GAP + 2 * OUT_OF_ORDERNESS  # what was open is closed by the next event
        if not is_new and dice.random() < 0.15:
            self.sign_in_on_a_new_device()
            return
        own = [(person, self.an_event(user_id=person.user)) for _ in range(dice.randrange(1, 5))]
        others = [(shared, self.an_event(user_id=shared.user)) for _ in range(dice.randrange(2))]
        self.write(own, others)
        self.read_own(person)
        if self.round % 2 == 0:
            self.read_more(person)
        for each, sent in others:
            self.read_shared(each, sent)

    def sign_in_on_a_new_device(self):
        person = self.person
        device = f'device-{self.number}-{self.round}'
        visitor = Person(self.model.tenant, 'anon', device)
        self.write([(visitor, self.an_event(anonymous_id=device)) for _ in range(2)], [])
        got = self.reader().gql(QUERY_DEVICE, tenant=self.model.tenant, device=device)
        check_equal(got['profile'], {'canonicalId': visitor.canonical, 'totalEvents': 2}, 'profile of a new device')
        sent = self.an_event(anonymous_id=device, user_id=person.user)
        self.model.merge(visitor, person, sent['event_time'])
        self.write([(person, sent)], [])
        self.read_own(person, device)


def run_writer(port, number, seed, seconds):
    writer = Writer(port, number, seed)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or writer.round < ROUND_COUNT_MIN:
        writer.one_round()
    return writer.round


def clients_see_what_they_wrote(*arguments):
    seed = random.getrandbits(32)
    with Node(*arguments) as node, multiprocessing.Pool(CLIENT_COUNT, die_with_parent) as pool:
        try:
            rounds = pool.starmap(run_writer, [(node.port, number, seed, SECONDS) for number in range(CLIENT_COUNT)], 1)
        except Exception as problem:
            raise AssertionError(f'seed {seed}, {" ".join(arguments)}: {problem}') from None
        total = node.gql('{ tenants { id totalEvents } }')['tenants']
    print(f'{sum(rounds)} rounds, {sum(each["totalEvents"] for each in total)} events with {" ".join(arguments)}')
    check_equal(len(total), CLIENT_COUNT + 1, 'tenants')


@test()
def eight_clients_see_what_they_wrote_with_two_shards_on_io_uring():
    clients_see_what_they_wrote('--shards', '2', '--io', 'uring')


@test()
def eight_clients_see_what_they_wrote_with_three_shards_on_epoll():
    clients_see_what_they_wrote('--shards', '3', '--io', 'epoll')


main()
