/** The browser's localStorage below one prefix, where nothing throws. */
export interface Store {
  get(key: string): string | null
  /** What was kept as JSON; the fallback where there is none, or somebody broke it. */
  json<T>(key: string, fallback: T): T
  /** Whether it is kept: not in private modes, and not when the storage is full. */
  set(key: string, value: string): boolean
  remove(key: string): void
  keys(): string[]
  readonly prefix: string
}

export function createStore(namespace: string): Store {
  const prefix = `${namespace}.`
  const store: Store = {
    prefix,
    json(key, fallback) {
      try {
        return JSON.parse(store.get(key) as string) ?? fallback
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
  return store
}
