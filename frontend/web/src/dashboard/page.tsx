// A lazily loaded page. A page whose script is loaded renders without Suspense, because React
// delays the content of a suspended component by up to 300 ms.
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
