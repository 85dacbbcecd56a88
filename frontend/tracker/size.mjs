// Prints the download size in bytes after gzip: {"core_gzip_bytes", "hook_gzip_bytes"}.

import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { BUNDLE, SCRIPT } from './bundle.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

async function gzipBytes(options) {
  const { outputFiles } = await build({ ...options, write: false })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}

const hook = { ...BUNDLE, entryPoints: [here('src/react.ts')], format: 'esm', external: ['react'] }
const sizes = { core_gzip_bytes: await gzipBytes(SCRIPT), hook_gzip_bytes: await gzipBytes(hook) }
console.log(JSON.stringify(sizes))
