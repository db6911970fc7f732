#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// The SDKs as npm has them, unmodified, against a node: what they were told is found by GraphQL, and a node that is
// killed under them costs nothing.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { main, same, until } from './node.mjs'

const DELIVERED_MS = 40_000 // SDKs wait longer from try to try

const PERSON = `query($tenant: ID!, $user: String!) {
  tenant(id: $tenant) { totalEvents totalProfiles }
  profile(tenantId: $tenant, userId: $user) {
    userId userIds anonymousIds mergedIds totalEvents totalSessions traits lastPage pageViews eventCounts { key count }
    events(first: 50) { nodes { eventType properties pageUrl } }
  }
}`

// Both SDKs speak of the same people. Each call is told apart by its messageId, which the SDK makes.
const TRAITS = { email: 'ada@example.org', plan: 'pro', age: 36, tags: ['a', 'b'], address: { city: 'Köln' } }

const calls = {
  first(sdk) {
    sdk.page({ anonymousId: 'visitor', name: 'Start', properties: { url: 'https://shop.example/start?utm=1' } })
    sdk.identify({ anonymousId: 'device', userId: 'ada', traits: TRAITS })
    sdk.track({ userId: 'ada', event: 'Order Completed', properties: { total: 12.5, items: [{ sku: 'x' }] } })
  },
  then(sdk) {
    sdk.page({ userId: 'ada', name: 'Pricing', properties: { path: '/pricing' } })
    sdk.group({ userId: 'ada', groupId: 'acme', traits: { name: 'ACME', plan: 'of the group' } })
    sdk.identify({ userId: 'grace', traits: { email: 'grace@example.org' } })
    sdk.alias({ previousId: 'visitor', userId: 'ada' })
    sdk.track({ userId: 'ada', event: 'Logged Out' })
  },
}
const EVENT_COUNT = 8

// A batch that is sent again may arrive behind the one after it: then the alias comes before its visitor, who is ada
// from the beginning, so nobody is merged. All else is the same.
async function checkPeople(node, tenant) {
  const total = async () => (await node.gql(PERSON, { tenant, user: 'ada' })).tenant?.totalEvents >= EVENT_COUNT
  await until(total, DELIVERED_MS, `${EVENT_COUNT} events of ${tenant}`)
  const { tenant: counts, profile: ada } = await node.gql(PERSON, { tenant, user: 'ada' })
  same(counts, { totalEvents: EVENT_COUNT, totalProfiles: 2 }, `${tenant}: counts`)
  same(ada.userIds, ['ada'], 'user IDs')
  same(ada.anonymousIds.sort(), ['device', 'visitor'], 'anonymous IDs')
  if (!tenant.endsWith('-killed')) same(ada.mergedIds.length, 1, 'merged')
  same(ada.traits, TRAITS, 'traits')
  same(ada.totalEvents, EVENT_COUNT - 1, 'events of ada')
  same(ada.totalSessions, 1, 'sessions of ada')
  same(ada.pageViews, 2, 'page views of ada')
  same(ada.lastPage, '/pricing', 'last page of ada')
  same(Object.fromEntries(ada.eventCounts.map(({ key, count }) => [key, count])),
    { page_view: 2, identify: 1, 'Order Completed': 1, group: 1, alias: 1, 'Logged Out': 1 }, 'events of ada by type')
  const order = ada.events.nodes.find((each) => each.eventType === 'Order Completed')
  same(order.properties, { total: 12.5, items: [{ sku: 'x' }] }, 'properties of the order')
  const pages = ada.events.nodes.map((each) => each.pageUrl).filter((page) => page)
  same(pages.sort(), ['/pricing', '/start'], 'pages of ada')
  const { profile: grace } = await node.gql(PERSON, { tenant, user: 'grace' })
  same(grace?.traits, { email: 'grace@example.org' }, 'traits of grace')
}

