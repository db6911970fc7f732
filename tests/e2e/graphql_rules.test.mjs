#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// Validation as graphql-js has it: with the schema that the node tells of itself, both refuse the same documents, with
// the same words at the same places. First each of its rules by name, then documents made of dice, then what is too much.

import { main, same } from './node.mjs'

const FUZZ_COUNT = 3000
const FUZZ_AT_ONCE = 16
const FUZZ_SEED = Number(process.env.SEED ?? 20260101)
const BOMB_MS = 1000 // of a loaded machine; what is measured is a few milliseconds

let js
let schema

// The schema as the node tells it. A client cannot know how a scalar reads literals, so ours are told here.
async function prepare(node) {
  if (schema) return
  js = await import('graphql')
  schema = js.buildClientSchema(await node.gql(js.getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true,
    experimentalDirectiveDeprecation: true, specifiedByUrl: true, directiveIsRepeatable: true })))
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
  const isLong = (digits) => BigInt.asIntN(64, BigInt(digits)) === BigInt(digits)
  schema.getType('DateTime').parseLiteral = ({ kind, value }) =>
    kind === 'StringValue' && time.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined
  schema.getType('Long').parseLiteral = ({ kind, value }) => kind === 'IntValue' && isLong(value) ? value : undefined
}

// Messages and places in any order; a place is LINE:COLUMN.
const told = (errors) => errors.map(({ message, locations }) =>
  `${message} [${(locations ?? []).map(({ line, column }) => `${line}:${column}`).join(' ')}]`).sort()

// undefined: it is valid. Syntax errors have words of our own, so there it is only that.
function judge(query) {
  let document
  try {
    document = js.parse(query)
  } catch {
    return 'syntax'
  }
  try {
    const errors = js.validate(schema, document, rules())
    return errors.length > 0 ? told(errors) : undefined
  } catch (problem) { // conditions of a subscription that have variables
    return [`thrown: ${problem.message}`]
  }
}

