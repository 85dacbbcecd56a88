// Heatmap of weekday and hour.
import { useCallback } from 'react'
import type { Heatmap } from '../api/types'
import { count } from '../view/format'
import { Chart, categoryAxis } from './chart'
import type { Colors } from './colors'
import { itemTooltip } from './tooltip'

const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0'))
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

export function Week({ data, height = 250 }: { data: Heatmap; height?: number }) {
  const option = useCallback(
    (colors: Colors) => ({
      grid: { left: 4, right: 8, top: 8, bottom: 4, containLabel: true },
      tooltip: itemTooltip(colors, ({ value }: { value: [number, number, number] }) => ({
        name: `${DAYS[6 - value[1]]} ${HOURS[value[0]]}:00–${HOURS[value[0]]}:59`,
        number: count(value[2]),
        unit: ' events',
      })),
      xAxis: categoryAxis(colors, HOURS, { splitArea: { show: false } }),
      yAxis: categoryAxis(colors, [...DAYS].reverse()),
      visualMap: {
        show: false,
        min: 0,
        max: Math.max(1, ...data.events.flat()),
        inRange: { color: colors.heat },
      },
      series: [
        {
          type: 'heatmap',
          data: data.events.flatMap((hours, day) =>
            hours.map((events, hour) => [hour, 6 - day, events]),
          ),
          itemStyle: { borderColor: colors.surface, borderWidth: 2, borderRadius: 3 },
        },
      ],
    }),
    [data],
  )
  return <Chart kind="heatmap" label={labelOf(data)} option={option} height={height} />
}

function labelOf(data: Heatmap): string {
  let [peak, day, hour] = [0, 0, 0]
  data.events.forEach((hours, d) => {
    hours.forEach((events, h) => {
      if (events > peak) [peak, day, hour] = [events, d, h]
    })
  })
  return peak
    ? `Events by weekday and hour; peak: ${data.weekdays[day]} ${HOURS[hour]}:00, ${count(peak)} events`
    : 'Events by weekday and hour: no events'
}
