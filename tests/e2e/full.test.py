#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node that has no more room, on its disk or in its memory, refuses events and does nothing else differently: it
answers queries, loses nothing, starts again, and takes events as soon as there is room."""

import contextlib
import subprocess

from node import DIES_WITH_PARENT, Node, check, check_equal, event, file_system, lines, main, now_ms, test, until

REQUEST_COUNT_MAX = 3000
BATCH_COUNT = 200
TENANT_COUNT = 40
PERSON_COUNT = 50
LIVES_MIN = 3
NO_ROOM = 'there is no room on the disk for a checkpoint', 'a checkpoint was given up, for the disk'
REFUSAL_COUNT = 20  # one after the other, before we believe it


def batch(number, has_new_people):
    def person(index):
        return number * BATCH_COUNT + index if has_new_people else index % PERSON_COUNT

    return lines([event(f't{index % TENANT_COUNT}', event_id=f'{number}-{index}', user_id=f'u{person(index)}',
                        event_time=now_ms(), properties={'x': 'y' * 1500}) for index in range(BATCH_COUNT)])


def total(node):
    return sum(tenant['totalEvents'] for tenant in node.gql('{ tenants { totalEvents } }')['tenants'])


def fill(node, status, has_new_people, first=0):
    """Sends until it is refused for good. How many events were accepted, and the last refusal."""
    accepted_count = refusal_count = 0
    for number in range(first, first + REQUEST_COUNT_MAX):
        answer = node.post('/v1/events', batch(number, has_new_people))
        if answer.status == 200:
            accepted_count += answer.json()['accepted']
            refusal_count = 0
            continue
        check_equal(answer.status, status, repr(answer))
        refusal_count += 1
        if refusal_count == REFUSAL_COUNT:
            return accepted_count, answer
    raise AssertionError(f'{accepted_count} events, and still not full')


def takes_an_event(node, name):
    one = event('t0', user_id='ada', event_id=name, event_time=now_ms())
    return node.post('/v1/events', lines([one])).status == 200


@test()
def a_full_disk_refuses_events_with_507_and_takes_them_again_when_there_is_room():
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(Node(starts=False, environment={'MILLRACE_LOG_SEGMENT_BYTES': '4MiB'}))
        node.wrapper = stack.enter_context(file_system('tmpfs', node.data, 'size=32m'))
        node.start('--shards', '2')
        count, refusal = fill(node, 507, has_new_people=False)
        check('disk' in refusal.json()['error'], f'it does not say what is full: {refusal}')
        check(count > 0, 'nothing was accepted')
        check_equal(total(node), count, 'events')
        check_equal(node.get('/readyz').status, 200, 'readyz')
        node.kill()
        node.start('--shards', '3')
        check_equal(total(node), count, 'events after a start on a full disk')
        subprocess.run([*DIES_WITH_PARENT, *node.wrapper, 'mount', '-o', 'remount,size=200m', node.data], check=True)
        until(lambda: takes_an_event(node, 'after'), 20, 'an event that is accepted again')
        node.kill()
        node.start('--shards', '1')
        check_equal(total(node), count + 1, 'events at the end')


def batch_of_few(number):
    """Events that the log has much of, and the state little."""
    return lines([event(f't{index % 4}', event_id=f'{number}-{index}', user_id=f'u{index % PERSON_COUNT}',
                        event_time=now_ms(), traits={'x': 'y' * 8000}) for index in range(100)])


@test()
def a_log_that_fills_the_disk_many_times_over_is_given_back_each_time():
    disk_bytes = 64 << 20
    for shards in '1', '2':
        with contextlib.ExitStack() as stack:
            node = stack.enter_context(Node(starts=False, environment={
                'MILLRACE_LOG_SEGMENT_BYTES': '4MiB', 'MILLRACE_STORAGE_CHECKPOINT_INTERVAL': '100ms'}))
            node.wrapper = stack.enter_context(file_system('tmpfs', node.data, f'size={disk_bytes}'))
            node.start('--shards', shards)
            count = number = log_bytes = 0

            def an_event_batch_is_accepted():
                nonlocal number
                number += 1
                answer = node.post('/v1/events', batch_of_few(number))
                check(answer.status in (200, 507), repr(answer))
                return answer.status == 200

            while log_bytes < 3 * disk_bytes:
                until(an_event_batch_is_accepted, 20, 'room again')
                count += 100
                log_bytes += len(batch_of_few(0))
            check('the disk is full' in node.log(), 'the disk was never full')
            check_equal(total(node), count, 'events')
            node.kill()
            node.start('--shards', '2')
            check_equal(total(node), count, 'events after a start')
            until(an_event_batch_is_accepted, 20, 'room again, after a start')


@test()
def a_state_that_does_not_fit_on_the_disk_refuses_events_until_somebody_makes_room():
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(Node(starts=False, environment={
            'MILLRACE_LOG_SEGMENT_BYTES': '4MiB', 'MILLRACE_STORAGE_CHECKPOINT_INTERVAL': '100ms'}))
        node.wrapper = stack.enter_context(file_system('tmpfs', node.data, 'size=32m'))
        node.start('--shards', '1')
        count = round_count = 0

        def is_refused_for_good():
            nonlocal count, round_count
            more, _ = fill(node, 507, has_new_people=True, first=round_count * REQUEST_COUNT_MAX)
            count += more
            round_count += 1
            return more == 0 and any(line in node.log() for line in NO_ROOM)

        until(is_refused_for_good, 40, 'a checkpoint that finds no room')
        check_equal(total(node), count, 'events')
        check_equal(node.get('/readyz').status, 200, 'readyz')
        node.stop()
        node.start('--shards', '2')
        check_equal(total(node), count, 'events after a start')
        subprocess.run([*DIES_WITH_PARENT, *node.wrapper, 'mount', '-o', 'remount,size=300m', node.data], check=True)
        until(lambda: takes_an_event(node, 'after'), 20, 'an event that is accepted again')
        check_equal(total(node), count + 1, 'events at the end')


def free_bytes(node):
    """On the node's disk, which only its own programs see."""
    answer = subprocess.run([*DIES_WITH_PARENT, *node.wrapper, 'stat', '--file-system', '--format=%a', node.data], check=True,
                            capture_output=True, text=True)
    return int(answer.stdout)


