const warned = new Set<string>()

/** On the developer's own machine; elsewhere the console belongs to the application. */
const isDevelopment = () =>
  /^(localhost|127\.|\[::1\])|\.localhost$/.test(globalThis.location?.hostname)

/** Writes a warning to the console, once per kind and page, during development. */
export function warn(kind: string, text: string): void {
  if (warned.has(kind) || !isDevelopment()) return
  warned.add(kind)
  console.warn(`[activity-events] ${text}`)
}
