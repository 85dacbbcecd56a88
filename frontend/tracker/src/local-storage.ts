/** The browser's localStorage under one key prefix; no method throws. */
export interface LocalStorage {
  get(key: string): string | null
  /** The parsed JSON value; the fallback if it is missing or not valid JSON. */
  json<T>(key: string, fallback: T): T
  /** Returns whether the value is stored: false in private modes and when the storage is full. */
  set(key: string, value: string): boolean
  remove(key: string): void
  keys(): string[]
  readonly prefix: string
}

export function createLocalStorage(namespace: string): LocalStorage {
  const prefix = `${namespace}.`
  const storage: LocalStorage = {
    prefix,
    json(key, fallback) {
      try {
        return JSON.parse(storage.get(key) as string) ?? fallback
      } catch {
        return fallback
      }
    },
    get(key) {
      try {
        return localStorage.getItem(prefix + key)
      } catch {
        return null
      }
    },
    set(key, value) {
      try {
        localStorage.setItem(prefix + key, value)
        return true
      } catch {
        return false
      }
    },
    remove(key) {
      try {
        localStorage.removeItem(prefix + key)
      } catch {}
    },
    keys() {
      try {
        return Object.keys(localStorage)
          .filter((key) => key.startsWith(prefix))
          .map((key) => key.slice(prefix.length))
      } catch {
        return []
      }
    },
  }
  return storage
}
