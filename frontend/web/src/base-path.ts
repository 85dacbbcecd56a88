// The path below which a reverse proxy publishes the service: empty, or such as `/events`.
const setting = document.querySelector<HTMLMetaElement>('meta[name="base-path"]')?.content ?? ''

// A page that was opened without the proxy has none.
export const BASE_PATH = location.pathname.startsWith(`${setting}/`) ? setting : ''
