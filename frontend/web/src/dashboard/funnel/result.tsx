// The result of a funnel: chart, table and users.
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
import { QueryContent } from '../parts/states'
import { type Column, Table } from '../parts/table'
import { UserLink } from '../parts/user-link'
import { compact, count, moment, NOTHING, percent, span, valueText, words } from '../view/format'

export function Result({ data }: { data: Funnel }) {
  const last = data.steps.at(-1)
  return (
    <div className="stack">
      <div className="stats">
        <Stat
          title="Conversion rate"
          value={percent(data.conversion)}
          note="Of users who entered"
        />
        <Stat title="Entered" value={compact(data.users)} note="Users" />
        <Stat title="Completed" value={compact(data.converted)} note="Users" />
        <Stat
          title="Median time, last step"
          value={span(last?.median_ms ?? null)}
          note="From the previous step"
        />
      </div>
      <Card
        title="Funnel steps"
        hint={`Users who entered after ${moment(data.complete_before, data.timezone)} have less than the full conversion window`}
      >
        <FunnelChart data={data} />
      </Card>
      <Card title="Step details">
        <Steps caption="Funnel steps" file="funnel" steps={data.steps} />
      </Card>
      {data.groups.length > 0 && (
        <Card title="Breakdown" hint="By the value of the first step’s event">
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
              unit: ` users, ${percent(step.share_of_first)} of total`,
            }
          : null
      }),
      series: [
        {
          type: 'funnel',
          sort: 'none',
          gap: 3,
          top: 4,
          // Leaves room for the invisible last item.
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
            // ECharts narrows each step to the width of the next; this item keeps the last step’s width.
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
  const description = data.steps
    .map((step) => `${words(step.event_type)} ${count(step.users)}`)
    .join(', ')
  return (
    <Chart
      kind="funnel"
      label={`Funnel, users per step: ${description}`}
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
    title: 'Of total',
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
    title: 'Drop-off',
    value: (row) => row.dropped,
    show: (row) => (row.dropped === null ? NOTHING : count(row.dropped)),
    isNumber: true,
  },
  {
    title: 'Median time',
    value: (row) => row.median_ms,
    show: (row) => span(row.median_ms),
    isNumber: true,
  },
  {
    title: 'p90 time',
    value: (row) => row.p90_ms,
    show: (row) => span(row.p90_ms),
    isNumber: true,
  },
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
    steps.map((step) => ({ ...step, group: has_value ? valueText(value) : '(not set)' })),
  )
  return (
    <Table
      caption="Funnel steps by group"
      file="funnel-by-group"
      rows={rows}
      keyOf={(row) => `${row.group} ${row.step}`}
      columns={[{ title: 'Group', value: (row) => row.group }, ...COLUMNS]}
    />
  )
}

/** The users who dropped off after a step, or completed it. */
export function UserList({
  steps,
  params,
}: {
  steps: readonly FunnelStep[]
  params: Params & { step: readonly string[] }
}) {
  const [step, setStep] = useState('1')
  const [which, setWhich] = useState<'stopped' | 'reached'>('stopped')
  // The response may still be that of a longer funnel.
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
      title="Users"
      actions={
        <>
          <Choice
            label="Step"
            value={String(at)}
            options={steps.map(
              (row) => [String(row.step), `${row.step}. ${words(row.event_type)}`] as const,
            )}
            onChange={setStep}
          />
          <Choice
            label="Outcome"
            value={which}
            options={[
              ['stopped', 'Dropped off'],
              ['reached', 'Completed'],
            ]}
            onChange={setWhich}
          />
        </>
      }
    >
      <QueryContent query={query} isEmpty={(data) => !data.user_emails?.length} empty="No users.">
        {(data) => (
          <Table
            caption={`Users who ${which === 'stopped' ? 'dropped off after' : 'completed'} step ${at}`}
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
      </QueryContent>
    </Card>
  )
}
