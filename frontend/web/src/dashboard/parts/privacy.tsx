// What a user may decide about their own data: what it is used for, a copy of it, and its end.
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
  ['analytics', 'Analytics', 'recording what they do, and counting it'],
  ['ai_context', 'AI context', 'assistants may read it'],
  ['learning', 'Learning', 'predictions may learn from it'],
]
const FORMATS = [
  ['ndjson', 'NDJSON'],
  ['csv', 'CSV'],
  ['parquet', 'Parquet'],
] as const

export function Privacy({ user }: { user: string }) {
  return (
    <Card title="Privacy" hint="what this user’s data is used for">
      <Purposes user={user} />
      <Copy user={user} />
      <Erase user={user} />
    </Card>
  )
}

function Purposes({ user }: { user: string }) {
  const key = ['opt-out', user]
  // As it was just set, before the answer is there.
  const [wanted, setWanted] = useState<Partial<OptOut>>({})
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => get<OptOut>('/api/privacy/opt-out', { user_email: user }, signal),
  })
  const change = useMutation({
    mutationFn: async (body: Partial<OptOut>): Promise<OptOut> =>
      (await request('PUT', '/api/privacy/opt-out', { user_email: user }, { body })).json(),
    onSuccess: (answer) => {
      queryClient.setQueryData(key, answer)
      queryClient.invalidateQueries()
    },
    onSettled: () => setWanted({}),
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
            checked={!(wanted[purpose] ?? optOut[purpose])}
            onChange={(event) => {
              const choice = { [purpose]: !event.target.checked }
              setWanted(choice)
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

function Copy({ user }: { user: string }) {
  const [format, setFormat] = useState<(typeof FORMATS)[number][0]>('ndjson')
  const copy = useMutation({
    mutationFn: async () => {
      const response = await request('GET', '/api/privacy/export', { user_email: user, format })
      save(`${user}.${format}`, await response.blob())
    },
  })
  return (
    <div className="row">
      <Select label="A copy of all of it" value={format} options={FORMATS} onChange={setFormat} />
      <button
        type="button"
        className="button"
        disabled={copy.isPending}
        onClick={() => copy.mutate()}
      >
        {copy.isPending ? 'Preparing …' : 'Download'}
      </button>
      {copy.isError && <Failure error={copy.error} />}
    </div>
  )
}

function Erase({ user }: { user: string }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [typed, setTyped] = useState('')
  const erase = useMutation({
    mutationFn: async (): Promise<Receipt> =>
      (await request('DELETE', '/api/privacy/user', { user_email: user })).json(),
    // Not returned: the receipt would wait until all of the page is asked for again.
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
          Erase everything …
        </button>
      </div>
      <dialog ref={dialog} aria-labelledby="erase-title">
        {erase.data ? (
          <div className="stack">
            <h2 id="erase-title">Erased</h2>
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
                Download the receipt
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
            <h2 id="erase-title">Erase everything of {user}?</h2>
            <p>
              Their events, sessions and totals are deleted for good, and what is counted is counted
              again without them. There is no way back.
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
                {erase.isPending ? 'Erasing …' : 'Erase for good'}
              </button>
              <button type="button" className="button" onClick={() => dialog.current?.close()}>
                Keep it
              </button>
            </div>
          </form>
        )}
      </dialog>
    </>
  )
}
