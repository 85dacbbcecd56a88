// What a chart says of a point: text nodes alone. Names come from events, and are never HTML.
import type { Colors } from './colors'

interface AxisPoint {
  axisValueLabel?: string
  name: string
  seriesName: string
  color: unknown
  value: unknown
}

/** Of one point or bar: a name, a number, and what the number counts. */
export function itemTooltip<Point>(
  colors: Colors,
  said: (point: Point) => { name: string; number: string; of: string } | null,
) {
  return tooltip(colors, 'item', (point: Point) => {
    const parts = said(point)
    return parts
      ? [
          element('div', '', parts.name),
          element('div', '', element('b', '', parts.number), parts.of),
        ]
      : []
  })
}

/** Of all series at one place of the axis. */
export function axisTooltip(colors: Colors, format: (value: unknown) => string) {
  return tooltip(colors, 'axis', (points: readonly AxisPoint[]) => [
    element('div', '', points[0]?.axisValueLabel ?? points[0]?.name ?? ''),
    ...points.map((point) => {
      const dot = element('i', 'tooltip-dot')
      dot.style.backgroundColor = String(point.color)
      return element(
        'div',
        'tooltip-row',
        dot,
        element('span', '', point.seriesName),
        element('b', '', format(point.value)),
      )
    }),
  ])
}

function tooltip<Points>(
  colors: Colors,
  trigger: 'axis' | 'item',
  formatter: (points: Points) => HTMLElement[],
) {
  return {
    trigger,
    confine: true,
    className: 'tooltip',
    backgroundColor: colors.surface,
    borderColor: colors.line,
    textStyle: { color: colors.text, fontSize: 13 },
    formatter,
  }
}

function element(name: string, className: string, ...children: (string | Node)[]): HTMLElement {
  const made = document.createElement(name)
  if (className) made.className = className
  made.append(...children)
  return made
}
