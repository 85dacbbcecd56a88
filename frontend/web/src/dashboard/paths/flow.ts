// Converts transitions to a sankey: each step has its own nodes, so that the graph is acyclic.
import type { Paths } from '../api/types'

export interface Flow {
  nodes: { name: string; label: string; depth: number }[]
  links: { source: string; target: string; value: number }[]
}

export const END = 'end'
export const OTHERS = 'others'

/** Draws at most `perStep` types per step; all other types are merged into `others`. */
export function flowOf(data: Paths, perStep: number): Flow {
  const isBack = data.direction === 'before'
  const named = namesByStep(data, perStep)
  const nameAt = (step: number, type: string | null) =>
    type === null ? END : named.get(step)?.has(type) ? type : OTHERS
  const nodes = new Map<string, Flow['nodes'][number]>()
  const links = new Map<string, Flow['links'][number]>()
  const node = (step: number, type: string) => {
    const name = `${step}:${type}`
    if (!nodes.has(name))
      nodes.set(name, { name, label: type, depth: isBack ? data.steps - step : step })
    return name
  }
  for (const link of data.links) {
    const from = node(link.step - 1, nameAt(link.step - 1, link.source))
    const to = node(link.step, nameAt(link.step, link.target))
    const [source, target] = isBack ? [to, from] : [from, to]
    const key = `${source}>${target}`
    const known = links.get(key)
    if (known) known.value += link.events
    else links.set(key, { source, target, value: link.events })
  }
  return { nodes: [...nodes.values()], links: [...links.values()] }
}

function namesByStep(data: Paths, perStep: number): Map<number, Set<string>> {
  const counts = new Map<number, Map<string, number>>([[0, new Map([[data.anchor, 1]])]])
  for (const { step, target, events } of data.links) {
    if (target === null) continue
    const at = counts.get(step) ?? new Map<string, number>()
    at.set(target, (at.get(target) ?? 0) + events)
    counts.set(step, at)
  }
  const named = new Map<number, Set<string>>()
  for (const [step, types] of counts)
    named.set(
      step,
      new Set(
        [...types]
          .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
          .slice(0, perStep)
          .map(([type]) => type),
      ),
    )
  return named
}
