import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { minify } from 'terser'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

// Private properties only: no page, browser API or response uses one of these names.
const PRIVATE =
  /^(envelope|shared|sentAt|synchronize|clockId|applyChange|oldestOverLimit|atLeast|wake|flushOnExit|stepDown|isAvailable|destroy|failures|startedAt|delayMs|isServerDelay|closed|chars|save|token|isBackingOff|prefix|report|purge|bytes)$/

export const BUNDLE = {
  bundle: true,
  minify: true,
  // As `String.replaceAll`, which the tracker uses.
  target: 'es2021',
  mangleProps: PRIVATE,
  legalComments: 'none',
}

/** A second minifier: it finds 5% that esbuild leaves. */
const MINIFIED_AGAIN = {
  name: 'minified-again',
  setup({ initialOptions, onEnd }) {
    const { write = true } = initialOptions
    initialOptions.write = false
    onEnd(async ({ outputFiles }) => {
      for (const file of outputFiles) {
        const { code } = await minify(file.text, {
          ecma: 2020,
          toplevel: true,
          compress: { passes: 4, unsafe_arrows: true, unsafe_methods: true },
        })
        file.contents = new TextEncoder().encode(code)
        if (!write) continue
        await mkdir(dirname(file.path), { recursive: true })
        await writeFile(file.path, code)
      }
    })
  },
}

/** `<script src="https://events.example.com/tracker.js">`, which sets `window.activityEvents`. */
export const SCRIPT = {
  ...BUNDLE,
  entryPoints: [here('src/script.ts')],
  format: 'iife',
  plugins: [MINIFIED_AGAIN],
}
