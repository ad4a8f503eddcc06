import { useCallback, useEffect, useRef, useState } from 'react'
import { alreadyAllowed, capture, listDevices, release, type Captured, type DeviceChoice, type Devices } from './capture'

/** `unknown`: for a moment, until the browser has said whether it would have to ask. */
export type PreviewState = 'unknown' | 'idle' | 'opening' | 'ready'

export interface Preview {
  state: PreviewState
  captured: Captured
  devices: Devices
  choice: DeviceChoice
  /** Opens what is chosen: asks for permission the first time. */
  start: () => void
  choose: (change: Partial<DeviceChoice>) => void
  /** Hands the tracks over to the call: the preview no longer stops them. */
  take: () => Captured
}

export function usePreview(): Preview {
  const [state, setState] = useState<PreviewState>('unknown')
  const [captured, setCaptured] = useState<Captured>({})
  const [devices, setDevices] = useState<Devices>({ cameras: [], microphones: [] })
  const [choice, setChoice] = useState<DeviceChoice>({ camera: undefined, microphone: undefined })
  const held = useRef<Captured>({})
  // Rises with each request, so that an answer overtaken by a newer request is thrown away.
  const request = useRef(0)

  const openWith = useCallback(async (wanted: DeviceChoice) => {
    const mine = (request.current += 1)
    // Phones have one camera pipeline: close before opening.
    release(held.current)
    held.current = {}
    setCaptured({})
    setState('opening')
    const got = await capture(wanted)
    if (mine !== request.current) {
      release(got)
      return
    }
    held.current = got
    setCaptured(got)
    setState('ready')
    const found = await listDevices()
    if (mine === request.current) setDevices(found)
  }, [])

  useEffect(() => {
    let left = false
    const requests = request
    void alreadyAllowed().then((allowed) => {
      if (left) return
      if (allowed) void openWith({ camera: undefined, microphone: undefined })
      else setState((now) => (now === 'unknown' ? 'idle' : now))
    })
    return () => {
      left = true
      requests.current += 1
      release(held.current)
      held.current = {}
    }
  }, [openWith])

  const start = useCallback(() => void openWith(choice), [choice, openWith])
  const choose = useCallback(
    (change: Partial<DeviceChoice>) => {
      const next = { ...choice, ...change }
      setChoice(next)
      void openWith(next)
    },
    [choice, openWith],
  )
  const take = useCallback(() => {
    request.current += 1
    const mine = held.current
    held.current = {}
    return mine
  }, [])
  return { state, captured, devices, choice, start, choose, take }
}
