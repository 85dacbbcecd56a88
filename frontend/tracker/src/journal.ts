import { createIndexedDb } from './indexed-db'
import type { LocalStorage } from './local-storage'
import type { TrackerStatus } from './types'

/** One unacknowledged event. */
export interface Entry {
  readonly id: string
  /** The clock that stamped the event (`Clock.clockId`). */
  readonly clock: string
  /**
   * The fields that all events of the session share, as JSON without braces; empty while the user
   * is unknown.
   */
  envelope: string
  /** The event as JSON. */
  readonly event: string
  /** Length in characters: the unit of the browser's storage quota. */
  readonly size: number
  /** Length in UTF-8 bytes; 0 until it is needed. */
  bytes: number
  /** Whether all tabs can read it, from localStorage. */
  shared: boolean
  inFlight: boolean
}

const KEY = 'e.'
/** A quarter of what browsers give to an origin: the rest of localStorage is the application's. */
const LOCAL_MAX_CHARS = 1_250_000
/** The second copy of an opt-out, beside the events: it survives `localStorage.clear()`. */
const OPTED_OUT = 'out'

/** The timestamp of a UUIDv7, in milliseconds since the epoch. */
const timeOf = (id: string) => Number.parseInt(id.replace('-', ''), 16)

/**
 * All unacknowledged events, oldest first: in memory, in localStorage (one key per event, written
 * before `add` returns) and, a moment later, in IndexedDB. Past a share of localStorage, only in
 * IndexedDB.
 */
export function createJournal(storage: LocalStorage) {
  let entries = new Map<string, Entry>()
  let chars = 0
  let localChars = 0
  let isLocal = true
  // Events that are acknowledged while `load` reads the storage.
  let removed: Set<string> | undefined
  let loading: Promise<boolean> | undefined
  const database = createIndexedDb(`${storage.prefix}journal`)

  const count = ({ size, shared }: Entry, sign: number) => {
    chars += size * sign
    if (shared) localChars += size * sign
  }
  const remember = (entry: Entry) => {
    // Other scripts may have written keys with our prefix.
    if (entry.event && !entries.has(entry.id)) {
      entries.set(entry.id, entry)
      count(entry, 1)
    }
    return entry
  }
  const forget = (id: string) => {
    const entry = entries.get(id)
    if (entry) count(entry, -1)
    entries.delete(id)
  }
  const entryOf = (text: string, shared: boolean, parts = text.split('\n')): Entry => {
    const [id = '', clock = '', envelope = '', event = ''] = parts
    return { id, clock, envelope, event, size: text.length, bytes: 0, shared, inFlight: false }
  }

  const read = async () => {
    for (const key of storage.keys()) journal.applyChange(key, storage.get(key))
    removed = new Set()
    const stored = (await database.read()).map((text) => entryOf(text, false))
    const ids = new Set(stored.map(({ id }) => id))
    // None of them after an opt-out in the meantime.
    for (const entry of stored) if (removed?.has(entry.id) === false) remember(entry)
    removed = undefined
    const isComplete = database.isAvailable()
    // Events missing from both storages were acknowledged while this page was frozen.
    for (const { id, shared, inFlight } of entries.values()) {
      if (isComplete && shared && !inFlight && !ids.has(id) && !storage.get(KEY + id)) forget(id)
    }
    // Sorts by id: pairs compare as text, which begins with the id.
    entries = new Map([...entries].sort())
    return ids.has(OPTED_OUT)
  }

  const journal = {
    all: () => entries.values(),
    size: () => entries.size,
    chars: () => chars,
    storage: (): TrackerStatus['storage'] =>
      isLocal ? 'local' : database.isAvailable() ? 'indexeddb' : 'memory',
    open: database.open,
    commit: database.commit,

    /** Adds an event; one with the same id is replaced. */
    add(...parts: [id: string, clock: string, envelope: string, event: string]) {
      const [id] = parts
      const text = parts.join('\n')
      forget(id)
      isLocal =
        (localChars < LOCAL_MAX_CHARS || !database.isAvailable()) && storage.set(KEY + id, text)
      database.put(id, text)
      return remember(entryOf(text, isLocal, parts))
    },

    remove({ id, shared }: Entry) {
      forget(id)
      removed?.add(id)
      if (shared) storage.remove(KEY + id)
      database.put(id)
    },

    /** Applies another tab's change of a key; returns whether it added an event. */
    applyChange(key: string, text: string | null) {
      if (!key.startsWith(KEY)) return false
      const entry = text && entryOf(text, true)
      // Unless it is the same: it may be in flight.
      if (!entry || entries.get(entry.id)?.envelope !== entry.envelope) {
        forget(key.slice(KEY.length))
        if (entry) remember(entry)
      }
      return !!text
    },

    /**
     * Reads the events that this page, other tabs and earlier pages have stored; resolves to
     * whether the user has opted out. Two calls at a time are one.
     */
    load: () =>
      (loading ??= read().finally(() => {
        loading = undefined
      })),

    /** The oldest entry not in flight, if it is older than `before` or the journal is too large. */
    oldestOverLimit(before: number, charsMax: number, isSender: boolean) {
      for (const entry of entries.values()) {
        if (entry.inFlight || (entry.shared && !isSender)) continue
        return timeOf(entry.id) < before || chars > charsMax ? entry : undefined
      }
      return undefined
    },

    /** Deletes all events and all keys except `keptKey`, in memory and in the storage. */
    purge(keptKey: string, isOptedOut?: boolean) {
      entries.clear()
      removed = undefined
      chars = localChars = 0
      for (const key of storage.keys()) if (key !== keptKey) storage.remove(key)
      database.destroy()
      if (isOptedOut) {
        database.open()
        database.put(OPTED_OUT, OPTED_OUT)
      }
    },

    /** Deletes the second copy of an opt-out. */
    optIn() {
      database.put(OPTED_OUT)
    },
  }
  return journal
}

export type Journal = ReturnType<typeof createJournal>
