import { useAnalytics } from '../api/queries'
import type { Top } from '../api/types'
import { Card, PageHead } from '../parts/card'
import { Ranked } from '../parts/ranked'
import { Answered } from '../parts/states'
import { UserLink } from '../parts/user-link'
import { count, valueText } from '../view/format'
import { eventsOf, useParam, useView, type View } from '../view/view'

const LISTS = [
  { by: 'event_type', title: 'Types', one: 'Type' },
  { by: 'event_category', title: 'Categories', one: 'Category' },
  { by: 'event_action', title: 'Actions', one: 'Action' },
  { by: 'entity', title: 'Entities', one: 'Entity' },
  { by: 'user', title: 'Users', one: 'User' },
  { by: 'device_type', title: 'Devices', one: 'Device' },
] as const

export default function TopLists() {
  const [view] = useView()
  return (
    <>
      <PageHead title="Top lists">What there is most of.</PageHead>
      <div className="halves">
        {LISTS.map((list) => (
          <List key={list.by} view={view} {...list} />
        ))}
        <MetadataList view={view} />
      </div>
    </>
  )
}

// Ten rows of it.
const LIST_HEIGHT = 564

function List({ view, by, title, one }: { view: View; by: string; title: string; one: string }) {
  const top = useAnalytics<Top>('top', { ...eventsOf(view), by, limit: 10 })
  return (
    <Card title={title} hint={top.data ? `${count(top.data.distinct_values)} in all` : undefined}>
      <Answered query={top} height={LIST_HEIGHT} isEmpty={(data) => !data.rows.length}>
        {(data) => (
          <Ranked
            caption={`${title} with the most events`}
            title={one}
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
      </Answered>
    </Card>
  )
}

function MetadataList({ view }: { view: View }) {
  const [key, setKey] = useParam('key', 'page')
  const top = useAnalytics<Top>('top', { ...eventsOf(view), by: 'metadata', key, limit: 10 })
  return (
    <Card
      title="Values in the metadata"
      hint="the most frequent values of one key"
      actions={
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault()
            const wanted = String(new FormData(event.currentTarget).get('key')).trim()
            if (wanted) setKey(wanted)
          }}
        >
          <label className="field">
            <span>Key</span>
            <input className="input" name="key" defaultValue={key} key={key} required />
          </label>
          <button type="submit" className="button">
            Show
          </button>
        </form>
      }
    >
      <Answered
        query={top}
        height={LIST_HEIGHT}
        isEmpty={(data) => !data.rows.length}
        empty={`No event of this window has ${key} in its metadata.`}
      >
        {(data) => (
          <Ranked
            caption={`Most frequent values of ${key}`}
            title={key}
            data={data}
            file={`top-metadata-${key}`}
          />
        )}
      </Answered>
    </Card>
  )
}
