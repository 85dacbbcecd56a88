// Small components of several pages.
import type { ReactNode } from 'react'
import type { Label, Priority } from '../state/types'

const LABEL_COLORS: Record<Label, string> = {
  customer: 'var(--series-3)',
  team: 'var(--series-1)',
  finance: 'var(--series-5)',
  newsletter: 'var(--series-4)',
}

const PRIORITY_COLORS: Record<Priority, string> = {
  low: 'var(--series-8)',
  medium: 'var(--series-6)',
  high: 'var(--series-2)',
  urgent: 'var(--series-7)',
}

export const titled = (word: string) => word.charAt(0).toUpperCase() + word.slice(1)

/** The color accompanies the text and never replaces it. */
export function Tag({ color, children }: { color: string; children: ReactNode }) {
  return (
    <span className="tag">
      <span className="tag-dot" style={{ background: color }} aria-hidden="true" />
      {children}
    </span>
  )
}

export const LabelTag = ({ label }: { label: Label }) => (
  <Tag color={LABEL_COLORS[label]}>{titled(label)}</Tag>
)

export const PriorityTag = ({ priority }: { priority: Priority }) => (
  <Tag color={PRIORITY_COLORS[priority]}>{titled(priority)}</Tag>
)

export function Progress({ done, all, name }: { done: number; all: number; name: string }) {
  return (
    <div className="progress">
      <progress max={all || 1} value={done} aria-label={`Progress: ${name}`} />
      <span className="quiet-text">
        {done} of {all}
      </span>
    </div>
  )
}

export function PageHead({
  title,
  hint,
  children,
}: {
  title: string
  hint?: ReactNode
  children?: ReactNode
}) {
  return (
    <div className="page-head">
      <div>
        <h1>{title}</h1>
        {hint && <p className="hint">{hint}</p>}
      </div>
      {children && <div className="page-actions">{children}</div>}
    </div>
  )
}

export function NotFound({ title }: { title: string }) {
  return <p className="card empty">{title} not found.</p>
}

/** A person's initials. */
export function Avatar({ name }: { name: string }) {
  const initials = name
    .split(' ')
    .map((word) => word.charAt(0))
    .slice(0, 2)
    .join('')
  return (
    <span className="avatar" aria-hidden="true">
      {initials}
    </span>
  )
}
