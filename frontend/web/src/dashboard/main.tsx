import { start } from '../start'
import './dashboard.css'
import { App } from './app'

start(<App />)
