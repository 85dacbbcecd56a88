import { start } from '../start'
import './demo.css'
import { App } from './app'

start(<App />)