async function ask(node, query, variables) {
  const answer = await fetch(`${node.url}/graphql`, {
    method: 'POST', headers: { accept: 'application/graphql-response+json', 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  return answer.json()
}

const VALIDATION = ['GRAPHQL_VALIDATION_FAILED', 'FIELDS_CONFLICT']
const LIMITS = ['TOO_DEEP', 'TOO_COMPLEX', 'TOO_COSTLY', 'TOO_MANY_TOKENS', 'INVALID_FIRST']
const codes = (errors) => errors.map(({ extensions }) => extensions.code)

// What the node says of a document, in the same form; { limit } where one of ours was first.
async function verdict(node, query) {
  const { errors = [], data } = await ask(node, query)
  const isRequest = data === undefined && errors.length > 0
  if (!isRequest) return undefined
  const [code] = codes(errors)
  if (LIMITS.includes(code)) return { limit: code }
  if (code === 'GRAPHQL_PARSE_FAILED') return 'syntax'
  return VALIDATION.includes(code) ? told(errors) : undefined // executed, or refused for its variables
}

const PROFILE = 'profile(tenantId: "a", id: "x")'
const RANGE = 'tenantId: "a", from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z"'
const BREAKDOWN = `breakdown(${RANGE}, metric: EVENTS, by: OS`

// By the names of graphql-js's rules: documents that the rule refuses, then some that it does not mind.
const RULES = {
  ExecutableDefinitionsRule: ['type Dog { name: String }', 'extend type Query { a: Int }', 'schema { query: Query }',
    'directive @a on FIELD', '"""said""" enum E { A }', 'input I { a: Int }'],
  UniqueOperationNamesRule: ['query a { __typename } query a { __typename }',
    'query a { __typename } mutation a { __typename } query a { __typename }', { ok: 'query a { __typename } query b { __typename }' }],
  LoneAnonymousOperationRule: ['{ __typename } { __typename }', '{ __typename } query a { __typename }'],
  SingleFieldSubscriptionsRule: ['subscription s { pulse(tenantId: "a") { time } events(tenantId: "a") { missed } }',
    'subscription { ...F } fragment F on Subscription { pulse(tenantId: "a") { time } p: pulse(tenantId: "b") { time } __typename }',
    'subscription s { __typename }', 'subscription { pulse(tenantId: "a") { time } x: __typename @include(if: true) x: __typename }',
    'subscription { ... { pulse(tenantId: "a") { time } } ... on Subscription { a: pulse(tenantId: "a") { time } } }',
    { ok: 'subscription { pulse(tenantId: "a") { time } a: __typename @skip(if: true) }' },
    { ok: 'subscription { pulse(tenantId: "a") { time } pulse(tenantId: "a") { time } }' }],
  KnownTypeNamesRule: ['query ($a: Strin) { tenant(id: $a) { id } }', '{ ... on Quer { __typename } }', '{ ...F } fragment F on Tennant { id }',
    'query ($a: [Nothing!]!) { __typename @skip(if: $a) }', '{ ... on __Typ { name } }'],
  FragmentsOnCompositeTypesRule: ['{ ... on Metric { id } }', '{ ...F } fragment F on DateTime { id }', '{ ... on EventFilter { id } }'],
  VariablesAreInputTypesRule: ['query ($a: Tenant, $b: [[Event!]]!) { tenant(id: $a) { id @skip(if: $b) } }'],
  ScalarLeafsRule: ['{ tenants }', '{ tenants { id { x } } }', '{ __typename { a } }', '{ tenants { watermark { year { x } } } }', '{ __schema }'],
  FieldsOnCorrectTypeRule: ['{ x }', '{ tenant(id: 1) { totalEvent totalsEvents nothing } }', '{ tenants { __schema { types { name } } } }',
    '{ nothing { below(x: $y) @z { ...Q } } }', `{ ${PROFILE} { event1d events2d logIns } }`, 'mutation { __type(name: "a") { name } }',
    '{ __schema { type { name } } }'],
  UniqueFragmentNamesRule: ['{ ...F } fragment F on Query { __typename } fragment F on Query { a: __typename }'],
  KnownFragmentNamesRule: ['{ ...Nobody tenants { ...Nobody } }', '{ ...F } fragment F on Query { ...Nobody }'],
  NoUnusedFragmentsRule: ['{ __typename } fragment F on Query { ...G } fragment G on Query { __typename }'],
  PossibleFragmentSpreadsRule: ['{ ... on Tenant { id } }', '{ tenants { ...F } } fragment F on Query { __typename }',
    '{ tenants { ... on Tenant { ... on Event { late } } } }', { ok: '{ ... on Query { ... { __typename } } }' }],
  NoFragmentCyclesRule: ['{ ...F } fragment F on Query { ...F }', '{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A ...B }',
    `{ ${PROFILE} { currentSession { ...S } } } fragment S on Session { events { nodes { session { ...S } } edges { node { session { ...T } } } } } fragment T on Session { open ...S ... { ...T } }`,
    '{ __typename } fragment A on Query { ...B ...C } fragment B on Query { ...A } fragment C on Query { ... { ...A } ... { ...B } }'],
  UniqueVariableNamesRule: ['query ($a: ID!, $a: Int, $b: Int, $a: ID!) { tenant(id: $a) { id } }'],
  NoUndefinedVariablesRule: ['{ tenant(id: $a) { id } }', 'query q { ...F } query r($a: ID!) { ...F } fragment F on Query { tenant(id: $a) { id @skip(if: $b) } }',
    `{ ${BREAKDOWN}, where: [{ by: $c, equals: [$d, { e: $e }] }]) { key } }`, '{ x(y: [$a]) @skip(if: $b) }'],
  NoUnusedVariablesRule: ['query ($a: ID) { __typename }', 'query q($a: ID!, $b: Int) { tenant(id: $a) { id } }',
    'query q($a: ID!) { __typename } query r($a: ID!) { ...F } fragment F on Query { tenant(id: $a) { id } }'],
  KnownDirectivesRule: ['{ __typename @nobody }', 'query @skip(if: true) { __typename @deprecated ... @specifiedBy(url: "") { __typename } }',
    '{ ...F @oneOf } fragment F on Query @include(if: true) { __typename }', 'query ($a: Boolean! @skip(if: true)) { __typename @skip(if: $a) }',
    'subscription @include(if: false) { pulse(tenantId: "a") { time } }', 'mutation @skip(if: false) { __typename }', '{ __typename @__typename }'],
  UniqueDirectivesPerLocationRule: ['{ __typename @skip(if: true) @skip(if: false) @include(if: true) @skip(if: true) }',
    { ok: '{ __typename @skip(if: true) @include(if: true) ... @skip(if: true) { __typename @skip(if: true) } }' }],
  KnownArgumentNamesRule: ['{ tenant(id: 1, di: 2) { id } }', '{ tenants(first: 1) { id } __typename(x: 1) }', '{ __typename @skip(if: true, unless: $a) }',
    '{ events(tenantId: 1, fist: 1, afters: 2) { nodes { late } } }', '{ __typename @deprecated(raeson: "") }'],
  UniqueArgumentNamesRule: ['{ tenant(id: 1, id: 2, x: 1, id: 3) { id } }', '{ __typename @skip(if: true, if: false) }', '{ nothing(a: 1, a: 1) }'],
  ValuesOfCorrectTypeRule: [...['1.5', 'true', 'X', '[1]', '{ a: 1 }', 'null', '[$x]'].map((id) => `{ tenant(id: ${id}) { id } }`),
    ...['"5"', '5.0', '2147483648', '[1, "a"]', '{ a: [true, null] }', 'FIVE', '"""a"b"""'].map((first) => `{ events(tenantId: 1, first: ${first}) { nodes { late } } }`),
    ...['1', '[{ late: true }]', '{ lat: true, from: 3, types: [X] }', '{ eventType: 7, late: "true", canonicalId: 1.0, from: "yesterday" }', '{ late: { a: $q } }']
      .map((filter) => `{ events(tenantId: 1, filter: ${filter}) { nodes { late } } }`),
    ...['[{ equals: "x" }]', '[null]', '[[{ by: OS }]]', '{ by: null }', '{ by: os }', '{ by: "OS" }', '{ by: BROWSR }', '{ by: [OS] }', '"say \\"a\\\\b\\" \\u0007 \\n"']
      .map((where) => `{ ${BREAKDOWN}, where: ${where}) { key } }`),
    `{ breakdown(${RANGE}, metric: "USERS", by: DEVICE) { key } }`, '{ timeSeries(tenantId: {}, metric: 1, interval: true, from: null, to: []) { time } }',
    'query ($a: Int = "x", $b: ID! = null, $c: [DimensionValue!] = [{ by: WHERE }], $d: Long = 9223372036854775808, $e: Float = "1", $f: Nobody = 1, $g: JSON = { a: [1, X] }, $h: String = 1) { __typename }',
    '{ __type(name: 1) { name fields(includeDeprecated: "yes") { name } } }',
    '{ tenant(id: 1) @nobody(id: 2.5) { id @nobody(id: 2.5) ... @nobody(id: 3.5) { id } } }',
    { ok: `{ ${BREAKDOWN}, where: { by: OS, equals: null }) { key } }` }, { ok: `{ ${BREAKDOWN}, where: []) { key } }` }, { ok: '{ tenant(id: 12345678901234567890) { id } }' }],
  ProvidedRequiredArgumentsRule: ['{ tenant { id } }', '{ breakdown(tenantId: 1) { key } }', '{ __typename @skip ... @include { __typename } }', '{ __type { name } }',
    '{ a: __typename @specifiedBy }'],
  VariablesInAllowedPositionRule: ['query ($a: ID) { tenant(id: $a) { id } }', 'query ($a: ID = null, $b: String!, $c: [ID!]!) { a: tenant(id: $a) { id } b: tenant(id: $b) { id } c: tenant(id: $c) { id } }',
    'query ($a: Boolean, $b: Boolean = true) { a: __typename @skip(if: $a) b: __typename @skip(if: $b) }', 'query ($a: Tenant!) { tenant(id: $a) { id } }',
    `query ($a: [DimensionValue], $b: DimensionValue, $c: String, $d: [Dimension!]!) { a: ${BREAKDOWN}, where: $a) { key } b: ${BREAKDOWN}, where: [$b]) { key } c: ${BREAKDOWN}, where: { by: $c, equals: $d }) { key } d: ${BREAKDOWN}, where: $b) { key } }`,
    'query ($a: Int) { ...F } fragment F on Query { events(tenantId: $a, first: [$a]) { nodes { late } } }',
    { ok: 'query ($a: ID = "x", $b: Int!) { tenant(id: $a) { id } events(tenantId: 1, first: $b) { nodes { late } } }' },
    { ok: 'query ($a: Boolean!) { __schema { directives(includeDeprecated: $a) { name } } }' }, { ok: 'query ($a: Boolean) { __schema { directives(includeDeprecated: $a) { name } } }' }],
  OverlappingFieldsCanBeMergedRule: ['{ a: tenants { id } a: tenant(id: 1) { id } }', '{ tenant(id: 1) { id } tenant(id: 2) { id } }', '{ tenants { a: id ... { a: watermark } a: id } }',
    `{ ${PROFILE} { topPages { key } ...F } } fragment F on Profile { topPages(first: 5) { count } }`,
    `{ ${PROFILE} { currentSession { x: open y: startTime } currentSession { x: revision y: endTime ...S } } } fragment S on Session { x: tenantId }`,
    '{ ...A ...B } fragment A on Query { x: __typename tenants { y: id ...C } } fragment B on Query { x: tenants { id } tenants { y: watermark z: totalEvents } } fragment C on Tenant { z: totalProfiles }',
    '{ tenants { ... on Event { a: late } ... on Tenant { a: id } } }', '{ tenants { ... on Event { a: session { x: open } } ... on Tenant { a: id } } }',
    '{ tenants { ... on Event { a: session { x: open } } ... on Profile { a: currentSession { x: eventCount } } } }',
    '{ nothing { a: x a: y } nothing { a(b: 1) a(b: 2) } }', '{ events(tenantId: "1") { nodes { late } } events(tenantId: """1""") { nodes { late } } }',
    '{ ...A } fragment A on Query { a: __typename ...B } fragment B on Query { a: tenants { id } ...A }',
    '{ __schema { types { name } } __schema { types { name: kind } a: types { name } a: directives { name } } }',
    '{ x: __typename x: __schema { description } }',
    { ok: `{ ${BREAKDOWN}, where: { by: OS, equals: "a" }) { key } ${BREAKDOWN}, where: { equals: "a", by: OS }) { value } }` },
    { ok: '{ tenants { id } tenants { id x: id } ...F ...F } fragment F on Query { tenants { id ...G } } fragment G on Tenant { x: id }' }],
  UniqueInputFieldNamesRule: ['{ events(tenantId: 1, filter: { late: true, late: false, late: true }) { nodes { late } } }', `{ ${BREAKDOWN}, where: [{ by: OS, by: { a: 1, a: 1 } }]) { key } }`,
    '{ tenant(id: { a: 1, a: 2 }) { id } }'],
  // A limit of ours, which lets one more pass.
  MaxIntrospectionDepthRule: [{ limit: 'TOO_DEEP', query: '{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }' }],
}
const rules = () => js.specifiedRules.filter(({ name }) => name !== 'MaxIntrospectionDepthRule')

// Dice: mulberry32.
function dice(seed) {
  return (sides) => {
    seed = seed + 0x6d2b79f5 | 0
    let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) % sides
  }
}

const VALID = [
  'query Q($t: ID!, $n: Int = 5, $f: EventFilter, $y: Boolean!) { tenant(id: $t) { ...T } events(tenantId: $t, first: $n, filter: $f) { nodes { ...E } pageInfo { hasNextPage } } ... @include(if: $y) { __typename } } fragment T on Tenant { id totalEvents } fragment E on Event { eventId session { sessionId open } late @skip(if: $y) }',
  `query A($w: [DimensionValue!], $d: Dimension = OS) { a: ${BREAKDOWN}, where: $w) { key value } b: ${BREAKDOWN}, where: [{ by: $d, equals: "x" }, { by: COUNTRY }]) { ...G } } fragment G on Group { key }`,
  `{ ${PROFILE} { userIds topPages(first: 3) { key count } currentSession { ...S } sessions { edges { cursor node { ...S } } } } } fragment S on Session { open pages events(first: 2) { nodes { ... on Event { late } } } }`,
  'query I($n: String!) { __type(name: $n) { ...N fields(includeDeprecated: true) { name type { ...N ofType { ...N } } } } } fragment N on __Type { kind name }',
  'mutation M($t: ID!, $s: Boolean = true) { deleteProfile(tenantId: $t, id: "a", suppress: $s) { canonicalIds events } }',
  'subscription S($t: ID!, $f: EventFilter = { late: true }) { events(tenantId: $t, filter: $f) { event { ...E } missed } } fragment E on Event { eventType properties }',
]
const TOKEN = /"""(?:[^"\\]|"(?!""))*"""|"(?:[^"\\\n]|\\.)*"|\.\.\.|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[!$&()=:@[\]{|}]/g
const WORDS = ['a', 'id', 'open', 'on', 'Event', 'Tenant', 'Query', 'Session', 'Int', 'ID', 'OS', 'EVENTS', 'late', 'skip', 'include', 'if',
  'first', 'E', 'T', 'S', 'nodes', 'true', 'null', '$t', '$n', '$y', '1', '1.5', '"a"', '[', ']', '{', '}', '(', ')', '!', ':', '@', '...', '$', 'events', '__typename', 'totalEvent']

