import { createDisk } from './disk'
import type { Store } from './store'
import type { TrackerStatus } from './types'

/** One event that has no verdict yet. */
export interface Entry {
  readonly id: string
  /** By which clock it was stamped (`Clock.mark`). */
  readonly clock: string
  /** The fields that it shares with its session, as JSON without braces. */
  readonly envelope: string
  /** The event as JSON. */
  readonly event: string
  /** Characters: what the browser counts of its storage. */
  readonly size: number
  /** In UTF-8, once somebody wanted to know. */
  bytes: number
  /** Whether all tabs can see it, in localStorage. */
  shared: boolean
  inFlight: boolean
}

const KEY = 'e.'
const encoder = new TextEncoder()
export const utf8Bytes = (text: string): number => encoder.encode(text).length

/** When a UUIDv7 was made, in milliseconds since the epoch. */
const timeOf = (id: string) => Number.parseInt(id.replace('-', ''), 16)

/**
 * Every event that has no verdict yet, oldest first: in memory, in localStorage (one key an event,
 * before `add` returns) and, a moment later, in IndexedDB.
 */
export function createJournal(store: Store) {
  let entries = new Map<string, Entry>()
  let chars = 0
  let isLocal = true
  // What gets its verdict while the storage is read.
  let gone: Set<string> | undefined
  const disk = createDisk(`${store.prefix}journal`)

  const remember = (entry: Entry) => {
    // Something else may have written below our name.
    if (entry.event && !entries.has(entry.id)) {
      entries.set(entry.id, entry)
      chars += entry.size
    }
    return entry
  }
  const forget = (id: string) => {
    chars -= entries.get(id)?.size ?? 0
    entries.delete(id)
  }
  const entryOf = (text: string, shared: boolean, parts = text.split('\n')): Entry => {
    const [id = '', clock = '', envelope = '', event = ''] = parts
    return { id, clock, envelope, event, size: text.length, bytes: 0, shared, inFlight: false }
  }

  const journal = {
    all: () => entries.values(),
    size: () => entries.size,
    chars: () => chars,
    storage: (): TrackerStatus['storage'] =>
      isLocal ? 'local' : disk.works() ? 'indexeddb' : 'memory',
    open: disk.open,
    commit: disk.commit,

    add(...parts: [id: string, clock: string, envelope: string, event: string]) {
      const [id] = parts
      const text = parts.join('\n')
      isLocal = store.set(KEY + id, text)
      disk.put(id, text)
      return remember(entryOf(text, isLocal, parts))
    },

    remove({ id, shared }: Entry) {
      forget(id)
      gone?.add(id)
      if (shared) store.remove(KEY + id)
      disk.put(id)
    },

    /** Another tab has written this key; whether that is a new event. */
    follow(key: string, text: string | null) {
      if (!key.startsWith(KEY)) return false
      if (text) remember(entryOf(text, true))
      else forget(key.slice(KEY.length))
      return !!text
    },

    /** Reads again what is stored, by whichever page and at whatever time. */
    async load() {
      for (const key of store.keys()) journal.follow(key, store.get(key))
      gone = new Set()
      const found = (await disk.read()).map((text) => entryOf(text, false))
      const ids = new Set(found.map(({ id }) => id))
      for (const entry of found) if (!gone.has(entry.id)) remember(entry)
      gone = undefined
      // What neither has any more got its verdict while this page was frozen.
      for (const { id, shared, inFlight } of entries.values()) {
        if (disk.works() && shared && !inFlight && !ids.has(id) && !store.get(KEY + id)) forget(id)
      }
      // By their ids: pairs sort as their text does.
      entries = new Map([...entries].sort())
    },

    /** The oldest event that nobody has sent, where it is older than this or there are too many. */
    surplus(before: number, charsMax: number, isSender: boolean) {
      for (const entry of entries.values()) {
        if (entry.inFlight || (entry.shared && !isSender)) continue
        return timeOf(entry.id) < before || chars > charsMax ? entry : undefined
      }
      return undefined
    },

    /** Forgets everything, here and in the storage; other keys than `keep` too. */
    purge(keep: string) {
      entries.clear()
      chars = 0
      for (const key of store.keys()) if (key !== keep) store.remove(key)
      disk.destroy()
    },
  }
  return journal
}

export type Journal = ReturnType<typeof createJournal>
