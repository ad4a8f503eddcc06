/**
 * Runs in the page before anything else: the camera becomes a drawing, since the fake camera of browsers is a green
 * test card. Everything behind it stays real: the encoder, the server, the decoder.
 */
export function portraitCamera({ wall, lamp, hair, skin, coat, shirt }) {
  const canvas = document.createElement('canvas')
  canvas.width = 1280
  canvas.height = 720
  const g = canvas.getContext('2d')
  const disc = (x, y, rx, ry, fill) => {
    g.fillStyle = fill
    g.beginPath()
    g.ellipse(x, y, rx, ry, 0, 0, 7)
    g.fill()
  }
  const box = (x, y, w, h, r, fill) => {
    g.fillStyle = fill
    g.beginPath()
    g.roundRect(x, y, w, h, r)
    g.fill()
  }
  const paint = () => {
    const sway = Math.sin(Date.now() / 900) * 6
    const light = g.createRadialGradient(1040, 250, 20, 900, 300, 900)
    light.addColorStop(0, lamp)
    light.addColorStop(1, wall)
    g.fillStyle = light
    g.fillRect(0, 0, 1280, 720)
    // A shelf with books, a lamp.
    box(90, 250, 330, 14, 4, 'rgb(0 0 0 / 0.25)')
    for (const [i, colour] of ['#2f6f6d', '#c98a4b', '#7a5c8e', '#d9c9a3', '#41587f', '#9b4a43'].entries()) box(112 + i * 46, 150 + (i % 3) * 14, 36, 100 - (i % 3) * 14, 4, colour)
    g.fillStyle = '#ffe9b8'
    g.beginPath()
    g.moveTo(1000, 200)
    g.lineTo(1100, 200)
    g.lineTo(1140, 300)
    g.lineTo(960, 300)
    g.fill()
    box(1044, 300, 12, 220, 4, 'rgb(0 0 0 / 0.35)')
    // The person.
    const x = 640 + sway
    disc(x, 305, 150, 175, hair)
    box(x - 50, 420, 100, 120, 30, skin)
    box(x - 260, 510, 520, 320, 130, coat)
    g.fillStyle = shirt
    g.beginPath()
    g.moveTo(x - 75, 512)
    g.lineTo(x + 75, 512)
    g.lineTo(x, 660)
    g.fill()
    disc(x, 325, 115, 140, skin)
    g.fillStyle = hair
    g.beginPath()
    g.ellipse(x, 250, 122, 82, 0, Math.PI, 0)
    g.fill()
    for (const side of [-1, 1]) {
      disc(x + side * 45, 325, 11, 12, '#2a211d')
      box(x + side * 45 - 22, 293, 44, 7, 4, hair)
    }
    g.strokeStyle = '#8a4a3c'
    g.lineWidth = 7
    g.lineCap = 'round'
    g.beginPath()
    g.arc(x, 370, 42, 0.35, Math.PI - 0.35)
    g.stroke()
  }
  paint()
  setInterval(paint, 66)
  const devices = navigator.mediaDevices
  const real = devices.getUserMedia.bind(devices)
  devices.getUserMedia = async (wanted) => {
    const stream = await real(wanted)
    if (!wanted.video) return stream
    stream.getVideoTracks().forEach((track) => track.stop())
    return new MediaStream([...canvas.captureStream(15).getVideoTracks(), ...stream.getAudioTracks()])
  }
}

export const DOCTOR = { wall: '#35565a', lamp: '#e9c98c', hair: '#4a2f22', skin: '#e3b08f', coat: '#f5f5f0', shirt: '#5b9a94' }
export const PATIENT = { wall: '#5b4a42', lamp: '#f0cf9a', hair: '#c9c6c2', skin: '#efc4a6', coat: '#7d4b5c', shirt: '#efe6da' }
