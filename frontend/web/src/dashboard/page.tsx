// A page in a script of its own. Once that is there, the page is drawn at once: React holds back
// what was suspended for 300 ms, were it only for a moment.
import { type ComponentType, lazy, useState } from 'react'

type Load = () => Promise<{ default: ComponentType }>

export interface Page {
  Component: ComponentType
  preload: () => Promise<void>
}

export function page(load: Load): Page {
  let loaded: ComponentType | null = null
  const preload = async () => {
    loaded = (await load()).default
  }
  const Lazy = lazy(load)
  function Component() {
    const [Ready] = useState<ComponentType | null>(() => loaded)
    return Ready ? <Ready /> : <Lazy />
  }
  return { Component, preload }
}
