const STORE = 'e'

/** The second copy of the journal, in IndexedDB: it survives a killed browser. */
export interface IndexedDb {
  open(): void
  /** Writes the value with the next `commit`; without a value, deletes the key. */
  put(id: string, value?: string): void
  commit(): void
  /** All stored values; empty where IndexedDB is not available. */
  read(): Promise<string[]>
  /** Deletes the database; other tabs close their connections. */
  destroy(): void
  isAvailable(): boolean
}

export function createIndexedDb(name: string): IndexedDb {
  let connection: IDBDatabase | undefined
  // Undefined where IndexedDB is not available, and after the connection is closed.
  let changes: [id: string, value?: string][] | undefined
  let opening: Promise<void> | undefined
  let newest: IDBOpenDBRequest | undefined

  const close = () => {
    connection?.close()
    connection = changes = undefined
  }
  const objectStore = (mode: IDBTransactionMode) =>
    connection?.transaction(STORE, mode, { durability: 'relaxed' }).objectStore(STORE)

  const database: IndexedDb = {
    open() {
      close()
      changes = []
      opening = new Promise((resolve) => {
        const fail = () => {
          close()
          resolve()
        }
        try {
          const request = indexedDB.open(name, 1)
          newest = request
          request.onupgradeneeded = () => request.result.createObjectStore(STORE)
          request.onerror = fail
          request.onsuccess = () => {
            resolve()
            // Deleted since: what is written from now on belongs into the next one.
            if (request !== newest) return request.result.close()
            connection = request.result
            connection.onclose = connection.onversionchange = close
            database.commit()
          }
        } catch {
          fail()
        }
      })
    },
    isAvailable: () => !!changes,
    put(id, value) {
      changes?.push([id, value as string])
    },
    commit() {
      if (!connection || !changes?.length) return
      try {
        const target = objectStore('readwrite')
        for (const [id, value] of changes) value ? target?.put(value, id) : target?.delete(id)
        // Commits without waiting for the requests' results.
        target?.transaction.commit?.()
        changes = []
      } catch {
        close()
      }
    },
    async read() {
      await opening
      return new Promise((resolve) => {
        try {
          const request = (objectStore('readonly') as IDBObjectStore).getAll()
          request.onerror = () => resolve([])
          request.onsuccess = () => resolve(request.result)
        } catch {
          resolve([])
        }
      })
    },
    destroy() {
      close()
      newest = undefined
      try {
        indexedDB.deleteDatabase(name)
      } catch {}
    },
  }
  return database
}
