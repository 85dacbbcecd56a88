import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

// Private properties only: no page, browser API or response uses one of these names.
const PRIVATE =
  /^(envelope|shared|sentAt|synchronize|clockId|applyChange|oldestOverLimit|purge|atLeast|wake|flushOnExit|stepDown|isAvailable|destroy|failures|startedAt|delayMs|isServerDelay|closed|chars|save|token|isBackingOff)$/

export const BUNDLE = {
  bundle: true,
  minify: true,
  target: 'es2020',
  mangleProps: PRIVATE,
  legalComments: 'none',
}

/** `<script src="https://events.example.com/tracker.js">`, which sets `window.activityEvents`. */
export const SCRIPT = {
  ...BUNDLE,
  entryPoints: [here('src/script.ts')],
  format: 'iife',
}
