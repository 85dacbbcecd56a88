// The response types of the API; `/docs` has the definitions.

export interface Provenance {
  start: string
  end: string
  timezone: string
  generated_at: string
  source: 'events' | 'totals' | 'user_days' | 'sessions'
  rows_read: number
  truncated: boolean
}

export interface Summary extends Provenance {
  total_events: number
  events_by_category: Record<string, number>
  events_by_type: Record<string, number>
  most_active_day: string | null
  most_common_action: string | null
  events_by_day: Record<string, number>
  events_by_hour: number[]
  events_by_device: Record<string, number>
  unique_sessions: number
  avg_duration_ms_by_type: Record<string, number>
}

export type BucketUnit = 'minute' | 'hour' | 'day' | 'week' | 'month'

export interface Series {
  value: string | null
  is_other: boolean
  total: number
  events: number[]
}

export interface Buckets {
  bucket: BucketUnit
  split_by: string | null
  total_events: number
  buckets: string[]
  series: Series[]
}

export interface Timeseries extends Buckets, Provenance {
  previous: Buckets | null
}

/** A metadata value: any JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

export interface TopRow {
  value: Json
  entity_type: string | null
  events: number
  share: number
}

export interface Top extends Provenance {
  by: string
  key: string | null
  total_events: number
  distinct_values: number
  rows: TopRow[]
  note: string | null
}

export interface ActiveDay {
  day: string
  dau: number
  wau: number
  mau: number
  stickiness: number
  new: number
  returning: number
}

export interface ActiveUsers extends Provenance {
  active_users: number
  new_users: number
  rows: ActiveDay[]
}

export interface Retention extends Provenance {
  period: 'day' | 'week' | 'month'
  rows: { cohort: string; size: number; users: (number | null)[]; rates: (number | null)[] }[]
}

export interface FunnelStep {
  step: number
  event_type: string
  users: number
  share_of_first: number
  share_of_previous: number
  dropped: number | null
  median_ms: number | null
  p90_ms: number | null
}

export interface Funnel extends Provenance {
  order: 'loose' | 'strict'
  within_minutes: number
  users: number
  converted: number
  conversion: number
  steps: FunnelStep[]
  groups: { value: Json; has_value: boolean; steps: FunnelStep[] }[]
  user_emails: string[] | null
  complete_before: string
}

export interface Paths extends Provenance {
  anchor: string
  direction: 'after' | 'before'
  steps: number
  occurrences: number
  links: { step: number; source: string; target: string | null; events: number }[]
}

export interface Durations extends Provenance {
  rows: {
    event_type: string
    events: number
    mean_ms: number
    p50_ms: number
    p90_ms: number
    p99_ms: number
  }[]
}

export interface Heatmap extends Provenance {
  total_events: number
  weekdays: string[]
  events: number[][]
}

export interface SessionStats {
  sessions: number
  events: number
  events_per_session: number | null
  bounces: number
  bounce_rate: number | null
  mean_length_ms: number | null
  median_length_ms: number | null
  p90_length_ms: number | null
}

export interface Sessions extends Provenance {
  total: SessionStats
  made_by_time: number
  rows: { day: string; stats: SessionStats }[]
}

export interface ActivityEvent {
  event_id: string
  user_email: string
  event_timestamp: string
  event_type: string
  event_category: string
  event_action: string
  entity_type: string | null
  entity_id: string | null
  metadata: Record<string, unknown>
  session_id: string | null
  session_seq: number | null
  device_type: string | null
  context_snapshot: Record<string, unknown> | null
  duration_ms: number | null
  received_at: string
}

export interface EventPage {
  events: ActivityEvent[]
  next_cursor: string | null
}

export interface SessionRow {
  session_id: string
  user_email: string
  started_at: string
  ended_at: string
  duration_ms: number
  total_events: number
}

export interface SessionPage {
  sessions: SessionRow[]
  next_cursor: string | null
}

export interface SessionResponse extends EventPage {
  session_id: string
  summary: SessionRow & {
    events_by_type: Record<string, number>
    device_type: string | null
    first_page: string | null
    last_page: string | null
  }
}

export interface Context {
  purpose: string
  text: string
  lines: { section: string; text: string; event_ids: string[]; events: number }[]
  omitted: number
  tokens_at_most: number
  context_hash: string
  events_read: number
  truncated: boolean
  opted_out: boolean
}

export type Confidence = 'not enough data' | 'low' | 'medium' | 'high'

export interface Finding<T> {
  value: T | null
  samples: number
  confidence: Confidence
}

interface Median {
  median_ms: number
}

export interface Patterns {
  most_productive_hours: Finding<number[]>
  preferred_project_priorities: Finding<string[]>
  avg_task_completion_time: Finding<Median>
  task_duration: Finding<Median>
  email_response_time: Finding<Median>
  feature_usage: Finding<
    { category: string; events: number; share: number; trend: number | null }[]
  >
  focus_sessions: Finding<{ sessions: number; median_length_ms?: number }>
  streak: Finding<{ longest_days: number; current_days: number }>
  weekday_profile: Finding<number[]>
  events_read: number
  opted_out: boolean
}

export interface NextActions {
  actions: {
    event_type: string
    probability: number
    entity_type: string | null
    entity_id: string | null
  }[]
  after: string[]
  samples: number
  confidence: Confidence
  source: 'user' | 'everybody' | 'nothing'
  opted_out: boolean
  suggestions: Suggestion[]
}

export interface Suggestion {
  kind: 'email_rule' | 'sequence' | 'dropped' | 'email_hours' | 'schedule'
  text: string
  evidence: {
    times: number
    out_of: number
    share: number
    lower_bound: number
    lift: number | null
    last_week: number
  }
  threshold: { lower_bound: number; out_of: number; last_week: number; lift: number | null }
  event_ids: string[]
}
