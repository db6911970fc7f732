#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The vectors that everybody shares: fed to an empty node, and asked again of the same data after kill -9, with
another number of shards and the other backend."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from node import DIES_WITH_PARENT, ROOT, Node, Skipped, check, main, test

SHARED = os.environ.get('MILLRACE_SHARED') or os.path.join(ROOT, '..', 'shared')
CHECK = os.path.join(SHARED, 'vectors', 'check')
CHECK_SECONDS = 100
AT_ONCE = 2

OTHER_SHARDS = {1: 3, 2: 1, 3: 2}
OTHER_IO = {'uring': 'epoll', 'epoll': 'uring'}
COMBINATIONS = [(shards, io) for shards in (1, 2, 3) for io in ('uring', 'epoll')]


def run_check(node, when, *arguments):
    ran = subprocess.run([*DIES_WITH_PARENT, sys.executable, CHECK, '--url', node.url, *arguments],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=CHECK_SECONDS, check=False, env=dict(os.environ, no_proxy='*'))
    check(ran.returncode == 0, f'{when}:\n{ran.stdout}')


def run_combination(combination):
    """What went wrong, or nothing."""
    shards, io = combination
    other = ['--shards', str(OTHER_SHARDS[shards]), '--io', OTHER_IO[io]]
    try:
        with Node('--shards', str(shards), '--io', io) as node:
            run_check(node, f'--shards {shards} --io {io}')
            node.kill()
            node.start(*other)
            run_check(node, f'--shards {shards} --io {io}, kill -9, {" ".join(other)}', '--no-feed')
    except Exception as problem:
        return str(problem)
    return ''


@test(seconds=280)
def vectors_hold_with_every_number_of_shards_on_both_backends_and_after_kill():
    if not os.path.exists(CHECK):
        raise Skipped(f'there is no {os.path.normpath(CHECK)}; MILLRACE_SHARED says where to look')
    with ThreadPoolExecutor(AT_ONCE) as pool:
        problems = [problem for problem in pool.map(run_combination, COMBINATIONS) if problem]
    check(not problems, '\n'.join(problems))


main()
