// A trend line without axes, as plain SVG: the first page needs no chart library.
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  const width = 120
  const height = 32
  const highest = Math.max(...values, 1)
  const step = values.length > 1 ? width / (values.length - 1) : 0
  const points = values.map((value, n) => `${(n * step).toFixed(1)},${at(value).toFixed(1)}`)
  function at(value: number) {
    return height - 2 - (value / highest) * (height - 4)
  }
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <polygon points={`0,${height} ${points.join(' ')} ${width},${height}`} />
      <polyline points={points.join(' ')} />
    </svg>
  )
}
