// Privacy controls of a user: consent by purpose, data export and deletion.
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useRef, useState } from 'react'
import { get, request } from '../api/client'
import { queryClient } from '../api/queries'
import { Card } from './card'
import { Select } from './choice'
import { save } from './csv'
import { Failure, Loading } from './states'

interface OptOut {
  analytics: boolean
  ai_context: boolean
  learning: boolean
}

interface Receipt {
  receipt_id: string
  erased_at: string
  deleted: Record<string, number>
}

const PURPOSES: readonly [keyof OptOut, string, string][] = [
  ['analytics', 'Analytics', 'Record events and include them in reports'],
  ['ai_context', 'AI context', 'Let AI features read events'],
  ['learning', 'Learning', 'Use events for predictions and patterns'],
]
const FORMATS = [
  ['ndjson', 'NDJSON'],
  ['csv', 'CSV'],
  ['parquet', 'Parquet'],
] as const

export function Privacy({ user }: { user: string }) {
  return (
    <Card title="Privacy" hint="Permitted uses of this user’s data">
      <Purposes user={user} />
      <ExportData user={user} />
      <DeleteData user={user} />
    </Card>
  )
}

function Purposes({ user }: { user: string }) {
  const key = ['opt-out', user]
  // Optimistic values until the response arrives.
  const [pending, setPending] = useState<Partial<OptOut>>({})
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => get<OptOut>('/api/privacy/opt-out', { user_email: user }, signal),
  })
  const change = useMutation({
    mutationFn: async (body: Partial<OptOut>): Promise<OptOut> =>
      (await request('PUT', '/api/privacy/opt-out', { user_email: user }, { body })).json(),
    onSuccess: (response) => {
      queryClient.setQueryData(key, response)
      queryClient.invalidateQueries()
    },
    onSettled: () => setPending({}),
  })
  if (query.isError) return <Failure error={query.error} />
  if (!query.data) return <Loading height={110} />
  const optOut = query.data
  return (
    <fieldset className="purposes" disabled={change.isPending}>
      <legend className="visually-hidden">Purposes</legend>
      {PURPOSES.map(([purpose, title, hint]) => (
        <label key={purpose}>
          <input
            type="checkbox"
            checked={!(pending[purpose] ?? optOut[purpose])}
            onChange={(event) => {
              const choice = { [purpose]: !event.target.checked }
              setPending(choice)
              change.mutate(choice)
            }}
          />
          <span>
            {title} <span className="quiet-text">{hint}</span>
          </span>
        </label>
      ))}
      {change.isError && <Failure error={change.error} />}
    </fieldset>
  )
}

function ExportData({ user }: { user: string }) {
  const [format, setFormat] = useState<(typeof FORMATS)[number][0]>('ndjson')
  const exporting = useMutation({
    mutationFn: async () => {
      const response = await request('GET', '/api/privacy/export', { user_email: user, format })
      save(`${user}.${format}`, await response.blob())
    },
  })
  return (
    <div className="row">
      <Select label="Export user data" value={format} options={FORMATS} onChange={setFormat} />
      <button
        type="button"
        className="button"
        disabled={exporting.isPending}
        onClick={() => exporting.mutate()}
      >
        {exporting.isPending ? 'Preparing …' : 'Download'}
      </button>
      {exporting.isError && <Failure error={exporting.error} />}
    </div>
  )
}

function DeleteData({ user }: { user: string }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [typed, setTyped] = useState('')
  const erase = useMutation({
    mutationFn: async (): Promise<Receipt> =>
      (await request('DELETE', '/api/privacy/user', { user_email: user })).json(),
    // Not returned: the receipt would wait for all of the page’s requests.
    onSuccess: () => {
      queryClient.invalidateQueries()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (typed === user) erase.mutate()
  }
  return (
    <>
      <div className="row">
        <button
          type="button"
          className="button danger"
          onClick={() => {
            erase.reset()
            setTyped('')
            dialog.current?.showModal()
          }}
        >
          Delete user data …
        </button>
      </div>
      <dialog ref={dialog} aria-labelledby="erase-title">
        {erase.data ? (
          <div className="stack">
            <h2 id="erase-title">User data deleted</h2>
            <p>
              Receipt <code>{erase.data.receipt_id}</code>, {erase.data.erased_at}
            </p>
            <dl className="receipt">
              {Object.entries(erase.data.deleted).map(([table, rows]) => (
                <div key={table}>
                  <dt>{table}</dt>
                  <dd>{rows}</dd>
                </div>
              ))}
            </dl>
            <div className="row">
              <button
                type="button"
                className="button"
                onClick={() =>
                  save(
                    `receipt-${erase.data.receipt_id}.json`,
                    new Blob([JSON.stringify(erase.data, null, 2)], { type: 'application/json' }),
                  )
                }
              >
                Download receipt
              </button>
              <button
                type="button"
                className="button primary"
                onClick={() => dialog.current?.close()}
              >
                Done
              </button>
            </div>
          </div>
        ) : (
          <form className="stack" onSubmit={submit}>
            <h2 id="erase-title">Delete all data of {user}?</h2>
            <p>
              Their events and sessions are permanently deleted, and all reports are recalculated
              without them. This can’t be undone.
            </p>
            <label className="field">
              <span>Type the email to confirm</span>
              <input
                className="input"
                value={typed}
                autoComplete="off"
                onChange={(event) => setTyped(event.target.value)}
              />
            </label>
            {erase.isError && <Failure error={erase.error} />}
            <div className="row">
              <button
                type="submit"
                className="button danger"
                disabled={typed !== user || erase.isPending}
              >
                {erase.isPending ? 'Deleting …' : 'Delete user data'}
              </button>
              <button type="button" className="button" onClick={() => dialog.current?.close()}>
                Cancel
              </button>
            </div>
          </form>
        )}
      </dialog>
    </>
  )
}
