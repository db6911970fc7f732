#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`millrace produce` against a node that is killed under it: what it says was accepted is what is there."""

import re
import signal
import subprocess

from node import DIES_WITH_PARENT, MILLRACE, Node, check, check_equal, main, settings_only, test, until

RATE = 2000
TENANT_COUNT = 3
KILL_COUNT = 3
EVENT_COUNT_BETWEEN = RATE  # a second's


def total(node):
    """Of all tenants."""
    return sum(tenant['totalEvents'] for tenant in node.gql('{ tenants { totalEvents } }')['tenants'])


def wait_for_more_events(node):
    begin = total(node)
    until(lambda: total(node) > begin + EVENT_COUNT_BETWEEN, 20, f'{EVENT_COUNT_BETWEEN} more events')


class Producer:
    """It runs within `with`; `said` is what it said until its end."""

    def __init__(self, node, *arguments):
        self.process = subprocess.Popen([*DIES_WITH_PARENT, MILLRACE, 'produce', '--url', node.url, *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, env=settings_only())

    def end(self, which=None, seconds=20):
        """The counts of its last line, by name."""
        if which is not None:
            self.process.send_signal(which)
        said, _ = self.process.communicate(timeout=seconds)
        check_equal(self.process.returncode, 0, f'exit status; it said {said}')
        found = re.search(r'sent ([\d,]+) events .* accepted ([\d,]+), duplicates ([\d,]+), rejected ([\d,]+)', said)
        check(found, f'no counts in {said}')
        counts = [int(each.replace(',', '')) for each in found.groups()]
        # Stopped while a request waited to be sent again, it says how many events that leaves open.
        open_ones = re.search(r'not answered: ([\d,]+) events', said)
        counts.append(int(open_ones[1].replace(',', '')) if open_ones else 0)
        return dict(zip(('sent', 'accepted', 'duplicates', 'rejected', 'open'), counts))

    def __enter__(self):
        return self

    def __exit__(self, kind, problem, trace):
        if self.process.poll() is None:
            self.process.kill()
            print(f'-- the producer said: {self.process.communicate()[0]}')


@test()
def what_was_produced_is_there_once_though_the_node_was_killed():
    with Node('--shards', '2') as node, Producer(node, '--rate', f'{RATE}/s', '--tenants', str(TENANT_COUNT), '--users',
                                                 '500', '--seed', '7') as producer:
        for number in range(KILL_COUNT):
            wait_for_more_events(node)
            node.kill()
            node.start('--shards', str(number % 3 + 1))
        wait_for_more_events(node)
        counts = producer.end(signal.SIGINT)
        check_equal(counts['rejected'], 0, 'rejected')
        # A duplicate is an event that was durable when the node was killed, and was not answered before.
        answered = counts['accepted'] + counts['duplicates']
        check_equal(answered + counts['open'], counts['sent'], 'accepted, duplicates and open ones')
        check(answered <= total(node) <= counts['sent'], f'events of the node: {total(node)}; {counts}')
        tenants = node.gql('{ tenants { id totalEvents totalProfiles } }')['tenants']
        check_equal(len(tenants), TENANT_COUNT, 'tenants')
        check(all(tenant['totalProfiles'] > 0 for tenant in tenants), f'a tenant without people: {tenants}')


@test()
def a_seed_fixes_the_events_and_their_ids():
    with Node() as node:
        arguments = ['--rate', '0', '--count', '3000', '--seed', '11', '--users', '100', '--quiet']
        with Producer(node, *arguments) as producer:
            counts = producer.end()
            check_equal((counts['sent'], counts['accepted'], counts['duplicates']), (3000, 3000, 0), 'the first time')
        with Producer(node, *arguments) as producer:
            counts = producer.end()
            check_equal((counts['sent'], counts['accepted'], counts['duplicates']), (3000, 0, 3000), 'the second time')
        check_equal(total(node), 3000, 'events of the node')


@test()
def a_producer_without_a_node_waits_for_one():
    with Node(starts=False) as node:
        with Producer(node, '--rate', '0', '--count', '500') as producer:
            node.start()
            check_equal(producer.end()['accepted'], 500, 'accepted')
        check_equal(total(node), 500, 'events of the node')


main()
