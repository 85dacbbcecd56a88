// A table of rows, which can be had as CSV.
import { type ReactNode, useState } from 'react'
import { count, NOTHING } from '../view/format'
import { csv, download } from './csv'

export interface Column<Row> {
  title: string
  /** What is exported, and shown (a number with its thousands, what isn't there as a dash) unless
   *  `show` is there. */
  value: (row: Row) => string | number | null
  show?: (row: Row) => ReactNode
  isNumber?: boolean
}

const ROWS_SHOWN = 50

const plain = (value: string | number | null) =>
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
  /** The name of the file that it becomes; without it, it can't be had as one. */
  file?: string
  /** At first; the rest on request. */
  rowsShown?: number
}) {
  const [isWhole, setWhole] = useState(false)
  const shown = isWhole ? rows : rows.slice(0, rowsShown)
  return (
    <div className="table-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
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
                    {column.show ? column.show(row) : plain(column.value(row))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <div className="table-foot">
        {rows.length > shown.length && (
          <button type="button" className="button small quiet" onClick={() => setWhole(true)}>
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
