// RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe (OWASP).
interface Exported<Row> {
  title: string
  value: (row: Row) => string | number | null
}

export function csv<Row>(columns: readonly Exported<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map((column) => cell(column.title))]
  for (const row of rows) lines.push(columns.map((column) => cell(column.value(row))))
  return lines.map((line) => `${line.join(',')}\r\n`).join('')
}

function cell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function download(name: string, text: string, type = 'text/csv;charset=utf-8') {
  save(name, new Blob([text], { type }))
}

export function save(name: string, blob: Blob) {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
