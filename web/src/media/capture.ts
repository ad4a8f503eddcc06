import { explainMediaError, type Wanted } from '../errors'
import type { PlainText } from '../i18n/call'

/** `undefined` lets the browser choose; `null` means none. */
export interface DeviceChoice {
  camera: string | null | undefined
  microphone: string | null | undefined
}

export interface Captured {
  camera?: MediaStreamTrack
  microphone?: MediaStreamTrack
  /** Why something wanted is missing. */
  problem?: PlainText
  /** It is the device's own setting that refuses, as far as the browser tells. */
  bySystem?: boolean
}

/** Resolution asked of the camera: 720p is what the three simulcast layers are cut from. */
const CAMERA: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }

export function cameraConstraints(device: string | undefined): MediaTrackConstraints {
  return device === undefined ? { ...CAMERA, facingMode: 'user' } : { ...CAMERA, deviceId: { exact: device } }
}

export function microphoneConstraints(device: string | undefined): MediaTrackConstraints {
  const processing = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
  return device === undefined ? processing : { ...processing, deviceId: { exact: device } }
}

/** Media capture exists only in secure contexts (https, or loopback). */
export function canCapture(): boolean {
  // Absent on plain http, whatever the type says.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  return devices !== undefined
}

/**
 * Opens camera and microphone together, so that people answer one question. When that fails it tries each alone:
 * a call without a picture, or without a voice, is better than none.
 */
export async function capture(choice: DeviceChoice): Promise<Captured> {
  const wanted: Wanted = { camera: choice.camera !== null, microphone: choice.microphone !== null }
  if (!wanted.camera && !wanted.microphone) return {}
  if (!canCapture()) return { problem: 'errorInsecure' }
  try {
    return await open(wanted, choice)
  } catch (together) {
    const problem = explainMediaError(together, wanted)
    const bySystem = together instanceof Error && /system/i.test(together.message)
    if (!wanted.camera || !wanted.microphone) return { problem }
    const [microphone, camera] = await Promise.all([
      alone({ camera: false, microphone: true }, choice),
      alone({ camera: true, microphone: false }, choice),
    ])
    const tracks = { ...microphone, ...camera }
    if (microphone.microphone && camera.camera) return tracks
    if (microphone.microphone && camera.problem) return { ...tracks, problem: camera.problem }
    if (camera.camera && microphone.problem) return { ...tracks, problem: microphone.problem }
    return { problem, bySystem }
  }
}

async function alone(wanted: Wanted, choice: DeviceChoice): Promise<Captured> {
  try {
    return await open(wanted, choice)
  } catch (error) {
    return { problem: explainMediaError(error, wanted) }
  }
}

async function open(wanted: Wanted, choice: DeviceChoice): Promise<Captured> {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: wanted.camera && cameraConstraints(choice.camera ?? undefined),
    audio: wanted.microphone && microphoneConstraints(choice.microphone ?? undefined),
  })
  const camera = stream.getVideoTracks()[0]
  const microphone = stream.getAudioTracks()[0]
  return { ...(camera && { camera }), ...(microphone && { microphone }) }
}

export function release(captured: Captured): void {
  captured.camera?.stop()
  captured.microphone?.stop()
}

/** True when the browser would open the devices without asking. Not every browser can tell. */
export async function alreadyAllowed(): Promise<boolean> {
  try {
    const states = await Promise.all(
      ['camera', 'microphone'].map((name) => navigator.permissions.query({ name: name as PermissionName })),
    )
    return states.every((state) => state.state === 'granted')
  } catch {
    return false
  }
}

export interface Devices {
  cameras: MediaDeviceInfo[]
  microphones: MediaDeviceInfo[]
}

export async function listDevices(): Promise<Devices> {
  if (!canCapture()) return { cameras: [], microphones: [] }
  const all = await navigator.mediaDevices.enumerateDevices()
  // Before permission browsers list nameless devices without ids: nothing to choose from.
  const usable = all.filter((device) => device.deviceId !== '')
  return {
    cameras: usable.filter((device) => device.kind === 'videoinput'),
    microphones: usable.filter((device) => device.kind === 'audioinput'),
  }
}
