import { describe, expect, test } from 'vitest'
import { eventsOn } from '../src/demo/calendar/events'
import { moved } from '../src/demo/calendar/page'
import {
  clockOf,
  dateOf,
  greetingAt,
  mondayOf,
  weeksOf,
  whenOf,
  workdaysBefore,
} from '../src/demo/days'
import { isAt, pageOf } from '../src/demo/shell/pages'
import { deliveryStates } from '../src/demo/tracking/delivery-state'
import { planOf } from '../src/demo/wizard/ai'

const day = (date: number, month = 11) => new Date(2026, month - 1, date)

describe('pages', () => {
  test('all projects have the same page name', () => {
    expect(pageOf('/projects/p-17')).toBe('/projects/:id')
    expect(pageOf('/emails/m-3')).toBe('/emails/:id')
    expect(pageOf('/projects')).toBe('/projects')
    expect(pageOf('/')).toBe('/')
  })

  test('a subpage belongs to its page, but no page belongs to home', () => {
    expect(isAt('/projects/p-17', '/projects')).toBe(true)
    expect(isAt('/projects', '/')).toBe(false)
    expect(isAt('/', '/')).toBe(true)
  })
})

describe('days', () => {
  test('a week starts on Monday', () => {
    expect(dateOf(mondayOf(day(22)))).toBe('2026-11-16')
    expect(dateOf(mondayOf(day(23)))).toBe('2026-11-23')
  })

  test('a month consists of whole weeks', () => {
    const weeks = weeksOf(day(20))
    expect(weeks.length).toBe(6)
    expect(dateOf(weeks[0]?.[0] as Date)).toBe('2026-10-26')
    expect(dateOf(weeks[5]?.[6] as Date)).toBe('2026-12-06')
  })

  test('workdays exclude weekends', () => {
    expect(workdaysBefore(day(24), 3).map(dateOf)).toEqual([
      '2026-11-23',
      '2026-11-20',
      '2026-11-19',
    ])
  })

  test('times and greetings', () => {
    expect(clockOf(9 * 60 + 5)).toBe('09:05')
    expect([4, 5, 12, 18].map(greetingAt)).toEqual([
      'Still up',
      'Good morning',
      'Good afternoon',
      'Good evening',
    ])
    const now = new Date(2026, 10, 20, 15, 0)
    expect(whenOf(new Date(2026, 10, 20, 9, 30).toISOString(), now)).toBe('09:30')
    expect(whenOf(new Date(2026, 10, 19, 9, 30).toISOString(), now)).toBe('Thu 19 Nov')
  })
})

describe('the calendar', () => {
  const titles = (date: number) => eventsOn(day(date)).map(({ title }) => title)

  test('events are weekly or biweekly', () => {
    const tuesdays = [titles(17), titles(24)].sort((a, b) => a.length - b.length)
    expect(tuesdays).toEqual([['Customer council'], ['Customer council', 'Design kit hour']])
    expect(titles(21)).toEqual([])
  })

  test('a step has the length of the view', () => {
    expect(dateOf(moved('day', day(30), 1))).toBe('2026-12-01')
    expect(dateOf(moved('week', day(20), -1))).toBe('2026-11-13')
    expect(dateOf(moved('month', day(31, 1), 1))).toBe('2026-02-01')
  })
})

test('the newest events are unacknowledged; the oldest of them are in flight', () => {
  expect(deliveryStates(4, 3, 2)).toEqual(['queued', 'sending', 'sending', 'acknowledged'])
  expect(deliveryStates(2, 0, 0)).toEqual(['acknowledged', 'acknowledged'])
  expect(deliveryStates(2, 5, 1)).toEqual(['queued', 'queued'])
})

test('a plan’s title is the beginning of its description', () => {
  const plan = planOf('  a help center, that answers the, most common questions')
  expect(plan.title).toBe('A help center, that answers the')
  expect(plan.goals.length).toBe(3)
})
