// dist/ is published to npm; the service serves app/static/tracker.js for script tags.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { BUNDLE, SCRIPT } from './bundle.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

rmSync(here('dist'), { recursive: true, force: true })
await build({
  ...BUNDLE,
  entryPoints: [here('src/index.ts'), here('src/react.ts')],
  format: 'esm',
  // Shared code goes into one chunk: a page that imports both entry points loads it once.
  splitting: true,
  external: ['react'],
  outdir: here('dist'),
})
await build({ ...SCRIPT, outfile: here('../../app/static/tracker.js') })
execFileSync('tsc', ['-p', here('tsconfig.build.json')], { stdio: 'inherit' })
