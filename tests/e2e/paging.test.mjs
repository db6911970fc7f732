#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Apollo Client as npm has it pages through lists, by its relay-style pagination, while a writer changes them: who is
// not touched is met exactly once, whatever comes, moves, merges away, or dies.

import { main, same } from './node.mjs'

const STILL_COUNT = 60
const MOVER_COUNT = 40
const NEW_COUNT_MAX = 200
const PAGE = 7
const EVENTS_PAGE = 13
const ORDERS = ['LAST_SEEN_DESC', 'FIRST_SEEN_DESC', 'TOTAL_EVENTS_DESC', 'TOTAL_SESSIONS_DESC']
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

async function send(node, events) {
  const answer = await fetch(`${node.url}/v1/events`, {
    method: 'POST', headers: { authorization: `Basic ${btoa('shop:')}` }, body: events.map((each) => JSON.stringify(each)).join('\n'),
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
}

let eventCount = 0
function event(who, ago, type = 'click') {
  return {
    tenant_id: 'shop', event_id: `e${eventCount++}`, event_type: type, ...who,
    event_time: new Date(Date.now() - ago).toISOString(),
  }
}

// People who stay as they are, some with equally many events, sessions and times; and some who will not. Returns the IDs
// of their events.
async function begin(node) {
  const events = []
  for (let i = 0; i < STILL_COUNT; i++) {
    for (let k = 0; k <= i % 4; k++) {
      events.push(event({ user_id: `still-${i}` }, (3 + k) * HOUR_MS + Math.floor(i / 3) * MINUTE_MS))
    }
  }
  for (let i = 0; i < MOVER_COUNT; i++) {
    events.push(event({ anonymous_id: `mover-${i}` }, 2 * HOUR_MS + i * MINUTE_MS))
    events.push(event({ user_id: `settled-${i}` }, 2 * HOUR_MS + i * MINUTE_MS))
  }
  await send(node, events)
  return events.map((each) => each.event_id)
}

// Writes until it is told to stop: somebody moves, somebody comes, somebody is merged away, something happened long ago.
// Who has signed in is anonymous again on a new device, so that there is always somebody to merge.
function startWriter(node) {
  const writer = { isStopped: false, rounds: 0, newCount: 0, merges: 0 }
  writer.done = (async () => {
    for (let i = 0; !writer.isStopped; i++) {
      const mover = i % MOVER_COUNT
      const device = `mover-${mover}${i < MOVER_COUNT ? '' : `-${i}`}`
      const events = [
        event({ anonymous_id: device }, Math.floor(Math.random() * 10 * MINUTE_MS)),
        event({ user_id: `settled-${(mover + 7) % MOVER_COUNT}` }, Math.floor(Math.random() * 20 * HOUR_MS)),
      ]
      if (i % 3 === 0) {
        events.push(event({ anonymous_id: device, user_id: `settled-${mover}` }, MINUTE_MS, 'login'))
        writer.merges++
      }
      if (writer.newCount < NEW_COUNT_MAX) {
        events.push(event({ user_id: `new-${writer.newCount++}` }, Math.floor(Math.random() * 20 * HOUR_MS)))
      }
      await send(node, events)
      writer.rounds++
    }
  })()
  writer.stop = async () => {
    writer.isStopped = true
    await writer.done
  }
  return writer
}

async function apollo(node) {
  const { ApolloClient, HttpLink, InMemoryCache } = await import('@apollo/client')
  const { relayStylePagination } = await import('@apollo/client/utilities')
  return new ApolloClient({
    link: new HttpLink({ uri: `${node.url}/graphql` }),
    cache: new InMemoryCache({
      typePolicies: {
        Query: {
          fields: {
            profiles: relayStylePagination(['tenantId', 'orderBy', 'filter']),
            events: relayStylePagination(['tenantId', 'filter']),
          },
        },
        Profile: { keyFields: ['tenantId', 'canonicalId'] },
        Event: { keyFields: ['tenantId', 'eventId'] },
      },
    }),
  })
}

// All edges of a connection, as the cache has put the pages together. `between` is called after each page.
async function pageThrough(client, query, variables, field, between) {
  const list = client.watchQuery({ query, variables })
  const subscription = list.subscribe({ error() {} })
  try {
    let { data } = await client.query({ query, variables })
    for (let pages = 1; data[field].pageInfo.hasNextPage; pages++) {
      await between?.(pages)
      const before = data[field].pageInfo.endCursor
      await list.fetchMore({ variables: { after: before } })
      data = client.readQuery({ query, variables })
      if (data[field].pageInfo.endCursor === before) throw new Error('a page that does not go on')
    }
    return data[field].edges
  } finally {
    subscription.unsubscribe()
  }
}

const documents = async () => {
  const { gql } = await import('@apollo/client')
  return {
    profiles: gql`query($first: Int, $after: String, $orderBy: ProfileOrder, $filter: ProfileFilter) {
      profiles(tenantId: "shop", first: $first, after: $after, orderBy: $orderBy, filter: $filter) {
        edges { cursor node { tenantId canonicalId userId lastSeen totalEvents } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        totalCount
      }
    }`,
    events: gql`query($first: Int, $after: String) {
      events(tenantId: "shop", first: $first, after: $after) {
        edges { cursor node { tenantId eventId eventTime eventType } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }`,
  }
}

function timesOf(values) {
  const times = new Map()
  for (const value of values) times.set(value, (times.get(value) ?? 0) + 1)
  return times
}

function checkStill(edges, what) {
  const times = timesOf(edges.map(({ node }) => node.userId))
  const wrong = Array.from({ length: STILL_COUNT }, (_, i) => `still-${i}`).filter((user) => times.get(user) !== 1)
  same(wrong.map((user) => `${user} ${times.get(user) ?? 0} times`), [], what)
  same(timesOf(edges.map(({ cursor }) => cursor)).size, edges.length, `${what}: places`)
}

let written = []

const tests = {
  async 'a cursor of another order or list is refused by name'(node) {
    written = await begin(node)
    const client = await apollo(node)
    const { profiles, events } = await documents()
    const first = await client.query({ query: profiles, variables: { first: 1, orderBy: 'LAST_SEEN_DESC' } })
    const after = first.data.profiles.pageInfo.endCursor
    for (const [query, variables] of [[profiles, { after, orderBy: 'TOTAL_EVENTS_DESC' }], [events, { after }],
      [profiles, { after: `${after}x` }]]) {
      const { error } = await client.query({ query, variables, errorPolicy: 'all', fetchPolicy: 'no-cache' })
      same(error?.errors?.map(({ extensions }) => extensions.code), ['INVALID_CURSOR'], JSON.stringify(variables))
    }
  },

  async 'nobody is missed or met twice in any order of profiles'(node) {
    const { profiles } = await documents()
    const writer = startWriter(node)
    for (const orderBy of ORDERS) {
      const client = await apollo(node)
      const rounds = writer.rounds
      const edges = await pageThrough(client, profiles, { first: PAGE, orderBy }, 'profiles')
      checkStill(edges, orderBy)
      if (writer.rounds === rounds) throw new Error('nothing was written in between')
    }
    await writer.stop()
    if (writer.merges === 0) throw new Error('nobody was merged')
    const { data } = await (await apollo(node)).query({ query: profiles, variables: { first: 1 } })
    const { tenant } = await node.gql('{tenant(id:"shop"){totalProfiles}}')
    same(data.profiles.totalCount, tenant.totalProfiles, 'everybody')
  },

  async 'a filter pages the same way, and its total is of those who pass'(node) {
    const { profiles } = await documents()
    const writer = startWriter(node)
    const filter = { seenFrom: new Date(Date.now() - 30 * HOUR_MS).toISOString(), identified: true }
    const edges = await pageThrough(await apollo(node), profiles, { first: PAGE, filter }, 'profiles')
    await writer.stop()
    checkStill(edges, 'identified')
    same(edges.filter(({ node: { userId } }) => userId === null), [], 'anonymous ones')
    const ask = async (each) => (await node.gql(`query($filter: ProfileFilter) {
      profiles(tenantId: "shop", filter: $filter) { totalCount } }`, { filter: each })).profiles.totalCount
    same(await ask({ identified: true }) + await ask({ identified: false }), await ask({}), 'identified or not')
  },

  async 'every event is met once while newer and older ones come'(node) {
    const { events } = await documents()
    const writer = startWriter(node)
    const edges = await pageThrough(await apollo(node), events, { first: EVENTS_PAGE }, 'events')
    await writer.stop()
    const times = timesOf(edges.map(({ node: { eventId } }) => eventId))
    same(written.filter((id) => times.get(id) !== 1), [], 'events that are missing or there twice')
    same(times.size, edges.length, 'different events')
    const inOrder = edges.every(({ node: { eventTime } }, i) => i === 0 || edges[i - 1].node.eventTime >= eventTime)
    same(inOrder, true, 'newest first')
  },

  async 'a cursor outlives a kill and another number of shards'(node) {
    const { profiles, events } = await documents()
    const shards = ['2', '3', '1']
    const restart = async (pages) => {
      if (pages % 4 !== 0 || shards.length === 0) return
      await node.kill()
      await node.start('--shards', shards.shift())
      await send(node, [event({ user_id: `new-after-${pages}` }, 0), event({ user_id: 'settled-1' }, 5 * HOUR_MS)])
    }
    const edges = await pageThrough(await apollo(node), profiles, { first: PAGE, orderBy: 'TOTAL_EVENTS_DESC' }, 'profiles', restart)
    checkStill(edges, 'across restarts')
    same(shards.length, 0, 'restarts left')
    shards.push('2')
    const all = await pageThrough(await apollo(node), events, { first: 100 }, 'events', restart)
    const times = timesOf(all.map(({ node: { eventId } }) => eventId))
    same(written.filter((id) => times.get(id) !== 1), [], 'events that are missing or there twice')
  },
}

await main('paging', tests, '--shards', '2')
