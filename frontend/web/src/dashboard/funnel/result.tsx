// What came of a funnel: drawn, in numbers, and who.
import { useCallback, useState } from 'react'
import type { Params } from '../api/client'
import { useAnalytics } from '../api/queries'
import type { Funnel, FunnelStep } from '../api/types'
import { Chart } from '../charts/chart'
import type { Colors } from '../charts/colors'
import { itemTooltip } from '../charts/tooltip'
import { Card } from '../parts/card'
import { Choice } from '../parts/choice'
import { Stat } from '../parts/stat'
import { Answered } from '../parts/states'
import { type Column, Table } from '../parts/table'
import { UserLink } from '../parts/user-link'
import { compact, count, moment, NOTHING, percent, span, valueText, words } from '../view/format'

export function Result({ data }: { data: Funnel }) {
  const last = data.steps.at(-1)
  return (
    <div className="stack">
      <div className="stats">
        <Stat
          title="Conversion"
          value={percent(data.conversion)}
          note="of those at the first step"
        />
        <Stat title="Began" value={compact(data.users)} note="users" />
        <Stat title="Converted" value={compact(data.converted)} note="users" />
        <Stat
          title="Median of the last step"
          value={span(last?.median_ms ?? null)}
          note="from the one before"
        />
      </div>
      <Card
        title="Step by step"
        hint={`Users who entered after ${moment(data.complete_before, data.timezone)} have not had the full conversion window yet`}
      >
        <FunnelChart data={data} />
      </Card>
      <Card title="In numbers">
        <Steps caption="The funnel’s steps" file="funnel" steps={data.steps} />
      </Card>
      {data.groups.length > 0 && (
        <Card title="By group" hint="of the event of the first step">
          <Groups data={data} />
        </Card>
      )}
    </div>
  )
}

const STEP_HEIGHT = 60

function FunnelChart({ data }: { data: Funnel }) {
  const option = useCallback(
    (colors: Colors) => ({
      tooltip: itemTooltip(colors, ({ dataIndex }: { dataIndex: number }) => {
        const step = data.steps[dataIndex]
        return step
          ? {
              name: `${dataIndex + 1}. ${words(step.event_type)}`,
              number: count(step.users),
              of: ` users, ${percent(step.share_of_first)} of the first`,
            }
          : null
      }),
      series: [
        {
          type: 'funnel',
          sort: 'none',
          gap: 3,
          top: 4,
          // The last, invisible one hangs over.
          bottom: -STEP_HEIGHT,
          left: 4,
          right: '42%',
          minSize: '2%',
          max: Math.max(1, data.users),
          label: {
            position: 'right',
            color: colors.text,
            opacity: 1,
            fontSize: 13,
            formatter: ({ dataIndex }: { dataIndex: number }) => {
              const step = data.steps[dataIndex]
              return step ? `${words(step.event_type)}  ${percent(step.share_of_first, 0)}` : ''
            },
          },
          labelLine: { length: 14, lineStyle: { color: colors.line } },
          itemStyle: { borderWidth: 0 },
          data: [
            ...data.steps.map((step, index) => ({
              name: `${index + 1}. ${step.event_type}`,
              value: step.users,
              itemStyle: { color: colors.accent, opacity: 1 - (index * 0.6) / data.steps.length },
            })),
            // A step is drawn down to the width of the next one: that of the last is its own.
            {
              name: '',
              value: data.steps.at(-1)?.users ?? 0,
              itemStyle: { opacity: 0 },
              label: { show: false },
              labelLine: { show: false },
              tooltip: { show: false },
              emphasis: { disabled: true },
            },
          ],
        },
      ],
    }),
    [data],
  )
  const said = data.steps.map((step) => `${words(step.event_type)} ${count(step.users)}`).join(', ')
  return (
    <Chart
      kind="funnel"
      label={`Funnel, users by step: ${said}`}
      option={option}
      height={data.steps.length * STEP_HEIGHT + 8}
    />
  )
}

const COLUMNS: Column<FunnelStep>[] = [
  {
    title: 'Step',
    value: (row) => row.event_type,
    show: (row) => `${row.step}. ${words(row.event_type)}`,
  },
  { title: 'Users', value: (row) => row.users, isNumber: true },
  {
    title: 'Of first',
    value: (row) => row.share_of_first,
    show: (row) => percent(row.share_of_first),
    isNumber: true,
  },
  {
    title: 'Of previous',
    value: (row) => row.share_of_previous,
    show: (row) => percent(row.share_of_previous),
    isNumber: true,
  },
  {
    title: 'Dropped',
    value: (row) => row.dropped,
    show: (row) => (row.dropped === null ? NOTHING : count(row.dropped)),
    isNumber: true,
  },
  {
    title: 'Median',
    value: (row) => row.median_ms,
    show: (row) => span(row.median_ms),
    isNumber: true,
  },
  { title: 'p90', value: (row) => row.p90_ms, show: (row) => span(row.p90_ms), isNumber: true },
]

function Steps({ caption, file, steps }: { caption: string; file: string; steps: FunnelStep[] }) {
  return (
    <Table
      caption={caption}
      file={file}
      rows={steps}
      keyOf={(row) => String(row.step)}
      columns={COLUMNS}
    />
  )
}

interface GroupStep extends FunnelStep {
  group: string
}

function Groups({ data }: { data: Funnel }) {
  const rows: GroupStep[] = data.groups.flatMap(({ value, has_value, steps }) =>
    steps.map((step) => ({ ...step, group: has_value ? valueText(value) : 'none' })),
  )
  return (
    <Table
      caption="The funnel’s steps by group"
      file="funnel-by-group"
      rows={rows}
      keyOf={(row) => `${row.group} ${row.step}`}
      columns={[{ title: 'Group', value: (row) => row.group }, ...COLUMNS]}
    />
  )
}

/** Who stopped at a step, or reached it. */
export function Who({
  steps,
  params,
}: {
  steps: readonly FunnelStep[]
  params: Params & { step: readonly string[] }
}) {
  const [step, setStep] = useState('1')
  const [which, setWhich] = useState<'stopped' | 'reached'>('stopped')
  // The answer may still be that of a longer funnel.
  const at = Math.min(Number(step), steps.length, params.step.length)
  const query = useAnalytics<Funnel>('funnel', {
    ...params,
    split_by: '',
    key: '',
    users_at: at,
    users: which,
  })
  return (
    <Card
      title="Who"
      actions={
        <>
          <Choice
            label="Step"
            value={String(at)}
            options={steps.map(
              (each) => [String(each.step), `${each.step}. ${words(each.event_type)}`] as const,
            )}
            onChange={setStep}
          />
          <Choice
            label="Which users"
            value={which}
            options={[
              ['stopped', 'stopped there'],
              ['reached', 'reached it'],
            ]}
            onChange={setWhich}
          />
        </>
      }
    >
      <Answered query={query} isEmpty={(data) => !data.user_emails?.length} empty="Nobody.">
        {(data) => (
          <Table
            caption={`Users who ${which} at step ${at}`}
            file={`funnel-${which}-${at}`}
            rows={data.user_emails ?? []}
            keyOf={(email) => email}
            columns={[
              {
                title: 'User',
                value: (email) => email,
                show: (email) => <UserLink email={email} />,
              },
            ]}
          />
        )}
      </Answered>
    </Card>
  )
}
