import { browserNamed, systemNamed } from '../patient/network/report'
import { deviceCounts, lately, permission, probeOf } from '../patient/diary'
import { deviceClass } from '../patient/door'
import { measure } from '../patient/network/probe'
import type { Diagnostic } from './bundle'
import { remembered } from './memory'

const ERRORS_MAX = 50

/** Looks at this browser and its way to the server; nothing is asked of the person and no device is opened. */
export async function collect(): Promise<Diagnostic> {
  const [camera, microphone, notifications, devices, measured] = await Promise.all([
    permission('camera'), permission('microphone'), permission('notifications'), deviceCounts(), measure(),
  ])
  const { userAgent } = navigator
  const errors = remembered().map(({ at, code }) => ({ at, word: code }))
  return {
    page: 'other',
    browser: browserNamed(userAgent),
    os: systemNamed(userAgent),
    device: deviceClass(),
    permissions: { camera, microphone, notifications },
    devices,
    ...(measured === undefined ? {} : { probe: probeOf(measured) }),
    errors: lately(errors, ERRORS_MAX, Date.now()).map(({ at_s, word }) => ({ at_s, code: word })),
  }
}
