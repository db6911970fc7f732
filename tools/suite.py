#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every test of the house, in stages; ./tools/test starts it.

Two chains run beside each other, because two cores can: the builds, one after another (each uses all
cores), and behind each build what needs it. Every failure is printed with its output as it happens; the
last line of standard output is `N passed, N failed`, with `, N skipped` when something was.

A test is: a cmocka TEST(), a program of tests/sim, a minute of a target of tests/fuzz, a line `ok NAME`, `failed NAME: why` or
`skipped NAME: why` of a file of tests/e2e, the lint, a build that fails.
"""

import argparse
import glob
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
E2E_SECONDS_MAX = 300
E2E_OF_THREADS = ['paging.test.mjs', 'read_your_writes.test.py']  # shards at work for each other, under TSan
E2E_SECONDS_MAX_LONG = 3600


class Count:
    """What came out, and the only one that prints."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0

    def add(self, stage, passed, failures, skips, seconds):
        """failures and skips: [(name, text)]."""
        with self.lock:
            self.passed += passed
            self.failed += len(failures)
            self.skipped += len(skips)
            for name, text in failures:
                print(f'---- failed: {stage} {name}'.rstrip())
                print(text.rstrip())
                print('----')
            for name, why in skips:
                print(f'skipped: {stage} {name}: {why}')
            said = [f'{passed} good'] * (passed > 0) + [f'{len(failures)} bad'] * (len(failures) > 0)
            said += [f'{len(skips)} skipped'] * (len(skips) > 0) + [f'{seconds:.1f} s']
            print(f'{stage}: {", ".join(said)}', flush=True)


