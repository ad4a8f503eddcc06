import { createRoot } from 'react-dom/client'
import { App } from './App'

export const start = (root: HTMLElement): void => createRoot(root).render(<App />)
