// Error boundary: a page that fails to render leaves the rest of the app usable.
import { Component, type ReactNode } from 'react'
import { Failure } from './states'

export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: Error) {
    return { error }
  }

  override render() {
    if (this.state.error === null) return this.props.children
    return <Failure error={this.state.error} retry={() => location.reload()} />
  }
}
