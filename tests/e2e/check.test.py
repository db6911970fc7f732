#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""millrace check: a good directory, one damaged at many places, one that is in use, and what is no data directory."""

import contextlib
import glob
import os
import re
import shutil
import struct
import subprocess
import tempfile

from node import BUILD, Died, Node, check, check_equal, event, flip, main, millrace, now_ms, test

EVENT_COUNT = 25
SECTOR = 4096
BLOCK_MAGIC = struct.pack('<I', 0x4b4c424d)


@contextlib.contextmanager
def stopped_store(lives=2):
    """A node that is stopped, with a log of some epochs, whose last one has ended too. All of it counts: no checkpoint does."""
    with Node(starts=False, environment={'MILLRACE_STORAGE_CHECKPOINT_INTERVAL': '0'}) as node:
        for life in range(lives):
            node.start('--shards', '2')
            for number in range(EVENT_COUNT):
                node.ingest([event(f'tenant-{number % 5}', event_id=f'{life}-{number}', user_id=f'u{number}',
                                   event_time=now_ms())])
            node.stop()
        node.start('--shards', '1')
        node.stop()
        yield node


def run(directory, *arguments):
    """Status, lines of standard output, standard error."""
    status, output, said = millrace('check', *arguments, directory)
    return status, output.splitlines(), said


def check_flipped(data, path, offset, beginning):
    """While this byte is wrong, that is said first, and nothing else."""
    flip(path, offset)
    status, lines, _ = run(data)
    flip(path, offset)
    what = f'with byte {offset} of {os.path.relpath(path, data)}'
    check_equal(status, 1, f'status {what}')
    check(lines[0].startswith(beginning), f'{what}: {lines}')
    check_equal(lines[-1], f'{data}: 1 damaged place', f'the count {what}')


def blocks_of(path):
    """Offset and length of each block of a segment."""
    with open(path, 'rb') as file:
        data = file.read()
    found = []
    for offset in range(SECTOR, len(data), SECTOR):
        if data[offset:offset + 4] == BLOCK_MAGIC:
            found.append((offset, struct.unpack_from('<I', data, offset + 36)[0]))
    return found


def contents(directory):
    """Everything in it."""
    return {path: open(path, 'rb').read() for path in glob.glob(f'{directory}/**', recursive=True) if os.path.isfile(path)}


@test()
def a_good_directory_is_good_and_is_left_as_it_is():
    with stopped_store() as node:
        before = contents(node.data)
        status, lines, said = run(node.data)
        check_equal((status, said), (0, ''), 'status and standard error')
        check(len(lines) == 1 and re.search(r': good, \d+ blocks', lines[0]), f'it said {lines}')
        check_equal(run(node.data, '--quiet'), (0, [], ''), 'with --quiet')
        check_equal(contents(node.data) == before, True, 'nothing has changed')


@test()
def after_kill_9_it_is_good_too():
    with Node('--shards', '2') as node:
        node.ingest([event('shop', event_id='1', user_id='ada', event_time=now_ms())])
        node.kill()
        check_equal(run(node.data)[0], 0, 'status')


@test()
def a_copy_without_its_lock_and_without_rights_to_write_is_read():
    with stopped_store() as node:
        copy = os.path.join(node.directory, 'copy')
        shutil.copytree(node.data, copy)
        os.unlink(os.path.join(copy, 'LOCK'))
        for path in [*glob.glob(f'{copy}/**', recursive=True), copy]:
            os.chmod(path, 0o500 if os.path.isdir(path) else 0o400)
        check_equal(run(copy)[0], 0, 'status')
        check(not os.path.exists(os.path.join(copy, 'LOCK')), 'it made a LOCK')
        for path in [copy, os.path.join(copy, 'log')]:
            os.chmod(path, 0o700)


