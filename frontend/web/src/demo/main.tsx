import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { startTheme } from '../theme'
import '../theme.css'
import { App } from './app'
import './demo.css'
import { startNetwork } from './network'

startTheme()
startNetwork()
const root = document.getElementById('root')
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
