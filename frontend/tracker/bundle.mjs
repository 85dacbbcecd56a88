import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

// Properties of our own modules alone: no page, no browser and no answer has one of these names.
const INNER =
  /^(envelope|shared|sentAt|learn|mark|follow|surplus|purge|atLeast|wake|leave|retire|works|destroy|failures|startedAt|lasts|asked|closed|chars|save|token|isWaiting)$/

export const BUNDLE = {
  bundle: true,
  minify: true,
  target: 'es2020',
  mangleProps: INNER,
  legalComments: 'none',
}

/** `<script src="https://events.example.com/tracker.js">`: it sets `window.activityEvents`. */
export const SCRIPT = {
  ...BUNDLE,
  entryPoints: [here('src/script.ts')],
  format: 'iife',
}
