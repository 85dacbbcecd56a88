// What stands in for a model: it needs a moment, and fails where it is told to.

export interface Plan {
  title: string
  goals: { title: string; subtasks: string[] }[]
}

const THINKING_MS = 900
const TITLE_WORDS_MAX = 6

/** A plan for what is wished for. Rejects when it fails, and when the signal is aborted. */
export async function draftPlan(wish: string, fails: boolean, signal: AbortSignal): Promise<Plan> {
  await new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, THINKING_MS)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
  if (fails) throw new Error('The model can not be reached.')
  return planOf(wish)
}

export function planOf(wish: string): Plan {
  const words = wish.trim().split(/\s+/).slice(0, TITLE_WORDS_MAX).join(' ')
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
        title: 'Everybody has heard of it',
        subtasks: ['Write the announcement', 'Answer the first questions'],
      },
    ],
  }
}
