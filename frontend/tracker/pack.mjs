// The package as the service serves it: app/static/clients/activity-events-tracker-X.Y.Z.tgz.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const target = here('../../app/static/clients/')

mkdirSync(target, { recursive: true })
for (const file of readdirSync(target)) {
  if (file.startsWith('activity-events-tracker-')) rmSync(target + file)
}
// dist is built already. Packing the same files gives the same bytes.
execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', target], {
  cwd: here('.'),
})
