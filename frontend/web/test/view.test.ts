import { describe, expect, it } from 'vitest'
import { queryString } from '../src/dashboard/api/client'
import { csv } from '../src/dashboard/parts/csv'
import { change, day, moment, percent, span } from '../src/dashboard/view/format'
import {
  browserZone,
  bucketOf,
  eventsOf,
  lengthOf,
  parseView,
  previousOf,
  searchOf,
  userOf,
  zoneNote,
} from '../src/dashboard/view/view'

const view = (search: string) => parseView(new URLSearchParams(search))

describe('the view is the URL', () => {
  it('defaults to 30 days in the browser’s time zone', () => {
    expect(view('')).toEqual({
      days: 30,
      start: null,
      end: null,
      tz: browserZone,
      userEmails: [],
      filters: {},
      compare: true,
    })
  })

  it('knows zones in any case, and says why it shows another one (D1)', () => {
    expect(view('tz=utc').tz).toBe('UTC')
    expect(view('tz=europe/london').tz).toBe('Europe/London')
    for (const unknown of ['+02:00', '-03', 'Etc/Unknown', 'Mars/Olympus']) {
      const { tz } = view(`tz=${encodeURIComponent(unknown)}`)
      expect(tz).toBe(browserZone)
      expect(zoneNote(unknown, tz)).toBe(`Unknown time zone “${unknown}”. Times are in ${tz}.`)
    }
    expect(zoneNote('utc', 'UTC')).toBeNull()
    expect(zoneNote(null, browserZone)).toBeNull()
  })

  it('decodes the user of a page once (D4)', () => {
    for (const user of ['a/b@x.io', 'a%2fb@x.io', '50%@x.io', 'ä+b@x.io', '..', '?#@x.io'])
      expect(userOf(`/events/dashboard/users/${encodeURIComponent(user)}`)).toBe(user)
    expect(userOf('/dashboard/users/50%@x.io')).toBe('50%@x.io')
  })

  it('ignores invalid parameters', () => {
    expect(view('days=0&tz=Mars/Olympus&start=yesterday&end=now')).toEqual(view(''))
  })

  it('requests whole days, including the end date', () => {
    const dates = view('start=2026-10-24&end=2026-10-25&tz=Europe/London')
    expect(eventsOf(dates)).toEqual({
      start: '2026-10-24',
      end: '2026-10-26',
      tz: 'Europe/London',
      user_email: [],
    })
    expect(lengthOf(dates)).toBe(2)
    expect(previousOf(dates)).toEqual({
      start: '2026-10-22',
      end: '2026-10-24',
      tz: 'Europe/London',
    })
  })

  it('compares with the previous period of the same length', () => {
    const now = new Date('2026-11-20T12:00:31Z')
    expect(previousOf(view('days=7&tz=UTC'), now)).toEqual({
      start: '2026-11-06T12:00:00.000Z',
      end: '2026-11-13T12:00:00.000Z',
      tz: 'UTC',
    })
  })

  it('is passed to other pages, without page-specific parameters', () => {
    const search = '?days=7&tz=Asia%2FTokyo&user_email=a%40b.c&event_type=x&event_type=y'
    expect(searchOf(view(`${search}&bucket=hour`))).toBe(search)
    expect(searchOf(view(''))).toBe('')
  })

  it('has some dozens of buckets', () => {
    expect(['days=1', 'days=7', 'days=90', 'days=365'].map((s) => bucketOf(view(s)))).toEqual([
      'hour',
      'day',
      'day',
      'week',
    ])
  })
})

it('repeats the parameter for lists, and omits empty values', () => {
  expect(queryString({ b: ['x', 'y'], a: 1, c: '', d: null, e: undefined })).toBe('a=1&b=x&b=y')
})

it('writes CSV without formulas', () => {
  const columns = [
    { title: 'Name', value: (row: [string, number]) => row[0] },
    { title: 'n', value: (row: [string, number]) => row[1] },
  ]
  expect(
    csv(columns, [
      ['say "hi", Ada', 1],
      ['=1+1', -2],
    ]),
  ).toBe('\ufeffName,n\r\n"say ""hi"", Ada",1\r\n\'=1+1,-2\r\n')
})

it('formats numbers', () => {
  expect([
    span(0),
    span(1500),
    span(95_000),
    span(119_700),
    span(5_400_000),
    span(200_000_000),
  ]).toEqual(['0 ms', '1.5 s', '1 min 35 s', '2 min 0 s', '1 h 30 min', '2 d 7 h'])
  expect([percent(0.256), percent(null), change(3, 2), change(3, 0)]).toEqual([
    '25.6%',
    '–',
    0.5,
    null,
  ])
})

describe('dates have a year unless it is this one (D2)', () => {
  const now = new Date('2026-11-29T12:00:00Z')

  it('on days', () => {
    expect(day('2026-11-24', now)).toBe('24 Nov')
    expect(day('2025-01-01', now)).toBe('1 Jan 2025')
    expect(day('2027-01-01', now)).toBe('1 Jan 2027')
  })

  it('on times', () => {
    expect(moment('2026-02-01T10:00:00Z', 'UTC', 'minute', now)).toBe('1 Feb, 10:00')
    expect(moment('2025-12-30T10:00:00Z', 'Europe/Berlin', 'minute', now)).toBe(
      '30 Dec 2025, 11:00',
    )
  })
})
