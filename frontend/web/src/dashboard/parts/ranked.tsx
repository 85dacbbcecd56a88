// A ranked table of values with counts and shares.
import { Fragment, type ReactNode } from 'react'
import type { Top, TopRow } from '../api/types'
import { percent, valueText } from '../view/format'
import { Table } from './table'

export function Ranked({
  caption,
  data,
  file,
  title,
  show = (row) => <Breakable text={valueText(row.value)} />,
}: {
  caption: string
  data: Top
  file: string
  title: string
  show?: (row: TopRow) => ReactNode
}) {
  const maxShare = Math.max(...data.rows.map((row) => row.share), 0.0001)
  return (
    <Table
      caption={caption}
      file={file}
      rows={data.rows}
      keyOf={(row) => `${row.entity_type ?? ''}/${JSON.stringify(row.value)}`}
      columns={[
        {
          title,
          value: (row) =>
            row.entity_type ? `${row.entity_type}/${row.value}` : valueText(row.value),
          show: (row) => (
            <div className="ranked">
              <span>{show(row)}</span>
              <span className="share-bar" style={{ width: `${(row.share / maxShare) * 100}%` }} />
            </div>
          ),
        },
        {
          title: 'Events',
          value: (row) => row.events,
          isNumber: true,
        },
        {
          title: 'Share',
          value: (row) => row.share,
          show: (row) => percent(row.share),
          isNumber: true,
        },
      ]}
    />
  )
}

/** A name that breaks after its underscores, where it has to. */
function Breakable({ text }: { text: string }) {
  const parts = text.split('_')
  return parts.map((part, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the parts never move
    <Fragment key={index}>
      {index > 0 && (
        <>
          _<wbr />
        </>
      )}
      {part}
    </Fragment>
  ))
}
