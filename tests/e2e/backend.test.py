#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a node waits and reads: it takes what the machine allows, says what it took, and loses nothing by it."""

import json
import os

from node import HERE, Died, Node, check, check_equal, event, file_system, main, now_ms, test

WITHOUT_URING = os.path.join(HERE, 'without_uring.py')
O_DIRECT = 0o40000
# Memory as a file system; of those that a machine always has, the one that refuses O_DIRECT.
REFUSES_DIRECT = 'ramfs'


def said(node):
    """The lines of the log, each as the text of its values."""
    return [' '.join(str(value) for value in json.loads(line).values()) for line in node.log().splitlines()]


def has_ring(node):
    folder = f'/proc/{node.process.pid}/fd'
    return any('io_uring' in os.readlink(os.path.join(folder, name)) for name in os.listdir(folder))


def has_direct_files(node):
    """Does it hold a file of its data directory that it opened with O_DIRECT?"""
    folder = f'/proc/{node.process.pid}'
    for name in os.listdir(f'{folder}/fd'):
        if os.readlink(f'{folder}/fd/{name}').startswith(node.data):
            with open(f'{folder}/fdinfo/{name}', encoding='ascii') as info:
                if int(dict(line.split(':', 1) for line in info)['flags'], 8) & O_DIRECT:
                    return True
    return False


def works(node, *arguments):
    """It writes, and what it wrote is there after kill -9."""
    total = node.gql('{ tenants { totalEvents } }')['tenants']
    total = total[0]['totalEvents'] if total else 0
    node.ingest([event('backend', user_id='ada', event_id=f'{total}-{number}', event_time=now_ms())
                 for number in range(100)])
    node.kill()
    node.start(*arguments)
    check_equal(node.gql('{ tenants { id totalEvents } }')['tenants'], [{'id': 'backend', 'totalEvents': total + 100}])


@test()
def a_node_takes_io_uring_and_direct_writes_where_it_may():
    with Node('--io', 'auto') as node:
        check(has_ring(node), 'io_uring is not used')
        check(any('io_uring' in line for line in said(node)), f'it does not say io_uring: {node.log()}')
        check(not any('epoll' in line or 'buffered' in line for line in said(node)), node.log())
        check(has_direct_files(node), 'no file of the data directory is open with O_DIRECT')
        works(node)
        works(node, '--io', 'epoll')
        check(not has_ring(node), '--io epoll uses io_uring')
        check(any('epoll' in line for line in said(node)), f'it does not say epoll: {node.log()}')
        works(node, '--io', 'uring')
        check(has_ring(node), '--io uring does not use io_uring')


@test()
def a_node_for_which_io_uring_is_forbidden_starts_on_epoll_and_says_so():
    for errno in 'EPERM', 'ENOSYS':
        with Node(wrapper=(WITHOUT_URING, errno)) as node:
            check(not has_ring(node), 'a ring that is forbidden')
            check(any('epoll' in line for line in said(node)), f'{errno}: it does not say epoll: {node.log()}')
            check(any('io_uring' in line for line in said(node)), f'{errno}: it does not say why: {node.log()}')
            works(node)


@test()
def a_node_that_must_use_io_uring_and_may_not_says_so_and_ends():
    with Node(starts=False, wrapper=(WITHOUT_URING, 'EPERM')) as node:
        try:
            node.start('--io', 'uring')
        except Died as died:
            check_equal(died.status, 1, 'exit status')
            check('io_uring' in died.log or 'uring' in died.log, f'it does not say why: {died.log}')
        else:
            raise AssertionError('it runs, on what?')


@test()
def a_node_writes_buffered_and_says_so_where_the_file_system_refuses_o_direct():
    with Node(starts=False) as node:
        with file_system(REFUSES_DIRECT, node.data) as wrapper:
            node.wrapper = wrapper
            for io in 'uring', 'epoll':
                node.start('--io', io)
                check(any('buffered' in line for line in said(node)), f'{io}: it does not say buffered: {node.log()}')
                check(not has_direct_files(node), f'{io}: a file is open with O_DIRECT')
                works(node, '--io', io)
                node.stop()
            check_equal(os.listdir(node.data), [], 'files beside the file system that was mounted')


main()
