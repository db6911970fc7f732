#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// GraphQL as others have it: graphql-js builds its schema from what the node says of itself, and graphql-http audits the
// node.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT, main, same } from './node.mjs'

const AUDIT_COUNT = 61
const graphql = () => import('graphql')
const sdl = () => readFileSync(join(ROOT, 'query', 'schema.graphql'), 'utf8')

const EVERYTHING = {
  descriptions: true, specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true,
  inputValueDeprecation: true, experimentalDirectiveDeprecation: true, oneOf: true,
}

// Status and body of a request.
async function ask(node, body, accept = 'application/graphql-response+json') {
  const answer = await fetch(`${node.url}/graphql`, {
    method: 'POST', headers: { accept, 'content-type': 'application/json' }, body: JSON.stringify(body),
  })
  return { status: answer.status, ...await answer.json() }
}

// Without what everybody says in words of their own: the descriptions of what every schema has.
function strip(introspection, { specifiedScalarTypes }) {
  const isEverywhere = (type) => type.name.startsWith('__') || specifiedScalarTypes.some(({ name }) => name === type.name)
  const silent = (value) => JSON.parse(JSON.stringify(value, (key, inner) => key === 'description' ? undefined : inner))
  const byName = (a, b) => a.name < b.name ? -1 : 1
  const { types, directives, ...rest } = JSON.parse(JSON.stringify(introspection.__schema))
  return {
    ...rest,
    types: types.map((type) => isEverywhere(type) ? silent(type) : type).sort(byName),
    directives: directives.map((each) => ({ ...silent(each), locations: each.locations.toSorted() })).sort(byName),
  }
}

// As Apollo's rover asks, and with it many tools that carry the query of an old graphql-js with them.
const OLD_INTROSPECTION = `query GraphIntrospectQuery {
  __schema { queryType { name } mutationType { name } subscriptionType { name } types { ...FullType }
    directives { name description locations args { ...InputValue } } } }
fragment FullType on __Type { kind name description
  fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields { ...InputValue } interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
  ofType { kind name ofType { kind name ofType { kind name } } } } } } } }`

const tests = {
  async 'what the node says of itself is the schema that is written down'(node) {
    const js = await graphql()
    const said = await node.gql(js.getIntrospectionQuery(EVERYTHING))
    const ours = js.buildClientSchema(said)
    const written = js.buildSchema(sdl())
    same(js.validateSchema(ours), [], 'faults of our schema')
    same(js.printSchema(ours), js.printSchema(written), 'printed')
    same(js.printSchema(js.lexicographicSortSchema(ours)), js.printSchema(js.lexicographicSortSchema(written)), 'sorted')
    const [got, want] = [strip(said, js), strip(js.introspectionFromSchema(written, EVERYTHING), js)]
    same(got.types.map(({ name }) => name), want.types.map(({ name }) => name), 'names of types')
    for (const i in want.types) same(got.types[i], want.types[i], want.types[i].name)
    same(got, want, 'introspection')
  },

  async 'the questions of graphql-js, GraphiQL and Apollo are answered alike'(node) {
    const js = await graphql()
    const want = js.printSchema(js.buildSchema(sdl()))
    const queries = [
      js.getIntrospectionQuery(),
      js.getIntrospectionQuery({ descriptions: true, schemaDescription: true, inputValueDeprecation: true }),
      js.getIntrospectionQuery({ typeDepth: 7 }), OLD_INTROSPECTION,
    ]
    for (const query of queries) {
      same(js.printSchema(js.buildClientSchema(await node.gql(query))), want, query.slice(0, 40))
    }
    const typenames = await node.gql('{__typename __schema{__typename types{__typename fields{__typename args{__typename}}}}}')
    same([typenames.__typename, typenames.__schema.__typename], ['Query', '__Schema'], 'names of types')
  },

  async 'graphql-http has nothing to say'(node) {
    const { auditServer } = await import('graphql-http')
    const results = await auditServer({ url: `${node.url}/graphql` })
    const bad = results.filter(({ status }) => status !== 'ok')
    same(bad.map(({ id, status, name, reason }) => `${id} ${status}: ${name}: ${reason}`), [], 'audits')
    same(results.length, AUDIT_COUNT, 'audits that there are')
  },

  async 'operations that there will be one day say so'(node) {
    const mutation = 'mutation { mergeProfiles(tenantId: "a", loser: "b", winner: "c") { canonicalId } }'
    for (const query of [mutation, 'subscription { pulse(tenantId: "a") { time } }']) {
      const { status, data, errors } = await ask(node, { query })
      same([status, data, errors.map(({ extensions }) => extensions.code)], [400, undefined, ['NOT_SUPPORTED']], query)
    }
    const link = await fetch(`${node.url}/graphql?query=${encodeURIComponent(mutation)}`)
    same([link.status, link.headers.get('allow')], [405, 'POST'], 'a mutation by GET')
  },
}

await main('graphql', tests, '--shards', '1')
