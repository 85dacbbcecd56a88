// Two pages, /dashboard and /demo; their scripts and styles are served under /assets.
import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  plugins: [react()],
  resolve: {
    // The tracker's source, so that the pages build without building the tracker first.
    alias: [
      { find: /^@activity-events\/tracker\/react$/, replacement: here('../tracker/src/react.ts') },
      { find: /^@activity-events\/tracker$/, replacement: here('../tracker/src/index.ts') },
    ],
  },
  experimental: {
    // Scripts find each other wherever the service is; in the pages, it replaces `/assets/`.
    renderBuiltUrl: (file, { hostType }) => (hostType === 'html' ? `/${file}` : { relative: true }),
  },
  build: {
    outDir: here('../../app/static/web'),
    emptyOutDir: true,
    // The chart library’s chunk is loaded only by pages with charts.
    chunkSizeWarningLimit: 700,
    rolldownOptions: { input: [here('dashboard.html'), here('demo.html')] },
  },
})
