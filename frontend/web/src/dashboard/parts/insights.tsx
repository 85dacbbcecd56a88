// What AI features see of a user, and learn: as it is, with what it is made of.
import type { Params } from '../api/client'
import { useAnswer } from '../api/queries'
import type { Context, Finding, NextActions, Patterns, Suggestion } from '../api/types'
import { NOTHING, percent, span, words } from '../view/format'
import { useParam } from '../view/view'
import { Card } from './card'
import { Choice } from './choice'
import { Answered } from './states'

const PURPOSES = [
  ['standup', 'Standup'],
  ['project_wizard', 'Project wizard'],
  ['email_categorization', 'Emails'],
] as const

/** The context as a model gets it; each line leads to its latest event. */
export function AiContext({ params }: { params: Params }) {
  const [purpose, setPurpose] = useParam('purpose', 'standup')
  const query = useAnswer<Context>('/api/insights/context', { ...params, purpose })
  return (
    <Card
      title="What an assistant is told"
      hint={
        query.data && !query.data.opted_out
          ? `at most ${query.data.tokens_at_most} tokens; ${query.data.omitted} lines left out`
          : '\u00a0'
      }
      actions={<Choice label="For" value={purpose} options={PURPOSES} onChange={setPurpose} />}
    >
      <Answered
        query={query}
        height={510}
        isEmpty={(data) => !data.lines.length}
        empty={
          query.data?.opted_out
            ? 'This user does not want assistants to read their activity.'
            : undefined
        }
      >
        {(data) => (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
          <ol className="context" tabIndex={0} aria-label="Lines of the context">
            {data.lines.map((line, place) => (
              <li key={`${line.section} ${line.text}`}>
                <span className="context-number">[{place + 1}]</span> <span>{line.text}</span>{' '}
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
      </Answered>
    </Card>
  )
}

export function WorkPatterns({ params }: { params: Params }) {
  const query = useAnswer<Patterns>('/api/insights/patterns', params)
  return (
    <Card title="How they work" hint="learnt from the window, with how sure that is">
      <Answered
        query={query}
        height={400}
        isEmpty={(data) => !data.events_read}
        empty={
          query.data?.opted_out
            ? 'This user does not want anything to be learnt from their activity.'
            : undefined
        }
      >
        {(data) => <Findings data={data} />}
      </Answered>
    </Card>
  )
}

function Findings({ data }: { data: Patterns }) {
  return (
    <dl className="findings">
      <Row
        title="Most productive"
        of={data.most_productive_hours}
        show={(hours) => hours.map(hourName).join(', ')}
      />
      <Row
        title="Priorities"
        of={data.preferred_project_priorities}
        show={(names) => names.join(', ')}
      />
      <Row
        title="A task takes"
        of={data.avg_task_completion_time}
        show={({ median_ms }) => `${span(median_ms)}, half of them`}
      />
      <Row
        title="An email waits"
        of={data.email_response_time}
        show={({ median_ms }) => `${span(median_ms)}, half of them`}
      />
      <Row
        title="Focus"
        of={data.focus_sessions}
        show={({ sessions, median_length_ms }) =>
          sessions ? `${sessions} sessions of ${span(median_length_ms ?? 0)}` : 'no session'
        }
      />
      <Row
        title="Working days in a row"
        of={data.streak}
        show={(streak) => `${streak.current_days} now, ${streak.longest_days} at most`}
      />
      <Row
        title="Uses most"
        of={data.feature_usage}
        show={(used) =>
          used
            .slice(0, 3)
            .map((each) => `${words(each.category).toLowerCase()} ${percent(each.share, 0)}`)
            .join(', ')
        }
      />
    </dl>
  )
}

const hourName = (hour: number) => `${String(hour).padStart(2, '0')}:00`

function Row<T>({
  title,
  of,
  show,
}: {
  title: string
  of: Finding<T>
  show: (value: T) => string
}) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        {of.value === null ? NOTHING : show(of.value)}
        <span className="quiet-text">
          {of.value === null
            ? `not enough data (${of.samples})`
            : `${of.confidence} confidence, ${of.samples} samples`}
        </span>
      </dd>
    </div>
  )
}

/** What is likely to come next, and what that is made of; what could be done with less effort. */
export function Next({ user, tz }: { user: string; tz: string }) {
  const query = useAnswer<NextActions>('/api/insights/next-actions', {
    user_email: user,
    limit: 4,
    tz,
  })
  return (
    <Card title="What comes next" hint={query.data ? madeOf(query.data) : '\u00a0'}>
      <Answered
        query={query}
        height={150}
        isEmpty={(data) => !data.actions.length}
        empty={
          query.data?.opted_out
            ? 'This user does not want predictions to learn from their activity.'
            : 'There is nothing to go by.'
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
            <Suggestions found={data.suggestions} />
          </>
        )}
      </Answered>
    </Card>
  )
}

function Suggestions({ found }: { found: readonly Suggestion[] }) {
  if (!found.length) return null
  return (
    <section className="suggested" aria-labelledby="suggestions">
      <h3 id="suggestions">Suggestions</h3>
      <ul className="suggestions">
        {found.map(({ text, evidence, threshold, event_ids }) => (
          <li key={text}>
            <span>{text}</span>
            <details>
              <summary>
                {evidence.times} of {evidence.out_of} · {evidence.last_week} last week
              </summary>
              <p>
                At least {percent(evidence.lower_bound, 0)} (shown from{' '}
                {percent(threshold.lower_bound, 0)} on)
                {evidence.lift !== null &&
                  `, and ${evidence.lift.toFixed(1)} times as often as otherwise`}
                . The latest:
              </p>
              <code>{event_ids.join(' ')}</code>
            </details>
          </li>
        ))}
      </ul>
    </section>
  )
}

function madeOf(data: NextActions): string {
  if (data.source === 'everybody') return 'by what everybody does'
  if (data.source === 'nothing') return ''
  const after = data.after.map((type) => (type ? words(type).toLowerCase() : 'a session begins'))
  return `${after.length ? `after ${after.join(', ')}; ` : ''}${data.confidence} confidence, ${data.samples} samples`
}