async function segment(node, tenant, settings = {}) {
  const { Analytics } = await import('@segment/analytics-node')
  const sdk = new Analytics({ writeKey: tenant, host: node.url, flushInterval: 200, ...settings })
  sdk.on('error', (problem) => console.log(`-- segment: ${problem.code} ${problem.reason?.message ?? problem.reason}`))
  return sdk
}

async function rudder(node, tenant, settings = {}) {
  const { default: RudderAnalytics } = await import('@rudderstack/rudder-sdk-node')
  return new RudderAnalytics(tenant, { dataPlaneUrl: node.url, flushInterval: 200, logLevel: 'error', ...settings })
}

const tests = {
  async 'segment delivers identify, track, page, group and alias'(node) {
    const sdk = await segment(node, 'segment')
    calls.first(sdk)
    calls.then(sdk)
    await sdk.closeAndFlush({ timeout: DELIVERED_MS })
    await checkPeople(node, 'segment')
  },

  async 'rudderstack delivers identify, track, page, group and alias, packed'(node) {
    const sdk = await rudder(node, 'rudder')
    calls.first(sdk)
    calls.then(sdk)
    await sdk.flush()
    await checkPeople(node, 'rudder')
  },

  async 'rudderstack delivers without packing, too'(node) {
    const sdk = await rudder(node, 'rudder-plain', { gzip: false })
    calls.first(sdk)
    calls.then(sdk)
    await sdk.flush()
    await checkPeople(node, 'rudder-plain')
  },

  async 'segment tries again when the node is killed, and nothing counts twice'(node) {
    const sdk = await segment(node, 'segment-killed', { maxEventsInBatch: 2 })
    calls.first(sdk)
    await node.kill()
    calls.then(sdk)
    const flushed = sdk.closeAndFlush({ timeout: DELIVERED_MS })
    await node.start('--shards', '3')
    await flushed
    await checkPeople(node, 'segment-killed')
  },

  async 'rudderstack tries again when the node is killed, and nothing counts twice'(node) {
    const sdk = await rudder(node, 'rudder-killed')
    calls.first(sdk)
    await sdk.flush()
    await node.kill()
    calls.then(sdk)
    const flushed = sdk.flush()
    await node.start('--shards', '1')
    await flushed
    await checkPeople(node, 'rudder-killed')
  },

  async 'all of them are there after another kill'(node) {
    await node.kill()
    await node.start('--shards', '2', '--io', 'epoll')
    for (const tenant of ['segment', 'rudder', 'rudder-plain', 'segment-killed', 'rudder-killed']) {
      await checkPeople(node, tenant)
    }
  },

  async 'with keys each delivers to the tenant of its key, and a wrong key to none'(node) {
    const keys = { 'segment-key': 'wk-segment-1', 'rudder-key': 'wk-rudder-1', token: 'rt-of-all' }
    for (const [name, secret] of Object.entries(keys)) writeFileSync(join(node.directory, name), secret)
    const path = (name) => JSON.stringify(join(node.directory, name))
    writeFileSync(join(node.directory, 'keys.yaml'), `keys:
  write:
    - {key_file: ${path('segment-key')}, tenant: keyed-segment}
    - {key_file: ${path('rudder-key')}, tenant: keyed-rudder}
  read:
    - {token_file: ${path('token')}, tenants: ["*"]}
`)
    await node.kill()
    await node.start('--config', join(node.directory, 'keys.yaml'))
    node.headers = { authorization: `Bearer ${keys.token}` }
    const before = await node.gql('{ tenants { id } }')
    for (const [make, key] of [[segment, 'wk-nobodys'], [segment, 'wk-segment-1'], [rudder, 'wk-rudder-1']]) {
      const sdk = await make(node, key)
      calls.first(sdk)
      calls.then(sdk)
      await (make === segment ? sdk.closeAndFlush({ timeout: DELIVERED_MS }) : sdk.flush())
    }
    await checkPeople(node, 'keyed-segment')
    await checkPeople(node, 'keyed-rudder')
    same((await node.gql('{ tenants { id } }')).tenants.length, before.tenants.length + 2, 'tenants')
  },
}

await main('sdk', tests, '--shards', '2')
