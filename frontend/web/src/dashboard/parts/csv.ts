// CSV as in RFC 4180, in the format of the API (app/read/csv_table.py): text that a spreadsheet would
// run as a formula gets an apostrophe (OWASP), and Excel detects UTF-8 by the byte order mark.
const BYTE_ORDER_MARK = '\ufeff'
// At the start of a cell, and after characters that other locales use as separators.
const FORMULA =
  /^(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])|([;\t])(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g
const INVALID_IN_FILE_NAME = /[^\p{L}\p{N}._-]+/gu

interface CsvColumn<Row> {
  title: string
  value: (row: Row) => string | number | null
}

export function csv<Row>(columns: readonly CsvColumn<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map((column) => cell(column.title))]
  for (const row of rows) lines.push(columns.map((column) => cell(column.value(row))))
  return BYTE_ORDER_MARK + lines.map((line) => `${line.join(',')}\r\n`).join('')
}

function cell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const safe = value.replace(FORMULA, "$1'")
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function download(name: string, text: string, type = 'text/csv;charset=utf-8') {
  save(name, new Blob([text], { type }))
}

export function save(name: string, blob: Blob) {
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name.replace(INVALID_IN_FILE_NAME, '-')
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
