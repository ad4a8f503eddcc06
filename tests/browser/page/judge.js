// What the tests drive inside a browser: the unmodified client, and counters of what it really received.
// Everything given back to the tests is plain data.
'use strict'

const { Room, RoomEvent, Track, VideoQuality, VideoPreset, createLocalTracks, setLogLevel } = window.LivekitClient
setLogLevel('info')

/** Addresses of every WebSocket opened, so that a test knows which signalling version was really spoken. */
const sockets = []
window.WebSocket = class extends window.WebSocket {
  constructor(address, protocols) {
    super(address, protocols)
    sockets.push(this)
  }
}

const sha256 = async (bytes) => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Bytes that no one can compress, the same for the same seed. */
const noise = (length, seed) => {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = seed >>> 0 || 1
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return new Uint8Array(words.buffer, 0, length)
}

class Judge {
  constructor() {
    this.events = []
    this.received = []
    this.room = undefined
    this.watches = new Map()
  }

  note(what, ...about) {
    this.events.push(what)
    console.log(`judge: ${what}`, ...about)
  }

  async join({ url, token, v1 = true, options = {}, connect = {} }) {
    const room = new Room({ singlePeerConnection: v1, adaptiveStream: false, dynacast: false, ...options })
    this.room = room
    for (const [name, event] of Object.entries(RoomEvent)) {
      if (!/speakers|Quality|DCBuffer|Metrics/i.test(name)) {
        room.on(event, (...about) => this.note(event, ...about.map((each) => each?.sid ?? each?.identity ?? String(each))))
      }
    }
    room.on(RoomEvent.TrackSubscribed, (track) => document.body.append(track.attach()))
    room.on(RoomEvent.TrackUnsubscribed, (track) => track.detach().forEach((element) => element.remove()))
    room.registerByteStreamHandler('judge', (reader, { identity }) => void this.receive(reader, identity))
    await room.connect(url, token, connect)
    return { sid: room.localParticipant.sid, identity: room.localParticipant.identity }
  }

  async receive(reader, from) {
    const file = { name: reader.info.name, from, size: 0, done: false }
    this.received.push(file)
    try {
      const chunks = []
      for await (const chunk of reader) {
        chunks.push(chunk)
        file.size += chunk.byteLength
      }
      file.sha256 = await sha256(await new Blob(chunks).arrayBuffer())
    } catch (error) {
      file.error = String(error?.message ?? error)
    }
    file.done = true
    this.note('file', file.name, file.error ?? file.sha256)
  }

  async publish({ audio = true, video = true, width = 320, height = 180, fps = 15, simulcast = false, bitrate } = {}) {
    const resolution = { width, height, frameRate: fps }
    const tracks = await createLocalTracks({ audio, video: video && { resolution } })
    for (const track of tracks) {
      const layers = simulcast ? { videoSimulcastLayers: [preset(width / 4, height / 4, 90_000, fps), preset(width / 2, height / 2, 250_000, fps)] } : {}
      const encoding = { maxBitrate: bitrate ?? 400_000, maxFramerate: fps }
      await this.room.localParticipant.publishTrack(track, track.kind === 'video' ? { simulcast, videoEncoding: encoding, ...layers } : {})
    }
    return [...this.room.localParticipant.trackPublications.values()].map(({ trackSid, kind }) => ({ trackSid, kind }))
  }

  remoteTracks() {
    return [...this.room.remoteParticipants.values()].flatMap((who) =>
      [...who.trackPublications.values()].flatMap(({ track, trackSid }) => (track ? [{ who: who.identity, trackSid, track }] : [])),
    )
  }

  /** One record for each remote track that arrives here. */
  async incoming() {
    const rows = []
    for (const { who, trackSid, track } of this.remoteTracks()) {
      const report = await track.getRTCStatsReport()
      let inbound
      report?.forEach((entry) => {
        if (entry.type === 'inbound-rtp') inbound = entry
      })
      const { kind, framesDecoded, frameWidth, frameHeight, freezeCount, totalFreezesDuration, totalAudioEnergy } = inbound ?? {}
      const { concealedSamples, silentConcealedSamples, totalSamplesReceived, packetsReceived, packetsLost, nackCount, pliCount } = inbound ?? {}
      rows.push({
        who, trackSid, kind: kind ?? track.kind, framesDecoded, frameWidth, frameHeight, freezeCount, totalFreezesDuration,
        totalAudioEnergy, concealedSamples, silentConcealedSamples, totalSamplesReceived, packetsReceived, packetsLost, nackCount, pliCount,
      })
    }
    return rows
  }

