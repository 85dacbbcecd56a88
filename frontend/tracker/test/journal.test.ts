import 'fake-indexeddb/auto'
import { beforeEach, expect, test, vi } from 'vitest'
import { uuid7 } from '../src/identity'
import { createJournal } from '../src/journal'
import { createLocalStorage } from '../src/local-storage'

const NOON = Date.parse('2026-11-20T12:00:00.000Z')
let namespace = 0
let storage = createLocalStorage('test')

beforeEach(() => {
  localStorage.clear()
  storage = createLocalStorage(`test${++namespace}`)
})

function start() {
  const journal = createJournal(storage)
  journal.open()
  return journal
}
const add = (journal: ReturnType<typeof start>, ms = NOON, event = '{"a":1}') =>
  journal.add(uuid7(ms), '', '"user_email":"ada@example.com"', event)
const ids = (journal: ReturnType<typeof start>) => [...journal.all()].map(({ id }) => id)

test('add writes the event to localStorage under its own key before it returns', () => {
  const journal = start()
  const { id } = add(journal)
  expect(storage.get(`e.${id}`)?.split('\n')).toEqual([
    id,
    '',
    '"user_email":"ada@example.com"',
    '{"a":1}',
  ])
  expect([journal.size(), journal.storage()]).toEqual([1, 'local'])
})

test('the next page loads the events of both storages, oldest first, once', async () => {
  const journal = start()
  const added = [add(journal, NOON), add(journal, NOON + 1), add(journal, NOON + 2)]
  await vi.waitFor(async () => {
    journal.commit()
    const again = start()
    storage.remove(`e.${added[0]?.id}`)
    await again.load()
    expect(ids(again)).toEqual(added.map(({ id }) => id))
  })
})

test('a removed event is deleted from both storages', async () => {
  const journal = start()
  const kept = add(journal)
  const done = add(journal)
  journal.remove(done)
  await vi.waitFor(async () => {
    journal.commit()
    const again = start()
    await again.load()
    expect(ids(again)).toEqual([kept.id])
  })
})

test("another tab's events are added and removed", () => {
  const journal = start()
  const other = start()
  const { id } = add(other)
  expect(journal.applyChange(`e.${id}`, storage.get(`e.${id}`))).toBe(true)
  expect(ids(journal)).toEqual([id])
  expect(journal.applyChange(`e.${id}`, null)).toBe(false)
  expect([journal.size(), journal.chars()]).toEqual([0, 0])
  expect(journal.applyChange('s', 'a session')).toBe(false)
})

test('foreign keys with our prefix are ignored', async () => {
  storage.set('e.garbage', 'garbage')
  storage.set('e.', '\n\n\n')
  const journal = start()
  await journal.load()
  expect(journal.size()).toBe(0)
})

test('the size is the length of the stored text in characters', () => {
  const journal = start()
  const { id } = add(journal, NOON, '{"a":"ä中"}')
  expect(journal.chars()).toBe(storage.get(`e.${id}`)?.length)
})

test('oldestOverLimit returns the oldest entry not in flight, by age, then by size', () => {
  const journal = start()
  const [first, second] = [add(journal, NOON), add(journal, NOON + 1000)]
  const size = first.size + second.size
  expect(journal.oldestOverLimit(NOON, size, true)).toBeUndefined()
  expect(journal.oldestOverLimit(NOON + 500, 1000, true)).toBe(first)
  expect(journal.oldestOverLimit(NOON, size - 1, true)).toBe(first)
  expect(journal.oldestOverLimit(NOON, size - 1, false)).toBeUndefined()
  first.inFlight = true
  expect(journal.oldestOverLimit(NOON, size - 1, true)).toBe(second)
})

test('two loads at the same time are one', async () => {
  const journal = start()
  const { id } = add(journal)
  await vi.waitFor(async () => {
    journal.commit()
    const again = start()
    storage.remove(`e.${id}`)
    const first = again.load()
    await Promise.resolve()
    await Promise.all([first, again.load()])
    expect(ids(again)).toEqual([id])
  })
})

test('load removes events that were acknowledged elsewhere', async () => {
  const journal = start()
  const [done, open] = [add(journal), add(journal)]
  storage.remove(`e.${done.id}`)
  await vi.waitFor(async () => {
    const other = start()
    other.remove(done)
    other.commit()
    await journal.load()
    expect(ids(journal)).toEqual([open.id])
  })
})

test('purge deletes everything except the kept key', async () => {
  const journal = start()
  add(journal)
  storage.set('s', 'session')
  storage.set('o', 'out')
  journal.purge('o')
  expect(storage.keys()).toEqual(['o'])
  expect(journal.size()).toBe(0)
  await vi.waitFor(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => name)
    expect(names).not.toContain(`${storage.prefix}journal`)
  })
})

test('a full localStorage is reported and loses no events', () => {
  vi.spyOn(localStorage, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError')
  })
  const journal = start()
  const entry = add(journal)
  expect([journal.size(), journal.storage(), entry.shared]).toEqual([1, 'indexeddb', false])
})
