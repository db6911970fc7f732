#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A log with a damaged block, or a damaged checkpoint: the node does not become ready, says where and what to do, and ends
with status 74. With --accept-loss it starts without what was lost, for good, and everything else is there; of a checkpoint
nothing is lost as long as the one before is whole."""

import contextlib
import glob
import json
import os
import re

from node import Died, Node, check, check_equal, event, flip, main, millrace, now_ms, test

EVENT_COUNT = 40  # a request, so a block, each
LOG_ALONE = {'MILLRACE_STORAGE_CHECKPOINT_INTERVAL': '0'}  # no checkpoint knows what was in a damaged block


def send(node, name):
    """So that there is a person for each event, and one for all."""
    for number in range(EVENT_COUNT):
        node.ingest([event('shop', event_id=f'{name}-{number}', user_id=f'{name}-{number}', anonymous_id='one',
                           event_time=now_ms())])


def found(node, name):
    """Numbers of the events that are there."""
    query = '{ %s }' % ' '.join(f'e{number}: event(tenantId: "shop", eventId: "{name}-{number}") {{ eventId }}'
                                for number in range(EVENT_COUNT))
    return [number for number in range(EVENT_COUNT) if node.gql(query)[f'e{number}'] is not None]


def damage(node, needle):
    """Changes one byte of the event with this ID, wherever it lies. The name of the file."""
    for path in sorted(glob.glob(os.path.join(node.data, 'log', '*.seg'))):
        with open(path, 'r+b') as file:
            at = file.read().find(needle.encode())
            if at >= 0:
                file.seek(at)
                file.write(b'\x55')
                return os.path.basename(path)
    raise AssertionError(f'{needle} is in no file of the log')


def refuses_to_start(node, file_name, *arguments, way_out='--accept-loss'):
    try:
        node.start(*arguments)
    except Died as died:
        check_equal(died.status, 74, 'exit status')
        said = [json.loads(line) for line in died.log.splitlines() if line.startswith('{')]
        last = ' '.join(str(value) for line in said if line['level'] in ('error', 'fatal') for value in line.values())
        check(file_name in last and re.search(r'offset \d+', last), f'it does not say where: {last}')
        check(way_out in last, f'it does not say what to do: {last}')
        check(not any(line['msg'] == 'ready' for line in said), 'it was ready')
        return
    raise AssertionError('the node starts, and is damaged')


def loses_what_it_must(node, bad, lives, shards='2'):
    """What follows the damage in its stream is lost with it; other epochs, and other streams, are whole."""
    node.start('--shards', shards, '--accept-loss')
    log = node.log()
    check('without blocks of the log that were damaged' in log and '"lost_blocks"' in log, f'no word of the loss: {log}')
    left = {name: found(node, name) for name in lives}
    total = sum(len(numbers) for numbers in left.values())
    check_equal(node.gql('{ tenant(id: "shop") { totalEvents } }')['tenant']['totalEvents'], total, 'events')
    for name, numbers in left.items():
        check_equal(numbers, list(range(len(numbers))), f'{name}: what is left is a beginning')
        if name != bad:
            check_equal(len(numbers), EVENT_COUNT, f'{name}: events of another epoch')
    check(len(left[bad]) < EVENT_COUNT, 'nothing was lost')
    for more in [], ['--accept-loss']:
        node.kill()
        node.start('--shards', '1', *more)
        check_equal({name: found(node, name) for name in lives}, left, 'events of a later start')
    node.ingest([event('shop', event_id='after', user_id='after', event_time=now_ms())])


@test()
def damage_in_an_epoch_that_ended_before():
    with Node(starts=False, environment=LOG_ALONE) as node:
        for name in 'first', 'second', 'third':
            node.start('--shards', '2')
            send(node, name)
            node.stop()
        file_name = damage(node, f'second-{EVENT_COUNT // 2}')
        for shards in '2', '3':
            refuses_to_start(node, file_name, '--shards', shards)
        loses_what_it_must(node, 'second', ['first', 'second', 'third'])


@test()
def damage_in_the_last_epoch():
    with Node(starts=False, environment=LOG_ALONE) as node:
        for name in 'first', 'second':
            node.start('--shards', '2')
            send(node, name)
            node.kill()
        file_name = damage(node, f'second-{EVENT_COUNT // 2}')
        for shards in '2', '3':
            refuses_to_start(node, file_name, '--shards', shards)
        loses_what_it_must(node, 'second', ['first', 'second'])


@contextlib.contextmanager
def two_checkpoints():
    """A node that is stopped, and has made one at each stop."""
    with Node(starts=False, environment={'MILLRACE_STORAGE_CHECKPOINT_INTERVAL': '1h'}) as node:
        for name in 'first', 'second':
            node.start('--shards', '2')
            send(node, name)
            node.stop()
        yield node


def runs_of(path):
    """Where runs of records begin in a file of pages: on sectors, with the same first bytes."""
    with open(path, 'rb') as file:
        data = file.read()
    return [at for at in range(0, len(data), 4096) if data[at:at + 4] == data[:4] != bytes(4)]


def largest(node, pattern):
    return max(glob.glob(os.path.join(node.data, pattern)), key=lambda path: (len(runs_of(path)), path))


@test()
def a_damaged_page_of_the_newest_checkpoint_alone_loses_nothing():
    for pattern in 'slices/*.people', 'slices/*.journal', 'partitions/*.pages':
        with two_checkpoints() as node:
            path = largest(node, pattern)
            flip(path, runs_of(path)[-1] + 70)
            refuses_to_start(node, os.path.relpath(path, node.data), '--shards', '2')
            for more in ['--accept-loss'], []:
                node.start('--shards', '3', *more)
                check_equal((found(node, 'first'), found(node, 'second')), (list(range(EVENT_COUNT)),) * 2, f'events, {path}')
                check_equal(node.gql('{ tenant(id: "shop") { totalEvents } }')['tenant']['totalEvents'], 2 * EVENT_COUNT,
                            'all events')
                node.stop()
            status, output, _ = millrace('check', node.data)
            check_equal(status, 0, f'status of a check at the end: {output}')


@test()
def a_damaged_page_of_both_checkpoints_leaves_a_backup():
    with two_checkpoints() as node:
        path = largest(node, 'slices/*.people')
        name = os.path.relpath(path, node.data)
        flip(path, 70)
        refuses_to_start(node, name, '--shards', '2')
        before = {kept: open(kept, 'rb').read() for kept in glob.glob(f'{node.data}/*/*')}
        refuses_to_start(node, name, '--shards', '2', '--accept-loss', way_out='backup')
        check({kept: open(kept, 'rb').read() for kept in glob.glob(f'{node.data}/*/*')} == before, 'it changed something')
        flip(path, 70)
        node.start('--shards', '2')
        check_equal(len(found(node, 'first')) + len(found(node, 'second')), 2 * EVENT_COUNT, 'events when it is mended')


main()
