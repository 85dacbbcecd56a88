import { useSearchParams } from 'wouter'
import { useAnalytics } from '../api/queries'
import type { Funnel as Answer, Top } from '../api/types'
import { Builder, type Rules } from '../funnel/builder'
import '../funnel/funnel.css'
import { Result, Who } from '../funnel/result'
import { formatStep, parseStep, STEPS_MIN, stepsToBeginWith } from '../funnel/steps'
import { Card, PageHead } from '../parts/card'
import { Answered, Empty } from '../parts/states'
import { valueText } from '../view/format'
import { eventsOf, useView, windowOf } from '../view/view'

const WITHIN_DEFAULT = 10_080

export default function Funnel() {
  const [view, change] = useView()
  const [search] = useSearchParams()
  const types = useAnalytics<Top>('top', { ...windowOf(view), by: 'event_type', limit: 100 })
  const names = types.data?.rows.map((row) => valueText(row.value)) ?? []
  const given = search.getAll('step')
  const steps = given.length >= STEPS_MIN ? given : stepsToBeginWith(names)
  const rules: Rules = {
    withinMinutes: Number(search.get('within_minutes')) || WITHIN_DEFAULT,
    order: search.get('order') === 'strict' ? 'strict' : 'loose',
    splitBy: search.get('split_by') ?? '',
    key: search.get('key') ?? '',
  }
  const params = {
    ...eventsOf(view),
    step: steps,
    within_minutes: rules.withinMinutes,
    order: rules.order,
    split_by: rules.splitBy,
    key: rules.key,
  }
  const isReady = steps.length >= STEPS_MIN
  const query = useAnalytics<Answer>('funnel', isReady ? params : null)
  return (
    <>
      <PageHead title="Funnel">
        Of the users at the first step, how many go on: each counts once, by their best way through.
      </PageHead>
      <Card title="Steps">
        {!isReady && types.data ? (
          <Empty>Fewer than two types of events happened in this window.</Empty>
        ) : isReady ? (
          <Builder
            steps={steps.map(parseStep)}
            rules={rules}
            types={names}
            onSteps={(wanted) => change({ step: wanted.map(formatStep) })}
            onRules={(wanted) => {
              const after = { ...rules, ...wanted }
              change({
                step: steps,
                within_minutes: after.withinMinutes === WITHIN_DEFAULT ? null : after.withinMinutes,
                order: after.order === 'loose' ? null : after.order,
                split_by: after.splitBy || null,
                key: after.key || null,
              })
            }}
          />
        ) : (
          <div className="loading funnel-loading" role="status" />
        )}
      </Card>
      {isReady && (
        <Answered
          query={query}
          height={360}
          isEmpty={(data) => !data.users}
          empty="Nobody came to the first step."
        >
          {(data) => <Result data={data} />}
        </Answered>
      )}
      {query.data && query.data.users > 0 && <Who steps={query.data.steps} params={params} />}
    </>
  )
}
