import { useEffect } from 'react'

let topic = ''
let waiting = 0

/**
 * What the window is called. Never by the name of a person: titles stay in histories and stand in lists of windows.
 */
export function useTopic(text: string): void {
  useEffect(() => {
    topic = text
    show()
  }, [text])
}

/** How many people wait at the door, before whatever the window is called. */
export function showWaiting(count: number): void {
  waiting = count
  show()
}

const show = (): void => void (document.title = titleOf(topic, waiting))

export const titleOf = (about: string, count: number): string => `${count > 0 ? `(${count}) ` : ''}${about === '' ? '' : `${about} · `}Chevet`
