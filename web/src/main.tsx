import { createRoot } from 'react-dom/client'
import { App } from './App'
import './styles/base.css'
import './styles/ui.css'
import './styles/pages.css'
import './styles/call.css'

const root = document.getElementById('app')
if (root !== null) createRoot(root).render(<App />)
