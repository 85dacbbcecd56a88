// Code of the server.
import { EVENT_TYPES } from '@activity-events/tracker'

export const dynamic = 'force-dynamic'
export const GET = () => Response.json(EVENT_TYPES)