def fill_to_the_last_byte(node):
    subprocess.run([*DIES_WITH_PARENT, *node.wrapper, 'sh', '-c', 'cat /dev/zero > "$1/ballast" 2> /dev/null', 'sh', node.data],
                   check=False)
    check_equal(free_bytes(node), 0, 'free bytes')


@test()
def a_node_starts_without_a_free_byte_and_with_other_settings_and_answers():
    with contextlib.ExitStack() as stack:
        node = stack.enter_context(Node(starts=False, environment={'MILLRACE_LOG_SEGMENT_BYTES': '4MiB'}))
        node.wrapper = stack.enter_context(file_system('tmpfs', node.data, 'size=32m'))
        node.start('--shards', '2')
        count, _ = fill(node, 507, has_new_people=False)
        for life, shards in enumerate('23123123'):
            node.kill()
            fill_to_the_last_byte(node)
            node.environment['MILLRACE_SESSIONS_GAP'] = f'{20 + life}m'
            node.start('--shards', shards)
            check_equal(total(node), count, f'events in life {life}')
            more, _ = fill(node, 507, has_new_people=False, first=(life + 1) * REQUEST_COUNT_MAX)
            count += more
            if life >= LIVES_MIN and more == 0:
                break  # no file was left of the lives before: not even the settings had room
        else:
            raise AssertionError('each life found room, without a free byte')
        subprocess.run([*DIES_WITH_PARENT, *node.wrapper, 'mount', '-o', 'remount,size=200m', node.data], check=True)
        until(lambda: takes_an_event(node, 'after'), 20, 'an event that is accepted again')
        node.kill()
        node.start('--shards', '1')
        check_equal(total(node), count + 1, 'events at the end')


@test()
def full_memory_refuses_events_with_503_and_keeps_nobody_from_starting_again():
    settings = {'MILLRACE_STORAGE_MEMORY': '64MiB', 'MILLRACE_DEDUP_EVENTS': '65536'}
    for shards in '1', '2':
        with Node('--shards', shards, environment=settings) as node:
            count, refusal = fill(node, 503, has_new_people=True)
            check(refusal.headers.get('retry-after'), f'503 without retry-after: {refusal.headers}')
            check_equal(total(node), count, 'events')
            check(node.memory_bytes() < 192 << 20, f'{node.memory_bytes() >> 20} MiB with a budget of 64')
            for other in '1', '2', '3', '4':
                node.kill()
                node.start('--shards', other)
                check_equal(total(node), count, f'events; filled with {shards} shards, started with {other}')


main()
