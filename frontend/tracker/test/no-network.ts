// Logic alone: what goes over a network is tested with a real browser (tests/browser).
globalThis.fetch = () => new Promise(() => {})
if (typeof window !== 'undefined') navigator.sendBeacon = () => true