// A valid document, some of its tokens changed; what kind of change, dice say. Most of them parse.
function mutate(roll) {
  let query
  do {
    query = mutateOnce(roll)
  } while (roll(12) > 0 && judge(query) === 'syntax')
  return query
}

function mutateOnce(roll) {
  const tokens = VALID[roll(VALID.length)].match(TOKEN)
  if (roll(4) === 0) tokens.push(...VALID[roll(VALID.length)].match(TOKEN))
  for (let left = 1 + roll(3); left > 0; left--) {
    const at = roll(tokens.length)
    const from = roll(tokens.length)
    switch (roll(7)) {
      case 0: tokens.splice(at, 1); break
      case 1: tokens.splice(at, 0, tokens[from]); break
      case 2: [tokens[at], tokens[from]] = [tokens[from], tokens[at]]; break
      case 3: tokens[at] = WORDS[roll(WORDS.length)]; break
      case 4: tokens.splice(at, 0, WORDS[roll(WORDS.length)]); break
      default: { // a name for another: what parses still, mostly
        const names = tokens.flatMap((token, i) => /^[A-Za-z_]/.test(token) ? [i] : [])
        tokens[names[roll(names.length)]] = roll(3) === 0 ? WORDS[roll(17)] : tokens[names[roll(names.length)]]
      }
    }
  }
  const separators = [' ', ' ', ' ', ' ', '\n', '\r\n', ' # said\n', ', ']
  return tokens.map((token) => token + separators[roll(separators.length)]).join('')
}

