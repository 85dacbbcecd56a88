import { startTheme } from '../theme'
import '../theme.css'

startTheme()