def run(command, timeout=None, **options):
    """(status, output of both streams, seconds). A process group of its own, ended with its children."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True, **options)
    try:
        output, _ = process.communicate(timeout=timeout)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        output += f'\nstopped after {timeout} s\n'.encode()
        status = 124
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    try:
        os.killpg(process.pid, signal.SIGKILL)  # what a test left behind
    except ProcessLookupError:
        pass
    return status, output.decode(errors='replace'), time.monotonic() - began


def build(count, options, kind):
    """A build counts only when it fails: that it works is no test."""
    command = ['bash', '-c', 'source tools/lib.sh && build "$1" >/dev/null', 'build', kind]
    status, output, seconds = run(command, env=dict(os.environ, MILLRACE_BUILD=options.build))
    failures = [] if status == 0 else [('', output)]
    count.add(f'build {kind}', 0, failures, [], seconds)
    return status == 0


def lint(count, options):
    status, output, seconds = run([sys.executable, 'tools/lint', '--self-test'])
    failures = [] if status == 0 else [('', output)]
    count.add('lint', 1 - len(failures), failures, [], seconds)


def split_cmocka(output):
    """The output of one program as [(test, has_failed, its output)]."""
    tests = []
    lines = []
    for line in output.splitlines():
        end = re.match(r'\[ +(OK|FAILED) +\] (\S+)$', line)
        if re.match(r'\[ RUN +\]', line):
            lines = []
        elif end and lines is not None:
            tests.append((end[2], end[1] == 'FAILED', '\n'.join(lines)))
            lines = []
        else:
            lines.append(line)
    return tests


def meson_suite(count, options, kind, suite, stage):
    """The programs of a meson suite; a program that ends without saying so has failed as a whole."""
    directory = os.path.join(options.build, kind)
    log = os.path.join(directory, 'meson-logs', f'{suite}.json')
    if os.path.exists(log):
        os.remove(log)
    status, output, seconds = run(['meson', 'test', '-C', directory, '--no-rebuild', '--suite', suite,
                                   '--logbase', suite, '--num-processes', str(options.jobs)])
    passed = 0
    failures = []
    skips = []
    if not os.path.exists(log):
        if 'No suitable tests defined' not in output and 'No tests defined' not in output:
            failures.append(('', output))
        count.add(stage, passed, failures, skips, seconds)
        return
    with open(log, encoding='utf-8') as lines:
        for line in lines:
            program = json.loads(line)
            name = program['name'].split(' / ')[-1]
            text = program.get('stdout', '') + program.get('stderr', '')
            tests = split_cmocka(program.get('stdout', ''))
            broken = [(f'{name} {test}', told or text) for test, has_failed, told in tests if has_failed]
            passed += sum(not has_failed for _, has_failed, _ in tests)
            failures += broken
            if program['result'] == 'SKIP':
                skips.append((name, 'it said so'))
            elif program['result'] != 'OK' and not broken:
                failures.append((f'{name} ({program["result"]}, status {program["returncode"]})', text))
            elif program['result'] == 'OK' and not tests:
                passed += 1
    if status != 0 and not failures:
        failures.append(('', output))
    count.add(stage, passed, failures, skips, seconds)


def sim(count, options, kind):
    """In release many seeds; in debug some of them, under the sanitizers. --long: many more."""
    meson_suite(count, options, kind, 'sim', f'sim {kind}')
    if options.long and kind == 'release':
        with ThreadPoolExecutor(options.jobs) as pool:
            for status, output, seconds in pool.map(lambda first: sim_seeds(options, first, 2500), (10001, 20001)):
                failures = [] if status == 0 else [('', output)]
                count.add('sim --long', 1 - len(failures), failures, [], seconds)


def sim_seeds(options, first, seeds):
    return run([os.path.join(options.build, 'release', 'tests', 'sim', 'sim'), str(first), str(seeds)])


def e2e_file(path, environment):
    timeout = E2E_SECONDS_MAX_LONG if 'MILLRACE_LONG' in environment else E2E_SECONDS_MAX
    status, output, seconds = run([path], timeout=timeout, env=environment)
    name = os.path.basename(path)
    ended = [re.match(r'(ok|failed|skipped) ([^:]+)(?:: (.*))?$', line) for line in output.splitlines()]
    ended = [match for match in ended if match]
    passed = sum(match[1] == 'ok' for match in ended)
    failures = [(match[2], match[3] or '') for match in ended if match[1] == 'failed']
    skips = [(match[2], match[3] or '') for match in ended if match[1] == 'skipped']
    if failures:
        failures[-1] = (failures[-1][0], failures[-1][1] + '\n' + output)
    elif status != 0:
        failures = [(f'(status {status})', output)]
    elif not ended:
        failures = [('', 'it said neither ok, failed nor skipped\n' + output)]
    return name, passed, failures, skips, seconds


def e2e(count, options, kind='release', chosen=None):
    """Files take turns, as many as there are cores; each starts its own node on a port of its own."""
    files = sorted(path for path in glob.glob(os.path.join(ROOT, 'tests', 'e2e', '*.test.*'))
                   if os.access(path, os.X_OK) and re.search(r'\.(sh|py|mjs)$', path)
                   and all(word.lower() in os.path.basename(path).lower() for word in options.words)
                   and (chosen is None or os.path.basename(path) in chosen))
    program = os.path.join(options.build, kind, 'millrace')
    stage = 'e2e' if kind == 'release' else f'e2e {kind}'
    if not files:
        return
    if not os.path.exists(program):
        count.add(stage, 0, [('all', 'there is no program yet')], [], 0)
        return
    environment = dict(os.environ, MILLRACE=program, MILLRACE_LOG_FORMAT='json')
    if options.long:
        environment['MILLRACE_LONG'] = '1'
    with ThreadPoolExecutor(options.jobs) as pool:
        for name, passed, failures, skips, seconds in pool.map(lambda path: e2e_file(path, environment), files):
            count.add(f'{stage} {name}', passed, failures, skips, seconds)


def fuzz_target(options, noun):
    """(noun, status, output, seconds). New inputs go to the build; the seeds stay as they are."""
    found = os.path.join(options.build, 'fuzz', 'corpus', noun)
    os.makedirs(found, exist_ok=True)
    program = os.path.join(options.build, 'fuzz', 'tests', 'fuzz', f'fuzz_{noun}')
    return (noun, *run([program, f'-max_total_time={options.fuzz_seconds}', '-timeout=10', '-rss_limit_mb=2048',
                        f'-artifact_prefix={os.path.join(options.build, "fuzz", noun)}-', found,
                        os.path.join(ROOT, 'tests', 'fuzz', 'corpus', noun)],
                       timeout=options.fuzz_seconds + 120))


def fuzz(count, options):
    """A minute of each target, as many at once as there are cores."""
    nouns = sorted(os.path.basename(path)[:-2] for path in glob.glob(os.path.join(ROOT, 'tests', 'fuzz', '*.c')))
    nouns = [noun for noun in nouns if not options.words or noun in options.words]
    if not nouns:
        count.add('fuzz', 0, [('', 'there is no such target')], [], 0)
    with ThreadPoolExecutor(options.jobs) as pool:
        for noun, status, output, seconds in pool.map(lambda noun: fuzz_target(options, noun), nouns):
            failures = [] if status == 0 else [('', output)]
            count.add(f'fuzz {noun}', 1 - len(failures), failures, [], seconds)


def everything(count, options):
    """Builds in a row; what needs one starts behind it, in at most two threads beside the next."""
    with ThreadPoolExecutor(2) as pool:
        pool.submit(lint, count, options)
        if build(count, options, 'debug'):
            pool.submit(meson_suite, count, options, 'debug', 'unit', 'unit')
            pool.submit(sim, count, options, 'debug')
        has_tsan = build(count, options, 'tsan')
        if has_tsan:
            pool.submit(meson_suite, count, options, 'tsan', 'threads', 'threads')
        has_release = build(count, options, 'release')
        has_fuzz = build(count, options, 'fuzz')
    if has_tsan:
        e2e(count, options, 'tsan', E2E_OF_THREADS)
    if has_fuzz:
        fuzz(count, options)
    if has_release:
        sim(count, options, 'release')
        e2e(count, options)  # alone: these measure time


def main():
    parser = argparse.ArgumentParser(description='see ./tools/test --help')
    parser.add_argument('--build', default=os.path.join(ROOT, 'build'))
    parser.add_argument('--long', action='store_true')
    parser.add_argument('--only', choices=['e2e', 'fuzz', 'unit'])
    parser.add_argument('--fuzz-seconds', type=int, default=60)
    parser.add_argument('words', nargs='*')
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.jobs = os.cpu_count() or 2

    began = time.monotonic()
    count = Count()
    try:
        if options.only == 'e2e':
            e2e(count, options)
        elif options.only == 'fuzz':
            fuzz(count, options)
        elif options.only == 'unit':
            meson_suite(count, options, 'debug', 'unit', 'unit')
        else:
            everything(count, options)
    except Exception as problem:  # the count below must be honest whatever happens
        count.add('suite', 0, [('', repr(problem))], [], 0)
    print(f'total {time.monotonic() - began:.0f} s')
    skipped = f', {count.skipped} skipped' if count.skipped else ''
    print(f'{count.passed} passed, {count.failed} failed{skipped}', flush=True)
    sys.exit(1 if count.failed else 0)


if __name__ == '__main__':
    main()
