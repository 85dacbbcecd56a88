import { useAnalytics } from '../api/queries'
import type { Top } from '../api/types'
import { Card, PageHead } from '../parts/card'
import { Ranked } from '../parts/ranked'
import { QueryContent } from '../parts/states'
import { UserLink } from '../parts/user-link'
import { count, valueText } from '../view/format'
import { eventsOf, useParam, useView, type View } from '../view/view'

const LISTS = [
  { by: 'event_type', title: 'Events', singular: 'Event' },
  { by: 'event_category', title: 'Categories', singular: 'Category' },
  { by: 'event_action', title: 'Actions', singular: 'Action' },
  { by: 'entity', title: 'Entities', singular: 'Entity' },
  { by: 'user', title: 'Users', singular: 'User' },
  { by: 'device_type', title: 'Devices', singular: 'Device' },
] as const

export default function Breakdowns() {
  const [view] = useView()
  return (
    <>
      <PageHead title="Breakdowns">Top events, users, entities and properties.</PageHead>
      <div className="halves">
        {LISTS.map((list) => (
          <BreakdownCard key={list.by} view={view} {...list} />
        ))}
        <PropertyCard view={view} />
      </div>
    </>
  )
}

// The height of ten rows.
const LIST_HEIGHT = 564

function BreakdownCard({
  view,
  by,
  title,
  singular,
}: {
  view: View
  by: string
  title: string
  singular: string
}) {
  const top = useAnalytics<Top>('top', { ...eventsOf(view), by, limit: 10 })
  return (
    <Card title={title} hint={top.data ? `${count(top.data.distinct_values)} total` : undefined}>
      <QueryContent query={top} height={LIST_HEIGHT} isEmpty={(data) => !data.rows.length}>
        {(data) => (
          <Ranked
            caption={`Top ${title.toLowerCase()}`}
            title={singular}
            data={data}
            file={`top-${title.toLowerCase()}`}
            show={(row) =>
              by === 'user' && typeof row.value === 'string' ? (
                <UserLink email={row.value} />
              ) : row.entity_type ? (
                `${row.entity_type}/${row.value}`
              ) : (
                valueText(row.value)
              )
            }
          />
        )}
      </QueryContent>
    </Card>
  )
}

function PropertyCard({ view }: { view: View }) {
  const [key, setKey] = useParam('key', 'page')
  const top = useAnalytics<Top>('top', { ...eventsOf(view), by: 'metadata', key, limit: 10 })
  return (
    <Card
      title="Properties"
      hint="Top values of a property"
      actions={
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault()
            const text = String(new FormData(event.currentTarget).get('key')).trim()
            if (text) setKey(text)
          }}
        >
          <label className="field">
            <span>Property</span>
            <input className="input" name="key" defaultValue={key} key={key} required />
          </label>
          <button type="submit" className="button">
            Show
          </button>
        </form>
      }
    >
      <QueryContent
        query={top}
        height={LIST_HEIGHT}
        isEmpty={(data) => !data.rows.length}
        empty={`No event in this period has the property “${key}”.`}
      >
        {(data) => (
          <Ranked
            caption={`Top values of ${key}`}
            title={key}
            data={data}
            file={`top-metadata-${key}`}
          />
        )}
      </QueryContent>
    </Card>
  )
}
