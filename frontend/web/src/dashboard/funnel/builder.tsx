// The steps, and how they must follow: changed here, kept in the address.
import { useId } from 'react'
import { Choice, Select } from '../parts/choice'
import { type Condition, moved, STEPS_MAX, STEPS_MIN, type Step } from './steps'

export interface Rules {
  withinMinutes: number
  order: 'loose' | 'strict'
  splitBy: string
  key: string
}

const WITHIN = [
  ['30', '30 minutes'],
  ['60', '1 hour'],
  ['1440', '1 day'],
  ['10080', '7 days'],
  ['20160', '14 days'],
  ['43200', '30 days'],
] as const
const SPLITS = [
  ['', 'nothing'],
  ['device_type', 'device'],
  ['entity_type', 'entity type'],
  ['metadata', 'metadata'],
] as const

export function Builder({
  steps,
  rules,
  types,
  onSteps,
  onRules,
}: {
  steps: readonly Step[]
  rules: Rules
  types: readonly string[]
  onSteps: (steps: Step[]) => void
  onRules: (change: Partial<Rules>) => void
}) {
  const list = useId()
  const within = String(rules.withinMinutes)
  const known = WITHIN.some(([minutes]) => minutes === within)
  const replace = (index: number, step: Step) =>
    onSteps(steps.map((each, at) => (at === index ? step : each)))
  return (
    <div className="stack">
      <datalist id={list}>
        {types.map((type) => (
          <option key={type} value={type} />
        ))}
      </datalist>
      <ol className="funnel-steps">
        {steps.map((step, index) => (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place
            key={index}
          >
            <StepFields
              number={index + 1}
              step={step}
              list={list}
              onChange={(changed) => replace(index, changed)}
            />
            <div className="funnel-moves">
              <Move
                name={`Step ${index + 1} up`}
                sign="↑"
                isOff={index === 0}
                onClick={() => onSteps(moved(steps, index, index - 1))}
              />
              <Move
                name={`Step ${index + 1} down`}
                sign="↓"
                isOff={index === steps.length - 1}
                onClick={() => onSteps(moved(steps, index, index + 1))}
              />
              <Move
                name={`Remove step ${index + 1}`}
                sign="×"
                isOff={steps.length <= STEPS_MIN}
                onClick={() => onSteps(steps.filter((_, at) => at !== index))}
              />
            </div>
          </li>
        ))}
      </ol>
      <div className="row">
        <button
          type="button"
          className="button"
          disabled={steps.length >= STEPS_MAX}
          onClick={() =>
            onSteps([...steps, { eventType: types[0] ?? 'page_viewed', conditions: [] }])
          }
        >
          Add a step
        </button>
        <Select
          label="Within"
          value={within}
          options={known ? WITHIN : [[within, `${within} minutes`], ...WITHIN]}
          onChange={(minutes) => onRules({ withinMinutes: Number(minutes) })}
        />
        <Choice
          label="Order"
          value={rules.order}
          options={[
            ['loose', 'Others may lie between'],
            ['strict', 'One right after the other'],
          ]}
          onChange={(order) => onRules({ order })}
        />
        <Select
          label="Split by"
          value={rules.splitBy}
          options={SPLITS}
          onChange={(splitBy) => onRules({ splitBy, key: splitBy === 'metadata' ? 'source' : '' })}
        />
        {rules.splitBy === 'metadata' && (
          <Kept label="Key" value={rules.key} onChange={(key) => onRules({ key })} />
        )}
      </div>
    </div>
  )
}

function Move({
  name,
  sign,
  isOff,
  onClick,
}: {
  name: string
  sign: string
  isOff: boolean
  onClick: () => void
}) {
  return (
    <button
      type="button"
      className="button small"
      aria-label={name}
      disabled={isOff}
      onClick={onClick}
    >
      {sign}
    </button>
  )
}

function StepFields({
  number,
  step,
  list,
  onChange,
}: {
  number: number
  step: Step
  list: string
  onChange: (step: Step) => void
}) {
  const set = (index: number, change: Partial<Condition>) =>
    onChange({
      ...step,
      conditions: step.conditions.map((each, at) => (at === index ? { ...each, ...change } : each)),
    })
  return (
    <div className="funnel-step">
      <Kept
        label={`Step ${number}`}
        value={step.eventType}
        list={list}
        onChange={(eventType) => onChange({ ...step, eventType })}
      />
      {step.conditions.map((condition, index) => (
        <div
          className="row"
          // biome-ignore lint/suspicious/noArrayIndexKey: a condition is its place
          key={index}
        >
          <Kept label="where" value={condition.key} onChange={(key) => set(index, { key })} />
          <Kept label="is" value={condition.value} onChange={(value) => set(index, { value })} />
          <button
            type="button"
            className="button small"
            aria-label={`Remove condition ${index + 1} of step ${number}`}
            onClick={() =>
              onChange({ ...step, conditions: step.conditions.filter((_, at) => at !== index) })
            }
          >
            ×
          </button>
        </div>
      ))}
      <button
        type="button"
        className="button small quiet"
        onClick={() =>
          onChange({
            ...step,
            conditions: [...step.conditions, { key: 'priority', value: 'high' }],
          })
        }
      >
        + where metadata …<span className="visually-hidden"> of step {number}</span>
      </button>
    </div>
  )
}

/** A text that counts when it is left, or with Enter: not at every letter. */
function Kept({
  label,
  value,
  list,
  onChange,
}: {
  label: string
  value: string
  list?: string
  onChange: (value: string) => void
}) {
  return (
    <label className="field">
      <span>{label}</span>
      <input
        className="input"
        key={value}
        defaultValue={value}
        list={list}
        autoComplete="off"
        onBlur={(event) => {
          const given = event.target.value.trim()
          if (!given) event.target.value = value
          else if (given !== value) onChange(given)
        }}
        onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
      />
    </label>
  )
}
