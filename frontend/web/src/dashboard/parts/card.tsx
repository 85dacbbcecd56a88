import { type ReactNode, useId } from 'react'

/** A section of a page: title, hint, actions and content. */
export function Card({
  title,
  hint,
  actions,
  children,
  className = '',
}: {
  title: string
  hint?: ReactNode
  actions?: ReactNode
  children: ReactNode
  className?: string
}) {
  const id = useId()
  return (
    <section className={`card ${className}`} aria-labelledby={id}>
      <header className="card-head">
        <div>
          <h2 id={id}>{title}</h2>
          {hint && <p className="quiet-text">{hint}</p>}
        </div>
        {actions && <div className="card-actions">{actions}</div>}
      </header>
      {children}
    </section>
  )
}

/** The title and description of a page. */
export function PageHead({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="page-head">
      <h1>{title}</h1>
      {children && <p className="quiet-text">{children}</p>}
    </div>
  )
}
