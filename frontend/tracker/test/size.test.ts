// @vitest-environment node
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

test('the download size is within its limits', () => {
  const sizes = JSON.parse(execFileSync('node', ['size.mjs'], { encoding: 'utf8' }))
  expect(sizes.core_gzip_bytes).toBeLessThanOrEqual(7700)
  expect(sizes.hook_gzip_bytes).toBeLessThanOrEqual(9450)
})
