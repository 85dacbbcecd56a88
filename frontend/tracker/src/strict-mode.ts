/** False in production builds of React, which never run the effects of a new component twice. */
export const isDevelopment = /* @__PURE__ */ (() => {
  try {
    return process.env.NODE_ENV !== 'production'
  } catch {
    return true // neither Node.js nor a bundler
  }
})()

type Phase = 'new' | 'mounting' | 'unmounted' | 'replaying' | 'settled'

/**
 * In development, StrictMode mounts each new component twice in a row: it runs its effects, their
 * cleanups, and the effects again. `once` records a call that both runs make once, and no call of
 * a cleanup after which the effects ran again.
 */
export function createReplayGuard() {
  let phase: Phase = isDevelopment ? 'new' : 'settled'
  let calls: [call: string, result: unknown][] = []
  let held: (() => unknown)[] = []
  let isScheduled = false

  const settle = () => {
    phase = 'settled'
    for (const record of held) record()
    calls = []
    held = []
  }
  /** The replay is over at the end of the task in which the effects ran. */
  const settleAfterTask = () => {
    if (phase === 'settled' || isScheduled) return
    isScheduled = true
    setTimeout(settle)
  }

  return {
    settleAfterTask,
    mounted() {
      if (phase === 'new') phase = 'mounting'
      if (phase === 'unmounted') phase = 'replaying'
      held = []
    },
    unmounted() {
      if (phase === 'mounting') phase = 'unmounted'
      settleAfterTask()
    },
    once<A extends unknown[], R>(name: string, record: (...values: A) => R, ...values: A) {
      if (phase === 'new' || phase === 'settled') return record(...values)
      if (phase === 'unmounted') {
        held.push(() => record(...values))
        return undefined
      }
      const call = callText(name, values)
      const index = phase === 'replaying' ? calls.findIndex(([recorded]) => recorded === call) : -1
      if (index >= 0) return calls.splice(index, 1)[0]?.[1] as R
      const result = record(...values)
      if (phase === 'mounting') calls.push([call, result])
      return result
    },
  }
}

function callText(name: string, values: unknown[]): string {
  try {
    return name + JSON.stringify(values)
  } catch {
    return name + String(values[0]) // circular, for example: its type has to do
  }
}
