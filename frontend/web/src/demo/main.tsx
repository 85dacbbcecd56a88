import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { startTheme } from '../theme'
import '../theme.css'
import './demo.css'
import { App } from './app'

startTheme()
const root = document.getElementById('root')
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