@test(seconds=120)
def a_flipped_bit_is_named_with_its_file_and_place():
    with stopped_store() as node:
        for path in sorted(glob.glob(os.path.join(node.data, 'log', '*.seg'))):
            name = f'log/{os.path.basename(path)}'
            blocks = blocks_of(path)
            for offset, length in [*blocks[:2], *blocks[-2:]]:
                for within in 0, 8, 40, 71, length // 2, length - 1:
                    check_flipped(node.data, path, offset + within, f'{name} at offset {offset}:')
            if blocks:
                flip(path, 30)
                status, lines, _ = run(node.data)
                check_equal(status, 1, f'status with the first sector of {name}')
                check(any(line.startswith(f'{name} at offset 0:') for line in lines), f'{name}: {lines}')
                flip(path, 30)
        manifest = os.path.join(node.data, 'manifest')
        for offset in range(0, os.path.getsize(manifest), 7):
            flip(manifest, offset)
            status, lines, _ = run(node.data)
            check_equal(status, 1, f'status with byte {offset} of the manifest')
            check(lines[0].startswith('manifest is damaged'), f'{offset}: {lines}')
            flip(manifest, offset)
        check_equal(run(node.data)[0], 0, 'status when all is mended')


@test()
def every_damaged_place_is_named_and_counted():
    with stopped_store() as node:
        places = []
        for path in sorted(glob.glob(os.path.join(node.data, 'log', '*.seg'))):
            for offset, length in blocks_of(path)[1::4]:
                flip(path, offset + length // 2)
                places.append(f'log/{os.path.basename(path)} at offset {offset}:')
        check(len(places) > 5, f'only {len(places)} places')
        status, lines, _ = run(node.data)
        check_equal(status, 1, 'status')
        check_equal(sorted(re.match(r'\S+ at offset \d+:', line)[0] for line in lines[:-1]), sorted(places), 'places')
        check_equal(lines[-1], f'{node.data}: {len(places)} damaged places', 'the count')


@test()
def a_file_that_is_gone_or_short_is_named():
    with stopped_store() as node:
        path = next(path for path in sorted(glob.glob(os.path.join(node.data, 'log', '*.seg'))) if blocks_of(path))
        kept = os.path.join(node.directory, 'kept')
        os.rename(path, kept)
        status, lines, _ = run(node.data)
        check_equal(status, 1, 'status without a file')
        check(any('is missing from log/' in line for line in lines), f'it said {lines}')
        shutil.copy(kept, path)
        os.truncate(path, SECTOR * 2)
        status, lines, _ = run(node.data)
        check_equal(status, 1, 'status with a short file')
        check(any(line.startswith(f'log/{os.path.basename(path)} has 8192 bytes') for line in lines), f'it said {lines}')


@contextlib.contextmanager
def store_with_checkpoints():
    """A node that is stopped, and whose manifest names two checkpoints: each stop has made one."""
    with Node(starts=False, environment={'MILLRACE_STORAGE_CHECKPOINT_INTERVAL': '1h'}) as node:
        for life in range(2):
            node.start('--shards', '2')
            for number in range(EVENT_COUNT):
                node.ingest([event(f'tenant-{number % 5}', event_id=f'{life}-{number}', user_id=f'u{number}',
                                   event_time=now_ms())])
            node.stop()
        yield node


@test(seconds=120)
def a_damaged_or_missing_state_file_of_either_checkpoint_is_named():
    with store_with_checkpoints() as node:
        check_equal(run(node.data)[0], 0, 'status before anything is damaged')
        paths = sorted(glob.glob(os.path.join(node.data, '*', '*.state')))
        folders = {os.path.basename(os.path.dirname(path)) for path in paths}
        check_equal(folders, {'partitions', 'slices'}, 'folders of state files')
        check(len({path[-14:] for path in paths}) == 2, f'files of two checkpoints, not {paths}')
        for path in [*paths[:2], *paths[-2:]]:
            name = os.path.relpath(path, node.data)
            size = os.path.getsize(path)
            for offset in 0, size // 2, size - 1:
                check_flipped(node.data, path, offset, f'{name} at offset ')
            kept = os.path.join(node.directory, 'kept')
            os.rename(path, kept)
            status, lines, _ = run(node.data)
            check_equal((status, lines[0]), (1, f'{name} at offset 0: the file is missing'), 'without a file')
            os.rename(kept, path)
        for path in paths[:3]:
            flip(path, 0)
        check_equal(run(node.data)[1][-1], f'{node.data}: 3 damaged places', 'the count of three')


@test(seconds=120)
def damaged_or_missing_pages_are_named():
    with store_with_checkpoints() as node:
        check_equal(run(node.data)[0], 0, 'status before anything is damaged')
        for pattern in 'partitions/*.pages', 'slices/*.people', 'slices/*.journal':
            paths = sorted(glob.glob(os.path.join(node.data, pattern)), key=os.path.getsize)
            check(paths, f'no {pattern}')
            path = paths[-1]
            name = os.path.relpath(path, node.data)
            for offset in 0, 70, 100:
                check_flipped(node.data, path, offset, f'{name} at offset ')
            kept = os.path.join(node.directory, 'kept')
            os.rename(path, kept)
            status, lines, _ = run(node.data)
            check_equal(status, 1, f'status without {name}')
            check(lines[0].startswith(name), f'without {name}: {lines}')
            os.rename(kept, path)
        check_equal(run(node.data)[0], 0, 'status when all is mended')


@test()
def what_is_no_store_or_newer_or_cannot_be_read_is_said():
    with tempfile.TemporaryDirectory(dir=BUILD) as empty:
        status, lines, said = run(empty)
        check_equal((status, lines), (2, []), 'an empty directory')
        check('holds no store' in said, said)
        check_equal(os.listdir(empty), [], 'what is in it then')
        status, _, said = run(os.path.join(empty, 'nothing'))
        check(status == 2 and 'No such file' in said, f'{status} {said}')
        check(not os.path.exists(os.path.join(empty, 'nothing')), 'it made a directory')
        check_equal(run(__file__)[0], 2, 'a file')
    for wrong in [], ['a', 'b'], ['--what']:
        status, output, said = millrace('check', *wrong)
        check(status == 2 and output == '' and '--help' in said, f'{wrong}: {status} {said}')
    status, output, _ = millrace('check', '--help')
    check(status == 0 and '--quiet' in output and '74' in output, output)
    with stopped_store(1) as node:
        path = os.path.join(node.data, 'manifest')
        with open(path, 'rb') as file:
            data = bytearray(file.read())
        struct.pack_into('<I', data, 4, 999)
        struct.pack_into('<I', data, 16, 0)
        struct.pack_into('<I', data, 16, crc32c(bytes(data)))
        with open(path, 'wb') as file:
            file.write(data)
        status, _, said = run(node.data)
        check(status == 74 and 'format version 999' in said and 'newer program' in said, f'{status} {said}')


def crc32c(data):
    checksum = 0xffffffff
    for byte in data:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (0x82f63b78 if checksum & 1 else 0)
    return checksum ^ 0xffffffff


@test()
def nobody_else_uses_the_directory_of_a_running_node():
    with Node('--shards', '1') as node:
        node.ingest([event('shop', event_id='1', user_id='ada', event_time=now_ms())])
        for _ in range(2):
            status, lines, said = run(node.data)
            check_equal((status, lines), (2, []), 'check beside a node')
            check('a node uses' in said, said)
            with Node(directory=node.data, starts=False) as second:
                try:
                    second.start()
                except Died as died:
                    check_equal(died.status, 1, 'status of the second node')
                    check('another process uses this data directory' in died.log, died.log)
                else:
                    raise AssertionError('two nodes on one directory')
            # The first has noticed nothing; and after kill -9 the lock is free at once.
            check_equal(node.gql('{ tenants { totalEvents } }')['tenants'], [{'totalEvents': 1}], 'events')
            node.kill()
            check_equal(run(node.data)[0], 0, 'check after kill -9')
            node.start('--shards', '2')


@test()
def a_node_does_not_start_while_its_directory_is_checked():
    with stopped_store(1) as node:
        # A reader holds the lock as the checker does, for as long as it is asked to.
        with subprocess.Popen(['flock', '--shared', os.path.join(node.data, 'LOCK'), 'sh', '-c', 'echo held; exec cat'],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            check_equal(holder.stdout.readline(), 'held\n', 'what the holder says')
            check_equal(run(node.data)[0], 0, 'a second checker')
            try:
                node.start()
            except Died as died:
                check_equal(died.status, 1, 'status of the node')
            else:
                raise AssertionError('a node beside a checker')
            holder.stdin.close()
        node.start()


main()
