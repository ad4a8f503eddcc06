// The portal's page: asks its own server for a call, shows the frame, listens to what the frame says.

const WORDS = {
  ready: 'La téléconsultation est ouverte.',
  joined: 'Vous êtes dans l’appel.',
  waiting_patient: 'On attend le patient.',
  patient_waiting: 'Le patient est en salle d’attente.',
  document_received: 'Un document est arrivé.',
  ended: 'La téléconsultation est terminée.',
  error: 'La téléconsultation ne s’ouvre pas.',
}

const state = document.getElementById('state')
const messages = document.getElementById('messages')
let frame
let frameOrigin

async function ask(path, body) {
  const answer = await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
  const said = await answer.json()
  if (!answer.ok) throw new Error(said.detail ?? said.code ?? `${path}: ${answer.status}`)
  return said
}

document.getElementById('start').addEventListener('submit', async (event) => {
  event.preventDefault()
  try {
    const { id } = await ask('/consultations', { phone: new FormData(event.target).get('phone') })
    const { embed_url: url, allow } = await ask('/frames', { consultation_id: id })
    frameOrigin = new URL(url).origin
    frame = document.createElement('iframe')
    frame.title = 'Téléconsultation'
    frame.allow = allow
    frame.src = url
    document.getElementById('place').replaceChildren(frame)
  } catch (error) {
    state.textContent = error.message
  }
})

addEventListener('message', (event) => {
  // Anybody can post messages to a page: only the frame's own count.
  if (event.origin !== frameOrigin || event.source !== frame?.contentWindow) return
  const { source, version, type, ...more } = event.data ?? {}
  if (source !== 'chevet' || version !== 1 || !(type in WORDS)) return
  state.textContent = WORDS[type]
  const line = document.createElement('li')
  line.textContent = `${type} ${JSON.stringify(more)}`
  line.dataset.type = type
  messages.append(line)
})
