// dist/ is what the npm package has; the service serves app/static/tracker.js for script tags.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { BUNDLE, SCRIPT } from './bundle.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const ENTRIES = ['index', 'react']

/** One file for each entry point; that of React imports the other, so that a page has one core. */
async function buildEntries(format, extension) {
  const shared = {
    name: 'shared-core',
    setup({ onResolve }) {
      onResolve({ filter: /^\.\/index$/ }, () => ({ path: `./index${extension}`, external: true }))
    },
  }
  for (const entry of ENTRIES) {
    await build({
      ...BUNDLE,
      entryPoints: [here(`src/${entry}.ts`)],
      format,
      external: ['react'],
      plugins: [shared],
      // Left to the bundler of the application.
      define: { 'process.env.NODE_ENV': 'process.env.NODE_ENV' },
      banner: entry === 'react' ? { js: '"use client";' } : {},
      outfile: here(`dist/${entry}${extension}`),
    })
  }
}

/** Relative imports with extensions, as Node.js resolves them; a copy for CommonJS. */
function finishDeclarations() {
  const read = (name) => readFileSync(here(`dist/${name}.d.ts`), 'utf8')
  const imports = /(from\s*|import\()(['"])\.\/([\w-]+)\2/g
  const names = new Set(ENTRIES)
  for (const name of names) for (const [, , , to] of read(name).matchAll(imports)) names.add(to)
  for (const name of names) {
    const text = read(name)
    writeFileSync(here(`dist/${name}.d.ts`), text.replace(imports, '$1$2./$3.js$2'))
    writeFileSync(here(`dist/${name}.d.cts`), text.replace(imports, '$1$2./$3.cjs$2'))
  }
  // What no declaration of an entry point refers to.
  for (const file of readdirSync(here('dist'))) {
    const [name, ...extension] = file.split('.')
    if (extension[0] === 'd' && !names.has(name)) rmSync(here(`dist/${file}`))
  }
}

rmSync(here('dist'), { recursive: true, force: true })
await buildEntries('esm', '.js')
await buildEntries('cjs', '.cjs')
execFileSync('tsc', ['-p', here('tsconfig.build.json')], { stdio: 'inherit' })
finishDeclarations()
await build({ ...SCRIPT, outfile: here('../../app/static/tracker.js') })
