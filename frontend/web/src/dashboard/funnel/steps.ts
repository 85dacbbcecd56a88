// Funnel steps in the format of the URL and the API: an event type, or JSON with metadata.
export interface Condition {
  key: string
  value: string
}

export interface Step {
  eventType: string
  conditions: Condition[]
}

export const STEPS_MIN = 2
export const STEPS_MAX = 10

export function parseStep(text: string): Step {
  if (!text.startsWith('{')) return { eventType: text, conditions: [] }
  try {
    const { event_type, metadata } = JSON.parse(text)
    return {
      eventType: String(event_type ?? ''),
      conditions: Object.entries(metadata ?? {}).map(([key, value]) => ({
        key,
        value: textOf(value),
      })),
    }
  } catch {
    return { eventType: text, conditions: [] }
  }
}

/** Numbers, true, false and null are JSON literals; any other text is a string. */
export function formatStep(step: Step): string {
  const conditions = step.conditions.filter(({ key }) => key)
  if (!conditions.length) return step.eventType
  const metadata = Object.fromEntries(conditions.map(({ key, value }) => [key, parsedValue(value)]))
  return JSON.stringify({ event_type: step.eventType, metadata })
}

const LITERAL = /^(-?(0|[1-9]\d*)(\.\d+)?|true|false|null)$/

/** The value of a field’s text: parsed if it is JSON, else the text itself. */
function parsedValue(text: string): unknown {
  if (LITERAL.test(text)) return JSON.parse(text)
  if (!/^["{[]/.test(text)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The inverse: a string that would parse as JSON is quoted. */
function textOf(value: unknown): string {
  return typeof value === 'string' && parsedValue(value) === value ? value : JSON.stringify(value)
}

const WIZARD = ['ai_wizard_started', 'ai_wizard_completed', 'project_created']

/** The default steps: the wizard’s funnel if its events exist, else the most frequent types. */
export function defaultSteps(types: readonly string[]): string[] {
  const known = WIZARD.filter((type) => types.includes(type))
  return known.length >= STEPS_MIN ? known : types.slice(0, STEPS_MIN)
}

export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const after = [...items]
  const [item] = after.splice(from, 1)
  if (item !== undefined) after.splice(to, 0, item)
  return after
}