const repeat = (count, make) => Array.from({ length: count }, (_, i) => make(i)).join(' ')
const nest = (count, opening, inside) => opening.repeat(count) + inside + '}'.repeat(count)

// What is too much, by the code that it is refused with.
const BOMBS = {
  'depth of data': ['TOO_DEEP', `{ ${PROFILE} { currentSession { ${nest(4, 'events(first: 1) { nodes { session { ', 'open').replaceAll('}', '} } }')} } } }`],
  'depth of the document': ['TOO_DEEP', nest(500, '{ a ', '')],
  'depth of a value': ['TOO_DEEP', `{ tenant(id: ${'['.repeat(500)}1${']'.repeat(500)}) { id } }`],
  'depth of introspection': ['TOO_DEEP', `{ __schema { types { ${nest(19, 'ofType { ', 'name')} } } }`],
  'types in types': ['TOO_DEEP', `{ __schema { types { ${nest(4, 'fields { type { ', 'name').replaceAll('}', '} }')} } } }`],
  'aliases that cost': ['TOO_COSTLY', `{ ${repeat(100, (i) => `a${i}: events(tenantId: "a", first: 1000) { nodes { late } }`)} }`],
  'aliases that conflict': ['FIELDS_CONFLICT', `{ ${repeat(150, (i) => `a: tenant(id: ${i}) { id }`)} }`],
  'one field over and over': ['TOO_COMPLEX', `{ ${repeat(1900, () => '__typename')} }`],
  'one object over and over': ['TOO_COMPLEX', `{ ${repeat(480, () => 'tenants { id }')} }`],
  'pages in pages': ['TOO_COSTLY', '{ profiles(tenantId: "a", first: 1000) { nodes { events(first: 1000) { nodes { session { events(first: 1000) { nodes { late } } } } } } } }'],
  'a page too large': ['INVALID_FIRST', '{ events(tenantId: "a", first: 1001) { nodes { late } } }'],
  'a fragment in itself': ['GRAPHQL_VALIDATION_FAILED', '{ ...F } fragment F on Query { ...F ...F }'],
  'fragments in each other': ['GRAPHQL_VALIDATION_FAILED', `{ ...F0 } ${repeat(140, (i) => `fragment F${i} on Query { ...F${(i + 1) % 140} ...F${(i * 7) % 140} }`)}`],
  'fragments that explode': ['TOO_COMPLEX', `{ ${PROFILE} { currentSession { ...F0 } } } ${repeat(3, (i) => `fragment F${i} on Session { ${repeat(40, (j) => `a${j}: events(first: 1) { ...G${i} }`)} } fragment G${i} on EventConnection { nodes { session { ...F${i + 1} } } }`)} fragment F3 on Session { open }`],
  'fragments that overlap': ['TOO_COMPLEX', `{ ${repeat(11, (i) => `...F${i}`)} } ${repeat(11, (i) => `fragment F${i} on Query { ${repeat(40, () => 'tenants { id }')} }`)}`],
  directives: ['GRAPHQL_VALIDATION_FAILED', `{ __typename ${'@skip(if: true) '.repeat(280)} }`],
  'directives that nobody knows': ['GRAPHQL_VALIDATION_FAILED', `{ __typename ${'@a '.repeat(900)} }`],
  tokens: ['TOO_MANY_TOKENS', `{ ${repeat(2000, (i) => `a${i}: __typename`)} }`],
}

