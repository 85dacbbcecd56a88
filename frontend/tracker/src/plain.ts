import { warn } from './warnings'

/** The server keeps 32 levels; far deeper values would exhaust the stack. */
const DEPTH_MAX = 32
/** A value that leads into a whole page or framework must not block the page. */
const VALUES_MAX = 20_000

/** Returns the text that is stored instead of a value, with a warning. */
export function standIn(text: string): string {
  warn('stand-in', `JSON has no form for a value of an event; "${text}" is stored instead.`)
  return text
}

/**
 * Returns the value with all its parts as JSON can say them. What it can't say is replaced by a
 * short text, such as `[Circular]` or `[object HTMLButtonElement]`, with a warning.
 */
export function plain(root: unknown): unknown {
  let values = 0

  const visit = (read: () => unknown, parents: unknown[]): unknown => {
    try {
      let value = read() as Record<string, unknown>
      if (typeof value === 'bigint') return `${value}`
      if (!value || typeof value !== 'object') return value
      if (parents.includes(value)) return standIn('[Circular]')
      if (++values > VALUES_MAX || parents.length > DEPTH_MAX) return standIn('[Too large]')
      const path = [...parents, value]
      const { toJSON, nativeEvent } = value
      if (typeof toJSON === 'function') return visit(() => toJSON.call(value), path)
      // A framework's event, whose other properties lead into the whole page.
      value = (nativeEvent ?? value) as typeof value
      const tag = Object.prototype.toString.call(value)
      if (/Error|Exception/.test(tag)) return `${value}`
      if (/(Array|Set)]$/.test(tag)) {
        return Array.from(value as unknown as Iterable<unknown>, (item) => visit(() => item, path))
      }
      if (/(Number|String|Boolean)]$/.test(tag)) return value
      const object = /Map]$/.test(tag) ? Object.fromEntries(value as never) : value
      if (object === value && !tag.endsWith(' Object]')) return standIn(tag)
      return Object.fromEntries(
        Object.keys(object).map((key) => [key, visit(() => object[key], path)]),
      )
    } catch (error) {
      return standIn(`[${error}]`)
    }
  }
  return visit(() => root, [])
}
