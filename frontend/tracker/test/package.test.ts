// @vitest-environment node
// The npm package as the service serves it; `make frontend` builds it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { describe, expect, test } from 'vitest'

const require = createRequire(import.meta.url)
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const read = (path: string) => readFileSync(here(path), 'utf8')
const manifest = JSON.parse(read('../package.json'))
const tarball = here(`../../../app/static/clients/activity-events-tracker-${manifest.version}.tgz`)
const files = () => execFileSync('tar', ['-tf', tarball], { encoding: 'utf8' }).trim().split('\n')

test('the version is that of the service', () => {
  expect(read('../../../pyproject.toml')).toContain(`\nversion = "${manifest.version}"\n`)
})

test('the package has the built files, a README and the licence, and nothing else', () => {
  const others = files().filter(
    (file) => !/^package\/dist\/[\w-]+\.(js|cjs|d\.ts|d\.cts)$/.test(file),
  )
  expect(others.sort()).toEqual(['package/LICENSE', 'package/README.md', 'package/package.json'])
  expect(read('../LICENSE')).toBe(read('../../../LICENSE'))
})

test('packing the same files gives the same bytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tracker-'))
  const options = ['--ignore-scripts', '--silent', '--pack-destination', folder]
  const name = execFileSync('npm', ['pack', ...options], { cwd: here('..'), encoding: 'utf8' })
  expect(readFileSync(join(folder, name.trim())).equals(readFileSync(tarball))).toBe(true)
  rmSync(folder, { recursive: true })
})

test('types resolve in every module system (C4)', async () => {
  const data = createPackageFromTarballData(new Uint8Array(readFileSync(tarball)))
  const result = await checkPackage(data)
  expect(result.types).not.toBe(false)
  expect(Object.keys('entrypoints' in result ? result.entrypoints : {})).toContain('./react')
  expect('problems' in result && result.problems).toEqual([])
}, 30_000)

test('publint has no remark', async () => {
  const { messages, pkg } = await publint({ pkgDir: here('..'), strict: true })
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
}, 30_000)

describe.each(['js', 'cjs'])('dist/react.%s', (extension) => {
  const text = () => read(`../dist/react.${extension}`)

  test('is a client module of React Server Components (C2)', () => {
    expect(text()).toMatch(/^"use client";/)
    expect(text()).not.toMatch(/export\s*\*/)
  })

  test('shares the core with the other entry point', () => {
    expect(text()).toContain(`"./index.${extension}"`)
    expect(text().length).toBeLessThan(6000)
  })

  test('leaves it to the application whether this is a development build', () => {
    expect(text()).toContain('process.env.NODE_ENV')
  })
})

describe('loading the package (C3)', () => {
  test.each(['index', 'react'])('%s needs no global', (entry) => {
    const module = { exports: {} as Record<string, unknown> }
    const load = (name: string) => require(name.startsWith('./') ? here(`../dist/${name}`) : name)
    const context = createContext({ module, exports: module.exports, require: load })
    runInContext(read(`../dist/${entry}.cjs`), context)
    expect(module.exports.createTracker).toBeTypeOf('function')
    expect(module.exports.EVENT_TYPES).toHaveProperty('PAGE_VIEWED', 'page_viewed')
  })

  test.each([
    ['import', '--input-type=module', 'import { createTracker } from "@activity-events/tracker"'],
    [
      'require',
      '--input-type=commonjs',
      'const { createTracker } = require("@activity-events/tracker")',
    ],
  ])('Node.js can %s it', (_, type, line) => {
    const program = `${line}; const tracker = createTracker({ userEmail: "ada@example.com" })
      console.log(typeof tracker.track("clicked"), tracker.status().enabled)`
    const output = execFileSync('node', [type, '-e', program], {
      cwd: here('..'),
      encoding: 'utf8',
    })
    expect(output).toBe('undefined false\n')
  })
})
