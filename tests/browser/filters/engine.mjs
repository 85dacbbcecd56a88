// Tells of each request, one JSON object to a line of the input, whether the filter lists block it.
// Arguments: the folder with the engine's package, then the lists.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const [packages, ...lists] = process.argv.slice(2)
const { FiltersEngine, Request } = createRequire(`${packages}/`)('@ghostery/adblocker')
const rules = lists.map((list) => readFileSync(list, 'utf8')).join('\n')
const engine = FiltersEngine.parse(rules, { loadCosmeticFilters: false })
for await (const line of createInterface({ input: process.stdin })) {
  console.log(engine.match(Request.fromRawDetails(JSON.parse(line))).match ? 'blocked' : 'passes')
}
