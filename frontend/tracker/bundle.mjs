import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

export const BUNDLE = { bundle: true, minify: true, target: 'es2020', legalComments: 'none' }

/** `<script src="https://events.example.com/tracker.js">`: a global `activityEvents`. */
export const SCRIPT = {
  ...BUNDLE,
  entryPoints: [here('src/script.ts')],
  format: 'iife',
  globalName: 'activityEvents',
}
