// The AI features’ view of a user: context, predictions and patterns, with their evidence.
import type { Params } from '../api/client'
import { useApi } from '../api/queries'
import type { Context, Finding, NextActions, Patterns, Suggestion } from '../api/types'
import { count, NOTHING, percent, span, words } from '../view/format'
import { useParam } from '../view/view'
import { Card } from './card'
import { Choice } from './choice'
import { QueryContent } from './states'

const PURPOSES = [
  ['standup', 'Standup'],
  ['project_wizard', 'Project wizard'],
  ['email_categorization', 'Emails'],
] as const

/** The context as the model receives it; each line lists its events. */
export function AiContext({ params }: { params: Params }) {
  const [purpose, setPurpose] = useParam('purpose', 'standup')
  const query = useApi<Context>('/api/insights/context', { ...params, purpose })
  return (
    <Card
      title="AI context"
      hint={
        query.data && !query.data.opted_out
          ? `Up to ${count(query.data.tokens_at_most)} tokens · ${count(query.data.omitted)} lines omitted`
          : '\u00a0'
      }
      actions={<Choice label="Purpose" value={purpose} options={PURPOSES} onChange={setPurpose} />}
    >
      <QueryContent
        query={query}
        height={510}
        isEmpty={(data) => !data.lines.length}
        empty={query.data?.opted_out ? 'This user opted out of AI context.' : undefined}
      >
        {(data) => (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region needs keyboard focus
          <ol className="context" tabIndex={0} aria-label="Context lines">
            {data.lines.map((line, index) => (
              <li key={`${line.section} ${line.text}`}>
                <span className="context-number">[{index + 1}]</span> <span>{line.text}</span>{' '}
                <details>
                  <summary>
                    {line.events} {line.events === 1 ? 'event' : 'events'}
                  </summary>
                  <code>{line.event_ids.join(' ')}</code>
                </details>
              </li>
            ))}
          </ol>
        )}
      </QueryContent>
    </Card>
  )
}

export function WorkPatterns({ params }: { params: Params }) {
  const query = useApi<Patterns>('/api/insights/patterns', params)
  return (
    <Card title="Work patterns" hint="Based on this period, with confidence">
      <QueryContent
        query={query}
        height={400}
        isEmpty={(data) => !data.events_read}
        empty={query.data?.opted_out ? 'This user opted out of learning.' : undefined}
      >
        {(data) => <Findings data={data} />}
      </QueryContent>
    </Card>
  )
}

function Findings({ data }: { data: Patterns }) {
  return (
    <dl className="findings">
      <Row
        title="Most productive hours"
        finding={data.most_productive_hours}
        show={(hours) => hours.map(hourName).join(', ')}
      />
      <Row
        title="Preferred priorities"
        finding={data.preferred_project_priorities}
        show={(names) => names.join(', ')}
      />
      <Row
        title="Median task time"
        finding={data.avg_task_completion_time}
        show={({ median_ms }) => span(median_ms)}
      />
      <Row
        title="Median email response time"
        finding={data.email_response_time}
        show={({ median_ms }) => span(median_ms)}
      />
      <Row
        title="Focus sessions"
        finding={data.focus_sessions}
        show={({ sessions, median_length_ms }) =>
          sessions ? `${sessions}, median ${span(median_length_ms ?? 0)}` : 'None'
        }
      />
      <Row
        title="Streak of workdays"
        finding={data.streak}
        show={(streak) =>
          `Current ${days(streak.current_days)}, longest ${days(streak.longest_days)}`
        }
      />
      <Row
        title="Top categories"
        finding={data.feature_usage}
        show={(features) =>
          features
            .slice(0, 3)
            .map((item) => `${item.category} ${percent(item.share, 0)}`)
            .join(', ')
        }
      />
    </dl>
  )
}

const days = (number: number) => `${number} ${number === 1 ? 'day' : 'days'}`

const samples = (number: number) => `${count(number)} ${number === 1 ? 'sample' : 'samples'}`
const titled = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)
const hourName = (hour: number) => `${String(hour).padStart(2, '0')}:00`

function Row<T>({
  title,
  finding,
  show,
}: {
  title: string
  finding: Finding<T>
  show: (value: T) => string
}) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        {finding.value === null ? NOTHING : show(finding.value)}
        <span className="quiet-text">
          {finding.value === null
            ? `Not enough data · ${samples(finding.samples)}`
            : `${titled(finding.confidence)} confidence · ${samples(finding.samples)}`}
        </span>
      </dd>
    </div>
  )
}

/** The predicted next actions and suggested automations, with their evidence. */
export function PredictedActions({ user, tz }: { user: string; tz: string }) {
  const query = useApi<NextActions>('/api/insights/next-actions', {
    user_email: user,
    limit: 4,
    tz,
  })
  return (
    <Card title="Predicted next actions" hint={query.data ? basisOf(query.data) : '\u00a0'}>
      <QueryContent
        query={query}
        height={150}
        isEmpty={(data) => !data.actions.length}
        empty={
          query.data?.opted_out ? 'This user opted out of learning.' : 'Not enough data to predict.'
        }
      >
        {(data) => (
          <>
            <ol className="next">
              {data.actions.map((action) => (
                <li key={action.event_type}>
                  <span>
                    {words(action.event_type)}
                    {action.entity_id && (
                      <span className="quiet-text">
                        {' '}
                        {action.entity_type}/{action.entity_id}
                      </span>
                    )}
                  </span>
                  <span className="next-share">{percent(action.probability, 0)}</span>
                  <span className="share-bar" style={{ width: `${action.probability * 100}%` }} />
                </li>
              ))}
            </ol>
            <Suggestions suggestions={data.suggestions} />
          </>
        )}
      </QueryContent>
    </Card>
  )
}

function Suggestions({ suggestions }: { suggestions: readonly Suggestion[] }) {
  if (!suggestions.length) return null
  return (
    <section className="suggested" aria-labelledby="suggestions">
      <h3 id="suggestions">Suggestions</h3>
      <ul className="suggestions">
        {suggestions.map(({ text, evidence, threshold, event_ids }) => (
          <li key={text}>
            <span>{text}</span>
            <details>
              <summary>
                {evidence.times} of {evidence.out_of} · {evidence.last_week} last week
              </summary>
              <p>
                Lower bound {percent(evidence.lower_bound, 0)} (minimum{' '}
                {percent(threshold.lower_bound, 0)})
                {evidence.lift !== null && `, lift ${evidence.lift.toFixed(1)}`}. Latest events:
              </p>
              <code>{event_ids.join(' ')}</code>
            </details>
          </li>
        ))}
      </ul>
    </section>
  )
}

function basisOf(data: NextActions): string {
  if (data.source === 'everybody') return 'Based on all users'
  if (data.source === 'nothing') return ''
  const after = data.after.map((type) => type || 'session start')
  const context = after.length ? `After ${after.join(', ')} · ` : ''
  return `${context}${data.confidence} confidence · ${samples(data.samples)}`
}
