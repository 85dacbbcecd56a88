// Chart tooltips, made of text nodes: names come from events and must never become HTML.
import type { Colors } from './colors'

interface AxisPoint {
  axisValueLabel?: string
  name: string
  seriesName: string
  color: unknown
  value: unknown
}

/** Tooltip of one point or bar: a name, a number and its unit. */
export function itemTooltip<Point>(
  colors: Colors,
  contentOf: (point: Point) => { name: string; number: string; unit: string } | null,
) {
  return tooltip(colors, 'item', (point: Point) => {
    const parts = contentOf(point)
    return parts
      ? [
          element('div', '', parts.name),
          element('div', '', element('b', '', parts.number), parts.unit),
        ]
      : []
  })
}

/** Tooltip of all series at one position of the axis. */
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
  const node = document.createElement(name)
  if (className) node.className = className
  node.append(...children)
  return node
}