  /**
   * Watches the frames decoded of each remote picture. `longest` is the longest time, in milliseconds, without a new
   * one; a tick counts for at most 250 ms, so that a page that was itself starved of processor does not read as a freeze.
   */
  watch() {
    this.watches = new Map()
    let last = performance.now()
    let frames = new Map()
    const tick = async () => {
      const now = performance.now()
      const passed = Math.min(now - last, 250)
      last = now
      for (const row of await this.incoming()) {
        if (row.kind !== 'video') continue
        const seen = this.watches.get(row.trackSid) ?? { who: row.who, still: 0, longest: 0, sizes: [] }
        seen.still = row.framesDecoded > (frames.get(row.trackSid) ?? -1) ? 0 : seen.still + passed
        frames.set(row.trackSid, row.framesDecoded)
        seen.longest = Math.max(seen.longest, seen.still)
        const size = `${row.frameWidth}x${row.frameHeight}`
        if (seen.sizes.at(-1) !== size) seen.sizes.push(size)
        this.watches.set(row.trackSid, seen)
      }
      this.timer = setTimeout(tick, 100)
    }
    clearTimeout(this.timer)
    void tick()
  }

  watched() {
    return [...this.watches.values()]
  }

  setQuality(letter) {
    const quality = { q: VideoQuality.LOW, h: VideoQuality.MEDIUM, f: VideoQuality.HIGH }[letter]
    for (const who of this.room.remoteParticipants.values()) {
      for (const publication of who.videoTrackPublications.values()) publication.setVideoQuality(quality)
    }
  }

  async sendNoise({ name, bytes, seed, to }) {
    const content = noise(bytes, seed)
    const expected = await sha256(content)
    const sent = { name, expected, progress: 0, done: false }
    this.sent = sent
    const options = { topic: 'judge', compress: false, onProgress: (share) => (sent.progress = share) }
    if (to) options.destinationIdentities = to
    this.room.localParticipant.sendFile(new File([content], name), options).then(
      () => (sent.done = true),
      (error) => (sent.error = String(error)),
    )
    return expected
  }

  /** Says what somebody said, as a program that transcribes does: the same `segment` again corrects it. */
  async caption({ text, segment, final = true, track }) {
    const attributes = { 'lk.segment_id': segment, 'lk.transcription_final': String(final), ...(track ? { 'lk.transcribed_track_id': track } : {}) }
    await this.room.localParticipant.sendText(text, { topic: 'lk.transcription', attributes })
  }

  /** The track by which somebody is heard. */
  voiceOf(identity) {
    return this.room.remoteParticipants.get(identity)?.getTrackPublication(Track.Source.Microphone)?.trackSid
  }

  state() {
    return {
      state: this.room?.state,
      sid: this.room?.localParticipant.sid,
      events: this.events,
      received: this.received,
      sent: this.sent,
      sockets: sockets.map((socket) => new URL(socket.url).pathname),
      people: [...(this.room?.remoteParticipants.values() ?? [])].map((who) => ({
        identity: who.identity,
        sid: who.sid,
        tracks: [...who.trackPublications.values()].map(({ trackSid, kind, isSubscribed, isMuted }) => ({ trackSid, kind, isSubscribed, isMuted })),
      })),
    }
  }

  async mute() {
    await this.room.localParticipant.setMicrophoneEnabled(false)
  }

  async leave() {
    clearTimeout(this.timer)
    await this.room?.disconnect()
  }
}

const preset = (width, height, maxBitrate, maxFramerate) => new VideoPreset(Math.round(width), Math.round(height), maxBitrate, maxFramerate)

window.judge = new Judge()
