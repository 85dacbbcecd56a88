import { useSearchParams } from 'wouter'
import { useAnalytics } from '../api/queries'
import type { Funnel as Data, Top } from '../api/types'
import { Builder, type Rules } from '../funnel/builder'
import '../funnel/funnel.css'
import { Result, UserList } from '../funnel/result'
import { defaultSteps, formatStep, parseStep, STEPS_MIN } from '../funnel/steps'
import { Card, PageHead } from '../parts/card'
import { Empty, QueryContent } from '../parts/states'
import { valueText } from '../view/format'
import { eventsOf, useView, windowOf } from '../view/view'

const WITHIN_DEFAULT = 10_080

export default function Funnel() {
  const [view, change] = useView()
  const [search] = useSearchParams()
  const types = useAnalytics<Top>('top', { ...windowOf(view), by: 'event_type', limit: 100 })
  const names = types.data?.rows.map((row) => valueText(row.value)) ?? []
  const chosenSteps = search.getAll('step')
  const steps = chosenSteps.length >= STEPS_MIN ? chosenSteps : defaultSteps(names)
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
  const query = useAnalytics<Data>('funnel', isReady ? params : null)
  return (
    <>
      <PageHead title="Funnel">
        How many users get from each step to the next. Each user is counted once.
      </PageHead>
      <Card title="Steps">
        {!isReady && types.data ? (
          <Empty>You need at least two event types in this period to build a funnel.</Empty>
        ) : isReady ? (
          <Builder
            steps={steps.map(parseStep)}
            rules={rules}
            types={names}
            onSteps={(changed) => change({ step: changed.map(formatStep) })}
            onRules={(changed) => {
              const after = { ...rules, ...changed }
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
        <QueryContent
          query={query}
          height={360}
          isEmpty={(data) => !data.users}
          empty="No users entered this funnel."
        >
          {(data) => <Result data={data} />}
        </QueryContent>
      )}
      {query.data && query.data.users > 0 && <UserList steps={query.data.steps} params={params} />}
    </>
  )
}
