import { describe, expect, it } from 'vitest'
import type { Paths } from '../src/dashboard/api/types'
import { defaultSteps, formatStep, moved, parseStep } from '../src/dashboard/funnel/steps'
import { flowOf } from '../src/dashboard/paths/flow'
import { averageOf, isComplete } from '../src/dashboard/retention/average'

describe('a funnel’s step', () => {
  it('is an event type, or an event type with metadata', () => {
    expect(formatStep({ eventType: 'a', conditions: [] })).toBe('a')
    const step = {
      eventType: 'a',
      conditions: [
        { key: 'priority', value: 'high' },
        { key: 'items', value: '3' },
        { key: 'is_first', value: 'true' },
        { key: 'code', value: '007' },
        { key: '', value: 'ignored' },
      ],
    }
    const text = formatStep(step)
    expect(text).toBe(
      '{"event_type":"a","metadata":{"priority":"high","items":3,"is_first":true,"code":"007"}}',
    )
    expect(parseStep(text)).toEqual({ eventType: 'a', conditions: step.conditions.slice(0, 4) })
    expect(parseStep('{broken')).toEqual({ eventType: '{broken', conditions: [] })
  })

  it('keeps the types of its values when parsed and formatted repeatedly', () => {
    const text =
      '{"event_type":"a","metadata":{"n":"5","t":"true","q":"\\"x\\"","o":{"b":1},"l":[1,"2"],"z":null}}'
    expect(formatStep(parseStep(text))).toBe(text)
    expect(formatStep(parseStep(formatStep(parseStep(text))))).toBe(text)
  })

  it('can be moved', () => {
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b'])
    expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c'])
  })

  it('defaults to the wizard’s funnel if its events exist', () => {
    expect(defaultSteps(['x', 'project_created', 'ai_wizard_started'])).toEqual([
      'ai_wizard_started',
      'project_created',
    ])
    expect(defaultSteps(['x', 'y', 'z'])).toEqual(['x', 'y'])
  })
})

const paths = (direction: 'after' | 'before', links: Paths['links']): Paths => ({
  start: '',
  end: '',
  timezone: 'UTC',
  generated_at: '',
  source: 'events',
  rows_read: 0,
  truncated: false,
  anchor: 'a',
  direction,
  steps: 2,
  occurrences: 10,
  links,
})

describe('paths as a flow', () => {
  const links = [
    { step: 1, source: 'a', target: 'b', events: 5 },
    { step: 1, source: 'a', target: 'a', events: 3 },
    { step: 1, source: 'a', target: 'c', events: 1 },
    { step: 1, source: 'a', target: null, events: 1 },
    { step: 2, source: 'b', target: 'a', events: 4 },
    { step: 2, source: 'c', target: 'a', events: 1 },
  ]

  it('has separate nodes for each step and merges rare types', () => {
    expect(flowOf(paths('after', links), 2)).toEqual({
      nodes: [
        { name: '0:a', label: 'a', depth: 0 },
        { name: '1:b', label: 'b', depth: 1 },
        { name: '1:a', label: 'a', depth: 1 },
        { name: '1:others', label: 'others', depth: 1 },
        { name: '1:end', label: 'end', depth: 1 },
        { name: '2:a', label: 'a', depth: 2 },
      ],
      links: [
        { source: '0:a', target: '1:b', value: 5 },
        { source: '0:a', target: '1:a', value: 3 },
        { source: '0:a', target: '1:others', value: 1 },
        { source: '0:a', target: '1:end', value: 1 },
        { source: '1:b', target: '2:a', value: 4 },
        { source: '1:others', target: '2:a', value: 1 },
      ],
    })
  })

  it('flows towards the anchor in the direction before', () => {
    const flow = flowOf(paths('before', links.slice(0, 1)), 2)
    expect(flow.nodes.map((node) => [node.name, node.depth])).toEqual([
      ['0:a', 2],
      ['1:b', 1],
    ])
    expect(flow.links).toEqual([{ source: '1:b', target: '0:a', value: 5 }])
  })
})

it('averages completed periods, weighted by cohort size', () => {
  const cohorts = [
    { cohort: '2026-11-02', size: 30, users: [30, 15, 3] },
    { cohort: '2026-11-09', size: 10, users: [10, 1, null] },
  ]
  expect(averageOf(cohorts, 'week', '2026-11-23')).toEqual([1, 0.4, 0.1])
  // A week in progress is not included.
  expect(averageOf(cohorts, 'week', '2026-11-22')).toEqual([1, 0.5, null])
  expect(averageOf([], 'week', '2026-11-22')).toEqual([])
  expect(isComplete('2026-01-31', 0, 'month', '2026-03-02')).toBe(false)
  expect(isComplete('2026-01-01', 0, 'month', '2026-02-01')).toBe(true)
})
