// A table with CSV export.
import { type ReactNode, useState } from 'react'
import { count, NOTHING } from '../view/format'
import { csv, download } from './csv'

export interface Column<Row> {
  title: string
  /** The exported value; also displayed (with a thousands separator, null as a dash) if `show` is
   *  missing. */
  value: (row: Row) => string | number | null
  show?: (row: Row) => ReactNode
  isNumber?: boolean
}

const ROWS_SHOWN = 50

const display = (value: string | number | null) =>
  typeof value === 'number' ? count(value) : (value ?? NOTHING)

export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  file,
  rowsShown = ROWS_SHOWN,
}: {
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf: (row: Row, index: number) => string
  /** File name of the CSV export; without it, the table has no export. */
  file?: string
  /** Rows displayed before “Show all rows”. */
  rowsShown?: number
}) {
  const [isExpanded, setExpanded] = useState(false)
  const shown = isExpanded ? rows : rows.slice(0, rowsShown)
  return (
    <div className="table-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region needs keyboard focus */}
      <section className="table-scroll" tabIndex={0} aria-label={caption}>
        <table>
          <caption className="visually-hidden">{caption}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.title} scope="col" className={column.isNumber ? 'number' : ''}>
                  {column.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, index) => (
              <tr key={keyOf(row, index)}>
                {columns.map((column) => (
                  <td key={column.title} className={column.isNumber ? 'number' : ''}>
                    {column.show ? column.show(row) : display(column.value(row))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <div className="table-foot">
        {rows.length > shown.length && (
          <button type="button" className="button small quiet" onClick={() => setExpanded(true)}>
            Show all {rows.length} rows
          </button>
        )}
        {file && rows.length > 0 && (
          <button
            type="button"
            className="button small quiet"
            onClick={() => download(`${file}.csv`, csv(columns, rows))}
          >
            Export CSV<span className="visually-hidden"> of {caption}</span>
          </button>
        )}
      </div>
    </div>
  )
}
