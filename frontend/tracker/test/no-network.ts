// Unit tests only: network behaviour is tested in a real browser (tests/browser).
globalThis.fetch = () => new Promise(() => {})
if (typeof window !== 'undefined') navigator.sendBeacon = () => true
