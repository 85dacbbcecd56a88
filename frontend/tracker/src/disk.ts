const STORE = 'e'

/** The second copy of the journal, in IndexedDB: it survives a killed browser. */
export interface Disk {
  open(): void
  /** Writes the value with the next `commit`; without one, deletes it. */
  put(id: string, value?: string): void
  commit(): void
  /** Everything that is kept; empty where there is no IndexedDB. */
  read(): Promise<string[]>
  /** Deletes the database; other tabs let go of it. */
  destroy(): void
  works(): boolean
}

export function createDisk(name: string): Disk {
  let database: IDBDatabase | undefined
  // Undefined where there is no IndexedDB, or none any more.
  let changes: [id: string, value?: string][] | undefined
  let opened: Promise<void> | undefined

  const close = () => {
    database?.close()
    database = changes = undefined
  }
  const store = (mode: IDBTransactionMode) =>
    database?.transaction(STORE, mode, { durability: 'relaxed' }).objectStore(STORE)

  const disk: Disk = {
    open() {
      changes = []
      opened = new Promise((resolve) => {
        const fail = () => {
          close()
          resolve()
        }
        try {
          const request = indexedDB.open(name, 1)
          request.onupgradeneeded = () => request.result.createObjectStore(STORE)
          request.onerror = fail
          request.onsuccess = () => {
            database = request.result
            database.onclose = database.onversionchange = close
            disk.commit()
            resolve()
          }
        } catch {
          fail()
        }
      })
    },
    works: () => !!changes,
    put(id, value) {
      changes?.push([id, value as string])
    },
    commit() {
      if (!database || !changes?.length) return
      try {
        const target = store('readwrite')
        for (const [id, value] of changes) value ? target?.put(value, id) : target?.delete(id)
        // Without waiting for the answers of its requests.
        target?.transaction.commit?.()
        changes = []
      } catch {
        close()
      }
    },
    async read() {
      await opened
      return new Promise((resolve) => {
        try {
          const request = (store('readonly') as IDBObjectStore).getAll()
          request.onerror = () => resolve([])
          request.onsuccess = () => resolve(request.result)
        } catch {
          resolve([])
        }
      })
    },
    destroy() {
      close()
      try {
        indexedDB.deleteDatabase(name)
      } catch {}
    },
  }
  return disk
}
