// Editor of the funnel’s steps and rules; its state is the URL.
import { useId } from 'react'
import { Choice, Select } from '../parts/choice'
import { type Condition, moved, STEPS_MAX, STEPS_MIN, type Step } from './steps'

export interface Rules {
  withinMinutes: number
  order: 'loose' | 'strict'
  splitBy: string
  key: string
}

const CONVERSION_WINDOWS = [
  ['30', '30 minutes'],
  ['60', '1 hour'],
  ['1440', '1 day'],
  ['10080', '7 days'],
  ['20160', '14 days'],
  ['43200', '30 days'],
] as const
const SPLITS = [
  ['', 'None'],
  ['device_type', 'Device'],
  ['entity_type', 'Entity type'],
  ['metadata', 'Property'],
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
  const known = CONVERSION_WINDOWS.some(([minutes]) => minutes === within)
  const replace = (index: number, step: Step) =>
    onSteps(steps.map((other, at) => (at === index ? step : other)))
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
            // biome-ignore lint/suspicious/noArrayIndexKey: steps have no other id
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
                name={`Move step ${index + 1} up`}
                symbol="↑"
                isOff={index === 0}
                onClick={() => onSteps(moved(steps, index, index - 1))}
              />
              <Move
                name={`Move step ${index + 1} down`}
                symbol="↓"
                isOff={index === steps.length - 1}
                onClick={() => onSteps(moved(steps, index, index + 1))}
              />
              <Move
                name={`Remove step ${index + 1}`}
                symbol="×"
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
          Add step
        </button>
        <Select
          label="Conversion window"
          value={within}
          options={
            known ? CONVERSION_WINDOWS : [[within, `${within} minutes`], ...CONVERSION_WINDOWS]
          }
          onChange={(minutes) => onRules({ withinMinutes: Number(minutes) })}
        />
        <Choice
          label="Order"
          value={rules.order}
          options={[
            ['loose', 'Any events in between'],
            ['strict', 'Strict order'],
          ]}
          onChange={(order) => onRules({ order })}
        />
        <Select
          label="Break down by"
          value={rules.splitBy}
          options={SPLITS}
          onChange={(splitBy) => onRules({ splitBy, key: splitBy === 'metadata' ? 'source' : '' })}
        />
        {rules.splitBy === 'metadata' && (
          <CommitField label="Property" value={rules.key} onChange={(key) => onRules({ key })} />
        )}
      </div>
    </div>
  )
}

function Move({
  name,
  symbol,
  isOff,
  onClick,
}: {
  name: string
  symbol: string
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
      {symbol}
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
      conditions: step.conditions.map((other, at) =>
        at === index ? { ...other, ...change } : other,
      ),
    })
  return (
    <div className="funnel-step">
      <CommitField
        label={`Step ${number}`}
        value={step.eventType}
        list={list}
        onChange={(eventType) => onChange({ ...step, eventType })}
      />
      {step.conditions.map((condition, index) => (
        <div
          className="row"
          // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no other id
          key={index}
        >
          <CommitField
            label="Property"
            value={condition.key}
            onChange={(key) => set(index, { key })}
          />
          <CommitField
            label="equals"
            value={condition.value}
            onChange={(value) => set(index, { value })}
          />
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
        + Add condition<span className="visually-hidden"> to step {number}</span>
      </button>
    </div>
  )
}

/** A text field that commits on blur or Enter, not on every keystroke. */
function CommitField({
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
          const text = event.target.value.trim()
          if (!text) event.target.value = value
          else if (text !== value) onChange(text)
        }}
        onKeyDown={(event) => event.key === 'Enter' && event.currentTarget.blur()}
      />
    </label>
  )
}
