// Two pages, given out by the service: /dashboard and /demo. What they load lies below /assets.
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  plugins: [react()],
  resolve: {
    // The tracker's source: the demo is its living example, and needs no build of it first.
    alias: [
      { find: /^@activity-events\/tracker\/react$/, replacement: here('../tracker/src/react.ts') },
      { find: /^@activity-events\/tracker$/, replacement: here('../tracker/src/index.ts') },
    ],
  },
  build: {
    outDir: here('../../app/static/web'),
    emptyOutDir: true,
    // A chunk of charts is loaded by the pages that draw it.
    chunkSizeWarningLimit: 700,
    rolldownOptions: { input: [here('dashboard.html'), here('demo.html')] },
  },
})
