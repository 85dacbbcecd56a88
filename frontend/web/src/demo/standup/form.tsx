import { type FormEvent, useState } from 'react'
import { Icon } from '../parts/icon'

export interface Answers {
  yesterday: string
  today: string
  blockers: string
}

const QUESTIONS = [
  ['yesterday', 'What did you do yesterday?', true],
  ['today', 'What will you do today?', true],
  ['blockers', 'Any blockers? (optional)', false],
] as const

export function StandupForm({
  onComplete,
  onSkip,
}: {
  onComplete: (answers: Answers) => void
  onSkip: () => void
}) {
  const [answers, setAnswers] = useState<Answers>({ yesterday: '', today: '', blockers: '' })

  function submit(event: FormEvent) {
    event.preventDefault()
    onComplete({
      yesterday: answers.yesterday.trim(),
      today: answers.today.trim(),
      blockers: answers.blockers.trim(),
    })
  }

  return (
    <form className="card" aria-label="Today’s standup" onSubmit={submit}>
      {QUESTIONS.map(([field, question, isRequired]) => (
        <label className="field" key={field}>
          <span>{question}</span>
          <textarea
            className="input"
            rows={2}
            required={isRequired}
            value={answers[field]}
            onChange={(event) => setAnswers({ ...answers, [field]: event.target.value })}
          />
        </label>
      ))}
      <div className="modal-actions">
        <button type="button" className="button" onClick={onSkip}>
          Skip today
        </button>
        <button type="submit" className="button primary">
          <Icon name="check" />
          Complete standup
        </button>
      </div>
    </form>
  )
}
