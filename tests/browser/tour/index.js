import { call, CALL_ENV } from './call.js'
import { desk, DESK_ENV } from './desk.js'
import { entrance } from './entrance.js'
import { office, OFFICE_ENV } from './office.js'
import { patient } from './patient.js'
import { rooms } from './rooms.js'

/**
 * Every screen of the pages, part by part. A part takes a world and `look(name, person)`, which it calls at each screen and
 * waits for; `env` is what its server needs.
 */
export const PARTS = [
  { name: 'entrance', walk: entrance },
  { name: 'desk', walk: desk, env: DESK_ENV },
  { name: 'office', walk: office, env: OFFICE_ENV },
  { name: 'call', walk: call, env: CALL_ENV },
  { name: 'patient', walk: patient },
  { name: 'rooms', walk: rooms },
]
