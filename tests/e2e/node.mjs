// SPDX-License-Identifier: Apache-2.0
//
// A node of one's own, for end-to-end tests in JavaScript:
//
//   import { main, same } from './node.mjs'
//
//   const tests = {
//     async 'nobody is there'(node) {
//       same((await node.gql('{tenants{id}}')).tenants, [], 'tenants')
//     },
//   }
//
//   await main('nobody', tests, '--shards', '2')
//
// It listens on a port of its own, keeps its data under build/e2e, and dies with the test. The packages of package.json
// are there before the first test begins: import them inside of tests.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const BUILD = process.env.MILLRACE_BUILD || join(ROOT, 'build')
const MILLRACE = process.env.MILLRACE || join(BUILD, 'release', 'millrace')
const READY_MS = 20_000
const TEST_MS = 90_000
const LOG_LINES_SHOWN = 30
const PORT_MIN = 10_000 // below those of outgoing connections
const PORT_MAX = 32_000

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// The first true answer; asks every few milliseconds.
export async function until(question, ms, what) {
  for (const deadline = Date.now() + ms; ; await pause(5)) {
    const answer = await question()
    if (answer) return answer
    if (Date.now() > deadline) throw new Error(`waited ${ms / 1000} s for ${what}`)
  }
}

export function same(got, want, what) {
  if (!isDeepStrictEqual(got, want)) {
    throw new Error(`${what}: want ${JSON.stringify(want)}, got ${JSON.stringify(got)}`)
  }
}

const isFree = (port) => new Promise((resolve) => {
  const probe = createServer().once('error', () => resolve(false))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
})

export class Node {
  static async create(name, ...args) {
    const node = new Node()
    do {
      node.port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN))
    } while (!await isFree(node.port))
    node.url = `http://127.0.0.1:${node.port}`
    mkdirSync(join(BUILD, 'e2e'), { recursive: true })
    node.directory = mkdtempSync(join(BUILD, 'e2e', `${name}-`))
    node.log = join(node.directory, 'log')
    await node.start(...args)
    return node
  }

  async start(...args) {
    const log = openSync(this.log, 'a')
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE')))
    this.process = spawn('setpriv', ['--pdeathsig', 'KILL', '--', MILLRACE, 'serve',
      '--data', join(this.directory, 'data'), '--listen', `127.0.0.1:${this.port}`, ...args],
    { stdio: ['ignore', log, log], env })
    this.ended = new Promise((resolve) => this.process.once('exit', (status, by) => resolve(by ?? status)))
    const isReady = async () => (await fetch(`${this.url}/readyz`).catch(() => ({}))).ok
    const ready = until(isReady, READY_MS, 'a node that is ready')
    const status = await Promise.race([ready.then(() => 'ready'), this.ended])
    if (status !== 'ready') throw new Error(`the node ended: ${status}`)
  }

  async kill() {
    this.process.kill('SIGKILL')
    await this.ended
  }

  async gql(query, variables) {
    const answer = await fetch(`${this.url}/graphql`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...this.headers }, body: JSON.stringify({ query, variables }),
    })
    const said = await answer.json()
    if (said.errors) throw new Error(JSON.stringify(said.errors))
    return said.data
  }

  tail() {
    return readFileSync(this.log, 'utf8').split('\n').slice(-LOG_LINES_SHOWN).map((line) => `-- ${line}`).join('\n')
  }
}

// Runs the tests, each with the node, one after the other; words on the command line pick some. Then the process ends.
export async function main(name, tests, ...args) {
  const words = process.argv.slice(2)
  let failedCount = 0
  // By hand; ./tools/test has done it already. Nothing happens when they are there.
  const command = 'source tools/lib.sh && need_e2e_modules'
  const installed = spawnSync('bash', ['-c', command], { cwd: ROOT, encoding: 'utf8' })
  if (installed.status !== 0) {
    console.log(`failed npm packages: ${installed.stderr.split('\n').join(' ')}`)
    process.exit(1)
  }
  process.env.NO_PROXY = '*'
  const node = await Node.create(name, ...args)
  for (const [sentence, test] of Object.entries(tests)) {
    if (!words.every((word) => sentence.includes(word))) continue
    try {
      const late = pause(TEST_MS).then(() => { throw new Error(`not done after ${TEST_MS / 1000} s`) })
      await Promise.race([test(node), late])
      console.log(`ok ${sentence}`)
    } catch (problem) {
      failedCount++
      console.log(problem.stack)
      console.log(`failed ${sentence}: ${problem.message.split('\n').join(' ')}`)
    }
  }
  await node.kill()
  if (failedCount > 0) {
    console.log(`-- the data is in ${node.directory}; the end of the log:\n${node.tail()}`)
  } else {
    rmSync(node.directory, { recursive: true })
  }
  process.exit(failedCount > 0 ? 1 : 0)
}
