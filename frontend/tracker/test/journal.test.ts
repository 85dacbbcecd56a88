import 'fake-indexeddb/auto'
import { beforeEach, expect, test, vi } from 'vitest'
import { uuid7 } from '../src/identity'
import { createJournal } from '../src/journal'
import { createStore } from '../src/store'

const NOON = Date.parse('2026-11-20T12:00:00.000Z')
let namespace = 0
let store = createStore('test')

beforeEach(() => {
  localStorage.clear()
  store = createStore(`test${++namespace}`)
})

function start() {
  const journal = createJournal(store)
  journal.open()
  return journal
}
const add = (journal: ReturnType<typeof start>, ms = NOON, event = '{"a":1}') =>
  journal.add(uuid7(ms), '', '"user_email":"ada@example.com"', event)
const ids = (journal: ReturnType<typeof start>) => [...journal.all()].map(({ id }) => id)

test('an event is in localStorage before add returns, under a key of its own', () => {
  const journal = start()
  const { id } = add(journal)
  expect(store.get(`e.${id}`)?.split('\n')).toEqual([
    id,
    '',
    '"user_email":"ada@example.com"',
    '{"a":1}',
  ])
  expect([journal.size(), journal.storage()]).toEqual([1, 'local'])
})

test('the next page finds what either storage kept, oldest first, once', async () => {
  const journal = start()
  const added = [add(journal, NOON), add(journal, NOON + 1), add(journal, NOON + 2)]
  await vi.waitFor(async () => {
    journal.commit()
    const again = start()
    store.remove(`e.${added[0]?.id}`)
    await again.load()
    expect(ids(again)).toEqual(added.map(({ id }) => id))
  })
})

test('what has its verdict is gone from both', async () => {
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

test("another tab's events come and go", () => {
  const journal = start()
  const other = start()
  const { id } = add(other)
  expect(journal.follow(`e.${id}`, store.get(`e.${id}`))).toBe(true)
  expect(ids(journal)).toEqual([id])
  expect(journal.follow(`e.${id}`, null)).toBe(false)
  expect([journal.size(), journal.chars()]).toEqual([0, 0])
  expect(journal.follow('s', 'a session')).toBe(false)
})

test('what is not ours, below our name, is no event', async () => {
  store.set('e.garbage', 'garbage')
  store.set('e.', '\n\n\n')
  const journal = start()
  await journal.load()
  expect(journal.size()).toBe(0)
})

test('its size is what the browser counts: characters, of the whole text', () => {
  const journal = start()
  const { id } = add(journal, NOON, '{"a":"ä中"}')
  expect(journal.chars()).toBe(store.get(`e.${id}`)?.length)
})

test('the surplus is the oldest that nobody sends: by age, then by bytes', () => {
  const journal = start()
  const [first, second] = [add(journal, NOON), add(journal, NOON + 1000)]
  const size = first.size + second.size
  expect(journal.surplus(NOON, size, true)).toBeUndefined()
  expect(journal.surplus(NOON + 500, 1000, true)).toBe(first)
  expect(journal.surplus(NOON, size - 1, true)).toBe(first)
  expect(journal.surplus(NOON, size - 1, false)).toBeUndefined()
  first.inFlight = true
  expect(journal.surplus(NOON, size - 1, true)).toBe(second)
})

test('what got its verdict elsewhere is forgotten, when a page comes back', async () => {
  const journal = start()
  const [done, open] = [add(journal), add(journal)]
  store.remove(`e.${done.id}`)
  await vi.waitFor(async () => {
    const other = start()
    other.remove(done)
    other.commit()
    await journal.load()
    expect(ids(journal)).toEqual([open.id])
  })
})

test('purged, nothing is left but the key that is kept', async () => {
  const journal = start()
  add(journal)
  store.set('s', 'session')
  store.set('o', 'out')
  journal.purge('o')
  expect(store.keys()).toEqual(['o'])
  expect(journal.size()).toBe(0)
  await vi.waitFor(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => name)
    expect(names).not.toContain(`${store.prefix}journal`)
  })
})

test('a full storage is said, and loses nothing', () => {
  vi.spyOn(localStorage, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError')
  })
  const journal = start()
  const entry = add(journal)
  expect([journal.size(), journal.storage(), entry.shared]).toEqual([1, 'indexeddb', false])
})
