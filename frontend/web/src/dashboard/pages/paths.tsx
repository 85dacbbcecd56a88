import { useCallback, useMemo } from 'react'
import { useAnalytics } from '../api/queries'
import type { Paths as Data, Top } from '../api/types'
import { Chart } from '../charts/chart'
import type { Colors } from '../charts/colors'
import { itemTooltip } from '../charts/tooltip'
import { Card, PageHead } from '../parts/card'
import { Choice, Select } from '../parts/choice'
import { QueryContent } from '../parts/states'
import { Table } from '../parts/table'
import { END, flowOf, OTHERS } from '../paths/flow'
import { count, percent, valueText, words } from '../view/format'
import { eventsOf, useParam, useView, windowOf } from '../view/view'

const NODES_PER_STEP = 7
const STEPS = ['1', '2', '3', '4', '5', '6'].map((n) => [n, n] as const)
const TIMEOUTS = [
  ['5', '5 minutes'],
  ['30', '30 minutes'],
  ['60', '1 hour'],
  ['1440', '1 day'],
] as const

export default function Paths() {
  const [view] = useView()
  const types = useAnalytics<Top>('top', { ...windowOf(view), by: 'event_type', limit: 100 })
  const names = types.data?.rows.map((row) => valueText(row.value)) ?? []
  const [anchor, setAnchor] = useParam('anchor', names[0] ?? '')
  const [direction, setDirection] = useParam('direction', 'after')
  const [steps, setSteps] = useParam('steps', '3')
  const [gap, setGap] = useParam('gap_minutes', '30')
  const isAfter = direction === 'after'
  const query = useAnalytics<Data>(
    'paths',
    anchor ? { ...eventsOf(view), anchor, direction, steps, gap_minutes: gap } : null,
  )
  const options = names.includes(anchor) || !anchor ? names : [anchor, ...names]
  return (
    <>
      <PageHead title="Paths">
        What users do {isAfter ? 'after' : 'before'} an event, until the end of their session.
      </PageHead>
      <Card
        title={anchor ? `Paths ${isAfter ? 'after' : 'before'} ${anchor}` : 'Paths'}
        hint={query.data ? `${count(query.data.occurrences)} occurrences in this period` : '\u00a0'}
        actions={
          <>
            <div className="types">
              <Select
                label="Event"
                value={anchor}
                options={options.map((name) => [name, name] as const)}
                onChange={setAnchor}
              />
            </div>
            <Select label="Steps" value={steps} options={STEPS} onChange={setSteps} />
            <Select label="Session timeout" value={gap} options={TIMEOUTS} onChange={setGap} />
            <Choice
              label="Direction"
              value={direction}
              options={[
                ['before', 'Before'],
                ['after', 'After'],
              ]}
              onChange={setDirection}
            />
          </>
        }
      >
        <QueryContent
          query={query}
          height={460}
          isEmpty={(data) => !data.links.length}
          empty={types.data && !anchor ? undefined : 'No matching events in this period.'}
        >
          {(data) => <Sankey data={data} />}
        </QueryContent>
      </Card>
      {query.data && query.data.links.length > 0 && (
        <Card title="All transitions">
          <Links data={query.data} />
        </Card>
      )}
    </>
  )
}

interface ChartPoint {
  dataType: string
  name: string
  value: number
  data: { source?: string; target?: string }
}

function Sankey({ data }: { data: Data }) {
  const flow = useMemo(() => flowOf(data, NODES_PER_STEP), [data])
  const option = useCallback(
    (colors: Colors) => {
      const labels = new Map(flow.nodes.map((node) => [node.name, node.label]))
      const nameOf = (node: string) => labelName(labels.get(node) ?? node, data)
      return {
        tooltip: itemTooltip(colors, (point: ChartPoint) => ({
          name:
            point.dataType === 'edge'
              ? `${nameOf(point.data.source ?? '')} → ${nameOf(point.data.target ?? '')}`
              : nameOf(point.name),
          number: count(point.value),
          unit: ' times',
        })),
        series: [
          {
            type: 'sankey',
            left: 4,
            right: 130, // space for the labels of the last step
            top: 8,
            bottom: 8,
            nodeGap: 16, // a label’s height: those of small nodes do not touch
            nodeWidth: 12,
            draggable: false,
            emphasis: { focus: 'adjacency' },
            label: {
              color: colors.text,
              fontSize: 12,
              width: 118,
              overflow: 'truncate',
              formatter: ({ name }: { name: string }) => nameOf(name),
            },
            lineStyle: { color: 'source', opacity: 0.28, curveness: 0.5 },
            data: flow.nodes.map((node) => ({
              name: node.name,
              depth: node.depth,
              itemStyle: { color: colorOf(node.label, colors), borderWidth: 0 },
            })),
            links: flow.links,
          },
        ],
      }
    },
    [flow, data],
  )
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region needs keyboard focus
    <section className="wide-frame" tabIndex={0} aria-label="Paths chart">
      <Chart
        kind="sankey"
        label={`Paths ${data.direction} ${words(data.anchor)}; the table below has the same data`}
        option={option}
        height={460}
      />
    </section>
  )
}

/** The text of a node’s label. */
function labelName(label: string, data: Data): string {
  if (label === END) return data.direction === 'before' ? 'Session start' : 'Session end'
  return label === OTHERS ? 'Other' : words(label)
}

/** An event type has the same colour in all steps. */
function colorOf(label: string, colors: Colors): string {
  if (label === END) return colors.line
  if (label === OTHERS) return colors.series[7] ?? colors.quiet
  let hash = 0
  for (const letter of label) hash = (hash * 31 + letter.charCodeAt(0)) % 7
  return colors.series[hash] ?? colors.accent
}

function Links({ data }: { data: Data }) {
  return (
    <Table
      caption="Transitions"
      file={`paths-${data.direction}-${data.anchor}`}
      rows={data.links}
      keyOf={(row) => `${row.step} ${row.source} ${row.target}`}
      columns={[
        { title: 'Step', value: (row) => row.step, isNumber: true },
        { title: 'From', value: (row) => row.source, show: (row) => words(row.source) },
        {
          title: 'To',
          value: (row) => row.target,
          show: (row) => labelName(row.target ?? END, data),
        },
        {
          title: 'Count',
          value: (row) => row.events,
          isNumber: true,
        },
        {
          title: 'Share',
          value: (row) => row.events / data.occurrences,
          show: (row) => percent(row.events / data.occurrences),
          isNumber: true,
        },
      ]}
    />
  )
}
