import type { PlainText } from '../i18n/call'

/** What keeps camera or microphone away, as far as it changes what people can do about it. */
export type DeviceTrouble = 'denied' | 'busy' | 'no-camera' | 'no-microphone' | 'no-device' | 'failed'

/** From the words in which the capture tells its failure. */
export function troubleOf(problem: PlainText | undefined): DeviceTrouble | undefined {
  switch (problem) {
    case undefined:
      return undefined
    case 'mediaDenied':
    case 'mediaCameraDenied':
    case 'mediaMicrophoneDenied':
      return 'denied'
    case 'mediaBusy':
      return 'busy'
    case 'mediaNone':
      return 'no-device'
    case 'mediaNoCamera':
      return 'no-camera'
    case 'mediaNoMicrophone':
      return 'no-microphone'
    default:
      return 'failed'
  }
}
