import { useSyncExternalStore } from 'react'
import { display, onDisplay, type Display } from './display'

export const useDisplay = (): Display => useSyncExternalStore(onDisplay, display)
