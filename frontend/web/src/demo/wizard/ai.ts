// Simulates a model: it responds after a delay, and fails on request.

export interface Plan {
  title: string
  goals: { title: string; subtasks: string[] }[]
}

const DELAY_MS = 900
const TITLE_WORDS_MAX = 6

/** Drafts a plan for a goal description. Rejects on failure and when the signal is aborted. */
export async function draftPlan(
  description: string,
  fails: boolean,
  signal: AbortSignal,
): Promise<Plan> {
  await new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, DELAY_MS)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
  if (fails) throw new Error('The model is not available.')
  return planOf(description)
}

export function planOf(description: string): Plan {
  const words = description.trim().split(/\s+/).slice(0, TITLE_WORDS_MAX).join(' ')
  return {
    title: (words.charAt(0).toUpperCase() + words.slice(1)).replace(/[.,;:!?]+$/, ''),
    goals: [
      {
        title: 'We know what good looks like',
        subtasks: ['Talk to three people who need it', 'Write down what counts as done'],
      },
      {
        title: 'A first version is in use',
        subtasks: ['Build the smallest useful part', 'Give it to one team', 'Watch them use it'],
      },
      {
        title: 'Everyone knows about it',
        subtasks: ['Write the announcement', 'Answer the first questions'],
      },
    ],
  }
}