const tests = {
  async 'each rule of graphql-js has a document here'(node) {
    await prepare(node)
    same(js.specifiedRules.map(({ name }) => name).sort(), Object.keys(RULES).sort(), 'rules')
    for (const rule of js.specifiedRules) {
      const documents = RULES[rule.name].map((each) => each.query ?? each).filter((each) => typeof each === 'string')
      same(documents.some((query) => js.validate(schema, js.parse(query), [rule]).length > 0), true,
        `${rule.name} refuses one of its documents`)
    }
  },

  async 'graphql-js and the node say the same of every rule'(node) {
    await prepare(node)
    for (const [rule, documents] of Object.entries(RULES)) {
      for (const each of documents) {
        if (each.limit) {
          same(await verdict(node, each.query), { limit: each.limit }, `${rule}: ${each.query}`)
          continue
        }
        const query = each.ok ?? each
        const want = judge(query)
        same(want === undefined, each.ok !== undefined, `${rule}: graphql-js refuses ${query}`)
        same(await verdict(node, query), want, `${rule}: ${query}`)
      }
    }
  },

  async 'graphql-js and the node say the same of documents made of dice'(node) {
    await prepare(node)
    const roll = dice(FUZZ_SEED)
    const counts = { valid: 0, syntax: 0, invalid: 0, limit: 0 }
    const compare = async (query) => {
      const want = judge(query)
      const got = await verdict(node, query)
      if (got?.limit !== undefined) {
        counts.limit++
        return
      }
      counts[want === undefined ? 'valid' : want === 'syntax' ? 'syntax' : 'invalid']++
      const isThrown = Array.isArray(want) && want[0].startsWith('thrown: ')
      const isCut = Array.isArray(want) && want.length >= 100
      const isSchema = Array.isArray(got) && / definition is not executable\. /.test(got[0]) // there we end to read
      if (isSchema) {
        same(want !== undefined, true, `seed ${FUZZ_SEED}: refused by both: ${query}`)
      } else if (isThrown || isCut) {
        same(Array.isArray(got), true, `seed ${FUZZ_SEED}: refused: ${query}`)
      } else {
        same(got, want, `seed ${FUZZ_SEED}: ${query}`)
      }
    }
    for (let done = 0; done < FUZZ_COUNT; done += FUZZ_AT_ONCE) {
      await Promise.all(Array.from({ length: FUZZ_AT_ONCE }, () => compare(mutate(roll))))
    }
    console.log(`-- of ${FUZZ_COUNT} documents: ${JSON.stringify(counts)}`)
    same(counts.valid > FUZZ_COUNT / 50 && counts.invalid > FUZZ_COUNT / 5, true, 'dice that make something of everything')
  },

  async 'what is too much is refused by name, and quickly'(node) {
    const took = {}
    for (const [bomb, [code, query]] of Object.entries(BOMBS)) {
      const began = performance.now()
      const { data, errors } = await ask(node, query)
      same([data, errors?.[0].extensions.code], [undefined, code], bomb)
      took[bomb] = Math.round(performance.now() - began)
      same(took[bomb] < BOMB_MS, true, `${bomb}: in less than ${BOMB_MS} ms`)
    }
    const types = (name) => `type { ...${name} ofType { ...${name} ofType { ofType { ...${name} } } } }`
    const { errors } = await ask(node, `{ __schema { types { ...A } } } fragment A on __Type { fields { ${types('B')} } }
      fragment B on __Type { fields { ${types('C')} } } fragment C on __Type { fields { ${repeat(500, (i) => `a${i}: name`)} } }`)
    same(codes(errors), ['TOO_LARGE'], 'an introspection out of proportion')
    console.log(`-- milliseconds: ${JSON.stringify(took)}`)
  },
}

await main('graphql_rules', tests, '--shards', '1')
