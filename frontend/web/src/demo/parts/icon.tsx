const PATHS = {
  home: 'M4 11 12 4l8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z',
  projects: 'M4 6a1 1 0 0 1 1-1h5l2 2h7a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM4 11h16',
  emails: 'M4 6h16v12H4zM4 7l8 6 8-6',
  calendar: 'M5 6h14v13H5zM5 10h14M9 4v4M15 4v4',
  standup: 'M5 6h14v9h-6l-4 4v-4H5zM9 10h6',
  spark: 'M12 4l1.8 5.2L19 11l-5.2 1.8L12 18l-1.8-5.2L5 11l5.2-1.8zM19 4v3M20.5 5.5h-3',
  search: 'M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15.5 15.5 20 20',
  plus: 'M12 5v14M5 12h14',
  archive: 'M4 5h16v4H4zM6 9v10h12V9M10 13h4',
  reply: 'M10 7 5 12l5 5M5 12h9a5 5 0 0 1 5 5v1',
  up: 'M7 11v8H4v-8zM7 11l4-7a2 2 0 0 1 2 2v4h5a2 2 0 0 1 2 2.3l-1 5a2 2 0 0 1-2 1.7H7',
  down: 'M7 13V5H4v8zM7 13l4 7a2 2 0 0 0 2-2v-4h5a2 2 0 0 0 2-2.3l-1-5A2 2 0 0 0 17 5H7',
  back: 'M14 6l-6 6 6 6',
  next: 'M10 6l6 6-6 6',
  chevron: 'M6 10l6 6 6-6',
  moon: 'M19 14A8 8 0 0 1 10 5a7 7 0 1 0 9 9z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v2M12 19v2M3 12h2M19 12h2M6 6l1 1M17 17l1 1M18 6l-1 1M7 17l-1 1',
  check: 'M5 12l5 5 9-10',
} as const

export type IconName = keyof typeof PATHS

/** A decorative icon, always beside a text label. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
