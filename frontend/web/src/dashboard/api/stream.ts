// Server-sent events with a credential, which the browser's own EventSource can't send.
import { createParser } from 'eventsource-parser'
import { authorization, errorOf, type Params, queryString } from './client'
import type { ActivityEvent } from './types'

const PATH = '/api/events/stream'
const RETRY_MS = 2_000
const RETRY_MS_MAX = 30_000

export type StreamState = 'connecting' | 'open' | 'waiting' | 'failed'

/**
 * Follows the events that pass a filter, and goes on after the last one when it breaks off.
 * Ends when `signal` does, or at an answer that trying again would not change.
 */
export async function follow(
  params: Params,
  signal: AbortSignal,
  onEvent: (event: ActivityEvent) => void,
  onState: (state: StreamState, error?: Error) => void,
): Promise<void> {
  let last = ''
  let pause = RETRY_MS
  while (!signal.aborted) {
    onState('connecting')
    try {
      const response = await fetch(`${PATH}?${queryString(params)}`, {
        headers: { ...authorization(), ...(last ? { 'Last-Event-ID': last } : {}) },
        signal,
      })
      if (!response.ok || response.body === null) {
        const error = await errorOf(response)
        if (signal.aborted) return
        if (error.status === 410)
          last = '' // too long ago: from now on
        else if (error.status < 500 && error.status !== 429) return onState('failed', error)
        throw error
      }
      onState('open')
      pause = RETRY_MS
      const parser = createParser({
        onEvent: (message) => {
          if (message.id) last = message.id
          if (message.data) onEvent(JSON.parse(message.data))
        },
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        // An id without data is from where to go on, too; the parser keeps it to itself.
        for (const [, id] of part.value.matchAll(/^id: (.+)\n\n/gm)) last = id ?? last
        parser.feed(part.value)
      }
    } catch {
      if (signal.aborted) return
    }
    onState('waiting')
    await new Promise((resolve) => setTimeout(resolve, pause))
    pause = Math.min(pause * 2, RETRY_MS_MAX)
  }
}
