import type { Email } from './types'

type SeedEmail = Pick<Email, 'id' | 'from' | 'subject' | 'body' | 'label' | 'isUnread'> & {
  minutesAgo: number
}

export const SEED_EMAILS: SeedEmail[] = [
  {
    id: 'm-8',
    from: 'Nadia Okafor',
    subject: 'Can we see the planner before Thursday?',
    body: [
      'Hello,',
      'our operations team meets on Thursday, and I would love to show them the new planner. Is a preview possible, even with rough edges?',
      'Twenty minutes would be plenty. We are eleven people in two offices.',
      'Best, Nadia',
    ],
    label: 'customer',
    isUnread: true,
    minutesAgo: 22,
  },
  {
    id: 'm-7',
    from: 'Grace Hopper',
    subject: 'Rollback rehearsal: who presses the button?',
    body: [
      'The plan is written, thank you. Two things are open: who decides, and who presses.',
      'I suggest that support decides and the person on call presses. Objections by tomorrow, please.',
    ],
    label: 'team',
    isUnread: true,
    minutesAgo: 95,
  },
  {
    id: 'm-6',
    from: 'Harbour Bank',
    subject: 'Your statement for October is ready',
    body: [
      'Your monthly statement can be downloaded in the portal.',
      'Three payments could not be matched with an invoice.',
    ],
    label: 'finance',
    isUnread: true,
    minutesAgo: 60 * 20,
  },
  {
    id: 'm-5',
    from: 'The Weekly Query',
    subject: 'Window functions you forgot about',
    body: [
      'This week: gaps and islands without tears, and why your median is slower than it needs to be.',
      'Also: a short history of NULL.',
    ],
    label: 'newsletter',
    isUnread: false,
    minutesAgo: 60 * 27,
  },
  {
    id: 'm-4',
    from: 'Tomás Rivera',
    subject: 'The checklist, as we would need it',
    body: [
      'You asked what a new colleague of ours would want to see first. In this order: people, rights, the first report.',
      'Everything else can wait until the second day.',
    ],
    label: 'customer',
    isUnread: false,
    minutesAgo: 60 * 46,
  },
  {
    id: 'm-3',
    from: 'Linus Torvalds',
    subject: 'Rates: the provider answered',
    body: [
      'They publish at 16:00 and never correct afterwards. That is good enough for us.',
      'I will check last quarter against the ledger as soon as I have the export.',
    ],
    label: 'team',
    isUnread: false,
    minutesAgo: 60 * 52,
  },
  {
    id: 'm-2',
    from: 'Parkside Offices',
    subject: 'Invoice 2291: meeting room, four mornings',
    body: ['Please find the invoice attached. Payment is due within 30 days.'],
    label: 'finance',
    isUnread: false,
    minutesAgo: 60 * 74,
  },
]
