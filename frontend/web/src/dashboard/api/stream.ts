// Server-sent events with an Authorization header, which EventSource does not support.

import { createParser } from 'eventsource-parser'
import { BASE_PATH } from '../../base-path'
import { authorization, errorOf, type Params, queryString } from './client'
import type { ActivityEvent } from './types'

const PATH = '/api/events/stream'
const RETRY_MS = 2_000
const RETRY_MS_MAX = 30_000

export type StreamState = 'connecting' | 'open' | 'waiting' | 'failed'

/**
 * Streams the events that match a filter. Reconnects and resumes after the last event when the
 * connection is lost. Ends when `signal` is aborted, or at an error that a retry would not fix.
 */
export async function streamEvents(
  params: Params,
  signal: AbortSignal,
  onEvent: (event: ActivityEvent) => void,
  onState: (state: StreamState, error?: Error) => void,
): Promise<void> {
  let last = ''
  let retryMs = RETRY_MS
  while (!signal.aborted) {
    onState('connecting')
    try {
      const response = await fetch(`${BASE_PATH}${PATH}?${queryString(params)}`, {
        headers: { ...authorization(), ...(last ? { 'Last-Event-ID': last } : {}) },
        signal,
      })
      if (!response.ok || response.body === null) {
        const error = await errorOf(response)
        if (signal.aborted) return
        if (error.status === 410)
          last = '' // expired: resume with new events
        else if (error.status < 500 && error.status !== 429) return onState('failed', error)
        throw error
      }
      onState('open')
      retryMs = RETRY_MS
      const parser = createParser({
        onEvent: (message) => {
          if (message.id) last = message.id
          if (message.data) onEvent(JSON.parse(message.data))
        },
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        // An id without data is a resume point, too; the parser does not report it.
        for (const [, id] of part.value.matchAll(/^id: (.+)\n\n/gm)) last = id ?? last
        parser.feed(part.value)
      }
    } catch {
      if (signal.aborted) return
    }
    onState('waiting')
    await new Promise((resolve) => setTimeout(resolve, retryMs))
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)
  }
}
