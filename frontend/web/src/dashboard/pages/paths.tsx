import { useCallback, useMemo } from 'react'
import { useAnalytics } from '../api/queries'
import type { Paths as Answer, Top } from '../api/types'
import { Chart } from '../charts/chart'
import type { Colors } from '../charts/colors'
import { itemTooltip } from '../charts/tooltip'
import { Card, PageHead } from '../parts/card'
import { Choice, Select } from '../parts/choice'
import { Answered } from '../parts/states'
import { Table } from '../parts/table'
import { END, flowOf, OTHERS } from '../paths/flow'
import { count, percent, valueText, words } from '../view/format'
import { eventsOf, useParam, useView, windowOf } from '../view/view'

const NAMED_PER_STEP = 7
const STEPS = ['1', '2', '3', '4', '5', '6'].map((n) => [n, n] as const)
const GAPS = [
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
  const query = useAnalytics<Answer>(
    'paths',
    anchor ? { ...eventsOf(view), anchor, direction, steps, gap_minutes: gap } : null,
  )
  const options = names.includes(anchor) || !anchor ? names : [anchor, ...names]
  return (
    <>
      <PageHead title="Paths">
        What users do {isAfter ? 'next' : 'before'}, event by event, until they pause.
      </PageHead>
      <Card
        title={
          anchor
            ? `What ${isAfter ? 'follows' : 'precedes'} ${words(anchor).toLowerCase()}`
            : 'Paths'
        }
        hint={query.data ? `${count(query.data.occurrences)} times in this window` : '\u00a0'}
        actions={
          <>
            <div className="types">
              <Select
                label="Type"
                value={anchor}
                options={options.map((name) => [name, name] as const)}
                onChange={setAnchor}
              />
            </div>
            <Select label="Steps" value={steps} options={STEPS} onChange={setSteps} />
            <Select label="A pause is" value={gap} options={GAPS} onChange={setGap} />
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
        <Answered
          query={query}
          height={460}
          isEmpty={(data) => !data.links.length}
          empty={types.data && !anchor ? undefined : 'It did not happen in this window.'}
        >
          {(data) => <Sankey data={data} />}
        </Answered>
      </Card>
      {query.data && query.data.links.length > 0 && (
        <Card title="Every link">
          <Links data={query.data} />
        </Card>
      )}
    </>
  )
}

interface Point {
  dataType: string
  name: string
  value: number
  data: { source?: string; target?: string }
}

function Sankey({ data }: { data: Answer }) {
  const flow = useMemo(() => flowOf(data, NAMED_PER_STEP), [data])
  const option = useCallback(
    (colors: Colors) => {
      const labels = new Map(flow.nodes.map((node) => [node.name, node.label]))
      const said = (name: string) => words(labels.get(name) ?? name)
      return {
        tooltip: itemTooltip(colors, (point: Point) => ({
          name:
            point.dataType === 'edge'
              ? `${said(point.data.source ?? '')} → ${said(point.data.target ?? '')}`
              : said(point.name),
          number: count(point.value),
          of: ' times',
        })),
        series: [
          {
            type: 'sankey',
            left: 4,
            right: 130, // the labels of the last ones
            top: 8,
            bottom: 8,
            nodeGap: 10,
            nodeWidth: 12,
            draggable: false,
            emphasis: { focus: 'adjacency' },
            label: {
              color: colors.text,
              fontSize: 12,
              width: 118,
              overflow: 'truncate',
              formatter: ({ name }: { name: string }) => said(name),
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
    [flow],
  )
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section className="wide-frame" tabIndex={0} aria-label="Flow of the paths">
      <Chart
        kind="sankey"
        label={`Paths ${data.direction} ${words(data.anchor)}: the links stand in the table below`}
        option={option}
        height={460}
      />
    </section>
  )
}

/** A type has one colour in all steps. */
function colorOf(label: string, colors: Colors): string {
  if (label === END) return colors.line
  if (label === OTHERS) return colors.series[7] ?? colors.quiet
  let hash = 0
  for (const letter of label) hash = (hash * 31 + letter.charCodeAt(0)) % 7
  return colors.series[hash] ?? colors.accent
}

function Links({ data }: { data: Answer }) {
  return (
    <Table
      caption="Links of the paths"
      file={`paths-${data.direction}-${data.anchor}`}
      rows={data.links}
      keyOf={(row) => `${row.step} ${row.source} ${row.target}`}
      columns={[
        { title: 'Step', value: (row) => row.step, isNumber: true },
        { title: 'From', value: (row) => row.source, show: (row) => words(row.source) },
        {
          title: 'To',
          value: (row) => row.target,
          show: (row) => (row.target === null ? 'the end' : words(row.target)),
        },
        {
          title: 'Times',
          value: (row) => row.events,
          isNumber: true,
        },
        {
          title: 'Of all',
          value: (row) => row.events / data.occurrences,
          show: (row) => percent(row.events / data.occurrences),
          isNumber: true,
        },
      ]}
    />
  )
}
