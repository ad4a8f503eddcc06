import {
  ConnectionQuality,
  ConnectionState,
  LocalAudioTrack,
  LocalVideoTrack,
  Room,
  RoomEvent,
  Track,
  type Participant,
  type RemoteTrack,
  type TextStreamReader,
} from 'livekit-client'
import { endReason, explainMediaError, type EndReason } from '../errors'
import type { Catalogue } from '../i18n/fr/call'
import type { PlainText } from '../i18n/call'
import { cameraConstraints, microphoneConstraints, type Captured } from '../media/capture'
import { CAPTIONS, Captions, endOf, onOfferedCaption, speakerOf, type Caption } from './captions'
import { pictureIn, type LineSample } from './quality'
import { Transfers, type Transfer } from './transfers'

export interface PersonView {
  identity: string
  name: string
  isLocal: boolean
  /** What the server says this person is in the consultation; absent in plain rooms. */
  role: string | undefined
  /** The own picture, as in a mirror, unless it comes from the camera on the back. */
  mirrored: boolean
  speaking: boolean
  microphoneOn: boolean
  weak: boolean
  /** The server has stopped this picture: the own line does not carry it. */
  suspended: boolean
  /** Present while its picture is live. */
  camera: Track | undefined
  screen: Track | undefined
}

/** Something to tell once, in the language of the moment. */
export interface Notice {
  id: number
  say: (t: Catalogue) => string
}

export interface CallView {
  reconnecting: boolean
  people: readonly PersonView[]
  /** Remote sound to play, by track id. */
  sounds: readonly { sid: string; track: RemoteTrack }[]
  microphoneOn: boolean
  cameraOn: boolean
  screenOn: boolean
  mayPublish: boolean
  maySendFiles: boolean
  /** The browser wants a tap before it plays sound. */
  soundBlocked: boolean
  transfers: readonly Transfer[]
  captions: readonly Caption[]
  /** Captions came in this call, perhaps none at this moment. */
  captioned: boolean
  notice: Notice | undefined
  problem: PlainText | undefined
}

const RESOLUTION = { width: 1280, height: 720, frameRate: 30 }
const FILES = 'chevet.file'
/** Progress and speakers change many times a second; people do not need more than this (ms between renders). */
const RENDER_MS = 80

/**
 * One call: the room of the WebRTC client seen as a value that React can render. Everything that touches the client
 * is here; components only read the view and call the verbs.
 */
export class CallSession {
  readonly transfers: Transfers
  private readonly captions = new Captions(() => this.changed())
  private stopOffers = (): void => undefined
  private view: CallView
  private readonly room: Room
  private readonly listeners = new Set<() => void>()
  private readonly endListeners = new Set<(reason: EndReason) => void>()
  private ended: EndReason | undefined
  private timer: ReturnType<typeof setTimeout> | undefined
  private notice: Notice | undefined
  private problem: PlainText | undefined
  /** Where tokens carry no names, those who may know them give them here, by identity. */
  private names: ReadonlyMap<string, string> = new Map()
  private noticeCount = 0
  private reconnecting = false
  private mutingSelf = false
  private back = false

  constructor(room: Room) {
    this.room = room
    this.transfers = new Transfers(
      ({ name, size, type }) =>
        room.localParticipant.streamBytes({
          name,
          topic: FILES,
          totalSize: size,
          mimeType: type || 'application/octet-stream',
        }),
      {
        changed: () => this.changed(),
        arriving: (transfer) => this.tell((t) => t.filesCameFrom(transfer.name, transfer.from ?? '')),
        arrived: (transfer) => this.tell((t) => t.filesArrived(transfer.name)),
        gone: (transfer) => this.tell((t) => t.filesGone(transfer.name)),
      },
    )
    this.view = this.look()
    this.listen()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  readonly getView = (): CallView => this.view

  onEnd(listener: (reason: EndReason) => void): void {
    // The line may have dropped before anybody listened.
    if (this.ended !== undefined) listener(this.ended)
    else this.endListeners.add(listener)
  }

  /** Publishes what the join page opened. A refusal is told and leaves the call standing. */
  async publish(captured: Captured): Promise<void> {
    const { camera, microphone } = captured
    const local = this.room.localParticipant
    const publishing: Promise<unknown>[] = []
    if (microphone) {
      const track = new LocalAudioTrack(microphone, microphoneConstraints(microphone.getSettings().deviceId), false)
      publishing.push(local.publishTrack(track, { source: Track.Source.Microphone }))
    }
    if (camera) {
      const track = new LocalVideoTrack(camera, cameraConstraints(camera.getSettings().deviceId), false)
      publishing.push(local.publishTrack(track, { source: Track.Source.Camera }))
    }
    const results = await Promise.allSettled(publishing)
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) {
      console.warn('camera or microphone could not be published', failed.reason)
      this.setProblem('mediaFailed')
    }
    this.changed()
  }

  async setMicrophone(on: boolean): Promise<void> {
    this.mutingSelf = true
    await this.attempt({ camera: false, microphone: true }, () => this.room.localParticipant.setMicrophoneEnabled(on))
    this.mutingSelf = false
  }

  setCamera(on: boolean): Promise<void> {
    return this.attempt({ camera: true, microphone: false }, () => this.room.localParticipant.setCameraEnabled(on))
  }

  /** Front or back camera. Phones open one at a time: the track is restarted, not doubled. */
  async turnCamera(): Promise<void> {
    const track = this.room.localParticipant.getTrackPublication(Track.Source.Camera)?.track
    if (!(track instanceof LocalVideoTrack)) return
    const back = !this.back
    await this.attempt({ camera: true, microphone: false }, async () => {
      await track.restartTrack({ facingMode: back ? 'environment' : 'user', resolution: RESOLUTION })
      this.back = back
    })
  }

  async setScreen(on: boolean): Promise<void> {
    try {
      await this.room.localParticipant.setScreenShareEnabled(on, { contentHint: 'detail' })
    } catch (error) {
      // Closing the browser's own dialog is a choice, not a failure.
      if (!(error instanceof Error && error.name === 'NotAllowedError')) this.setProblem('screenFailed')
    }
    this.changed()
  }

  startSound(): Promise<void> {
    return this.room.startAudio()
  }

  sendFiles(files: Iterable<File>): void {
    for (const file of files) void this.transfers.send(file)
  }

  dismissProblem(): void {
    this.setProblem(undefined)
  }

  leave(): Promise<void> {
    return this.room.disconnect()
  }

  /** What people are called on this page alone. */
  nameThem(names: ReadonlyMap<string, string>): void {
    this.names = names
    this.changed()
  }

  /** How everybody's line and picture are at this moment. */
  lines(): Promise<LineSample[]> {
    const { room } = this
    return Promise.all([...room.remoteParticipants.values(), room.localParticipant].map((who) => lineOf(who, this.nameOf(who))))
  }

  private nameOf(who: Participant): string {
    return this.names.get(who.identity) ?? nameOf(who)
  }

  private async attempt(wanted: { camera: boolean; microphone: boolean }, action: () => Promise<unknown>): Promise<void> {
    try {
      await action()
      this.setProblem(undefined)
    } catch (error) {
      this.setProblem(explainMediaError(error, wanted))
    }
    this.changed()
  }

  private listen(): void {
    const { room } = this
    const again = (): void => this.changed()
    for (const event of REDRAWING) room.on(event, again)
    room.registerByteStreamHandler(FILES, (reader, { identity }) => {
      const from = room.remoteParticipants.get(identity)
      void this.transfers.receive(reader, from ? this.nameOf(from) : identity)
    })
    room.on(RoomEvent.Connected, () => (this.stopOffers = onOfferedCaption((caption) => this.captions.heard(caption))))
    room.registerTextStreamHandler(CAPTIONS, (reader, { identity }) => void this.transcribed(reader, identity))
    room.on(RoomEvent.ParticipantConnected, (who) => this.tell((t) => t.someoneJoined(this.nameOf(who))))
    room.on(RoomEvent.ParticipantDisconnected, (who) => this.tell((t) => t.someoneLeft(this.nameOf(who))))
    room.on(RoomEvent.TrackMuted, (publication, who) => {
      if (who.isLocal && publication.source === Track.Source.Microphone && !this.mutingSelf) {
        this.tell((t) => t.mutedByOther)
      }
    })
    room.on(RoomEvent.TrackStreamStateChanged, (publication, state, who) => {
      if (publication.source !== Track.Source.Camera) return
      const name = this.nameOf(who)
      this.tell((t) => (state === Track.StreamState.Paused ? t.pictureStopped(name) : t.pictureBack(name)))
    })
    room.on(RoomEvent.LocalAudioSilenceDetected, () => this.tell((t) => t.silent))
    const lost = (): void => this.setReconnecting(true)
    room.on(RoomEvent.SignalReconnecting, lost)
    room.on(RoomEvent.Reconnecting, lost)
    room.on(RoomEvent.Reconnected, () => {
      this.setReconnecting(false)
      this.tell((t) => t.reconnected)
    })
    room.on(RoomEvent.ConnectionStateChanged, (state) => {
      if (state === ConnectionState.Connected) this.setReconnecting(false)
    })
    room.on(RoomEvent.Disconnected, (reason) => {
      if (this.ended !== undefined) return
      this.ended = endReason(reason)
      clearTimeout(this.timer)
      this.captions.end()
      this.stopOffers()
      for (const listener of this.endListeners) listener(this.ended)
      this.endListeners.clear()
    })
  }

  /** Shows what a program that transcribes sends, as it comes. One's own words are not for oneself. */
  private async transcribed(reader: TextStreamReader, identity: string): Promise<void> {
    const { room } = this
    const { id, attributes = {} } = reader.info
    const people = [...room.remoteParticipants.values(), room.localParticipant]
    const track = attributes['lk.transcribed_track_id']
    const owner = people.find((who) => [...who.trackPublications.values()].some(({ trackSid }) => trackSid === track))
    const isAgent = room.remoteParticipants.get(identity)?.isAgent ?? false
    const speaker = speakerOf({ identity, isAgent }, owner?.identity)
    if (speaker === room.localParticipant.identity) return
    const caption = { id: `${identity} ${attributes['lk.segment_id'] ?? id}`, identity: speaker }
    const final = attributes['lk.transcription_final'] !== 'false'
    let text = ''
    try {
      for await (const piece of reader) {
        text = endOf(text + piece)
        this.captions.heard({ ...caption, text, final: false })
      }
      this.captions.heard({ ...caption, text, final })
    } catch (error) {
      console.warn('a caption broke off', error)
    }
  }

  private setReconnecting(reconnecting: boolean): void {
    this.reconnecting = reconnecting
    this.changed()
  }

  private setProblem(problem: PlainText | undefined): void {
    this.problem = problem
    this.changed()
  }

  private tell(say: Notice['say']): void {
    this.noticeCount += 1
    this.notice = { id: this.noticeCount, say }
    this.changed()
  }

  /** Redraws soon, once for many changes. */
  private changed(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.view = this.look()
      for (const listener of this.listeners) listener()
    }, RENDER_MS)
  }

  private look(): CallView {
    const { room } = this
    const { localParticipant: local } = room
    const remote = [...room.remoteParticipants.values()].sort(
      (a, b) => (a.joinedAt?.getTime() ?? 0) - (b.joinedAt?.getTime() ?? 0),
    )
    const sounds = remote.flatMap((who) =>
      [...who.audioTrackPublications.values()].flatMap(({ track, trackSid }) =>
        track ? [{ sid: trackSid, track }] : [],
      ),
    )
    return {
      reconnecting: this.reconnecting,
      people: [...remote, local].map((who) => personView(who, this.nameOf(who), this.back)),
      sounds,
      microphoneOn: local.isMicrophoneEnabled,
      cameraOn: local.isCameraEnabled,
      screenOn: local.isScreenShareEnabled,
      mayPublish: local.permissions?.canPublish ?? true,
      maySendFiles: (local.permissions?.canPublishData ?? true) && remote.length > 0,
      soundBlocked: !room.canPlaybackAudio,
      transfers: this.transfers.list(),
      captions: this.captions.list(),
      captioned: this.captions.came,
      notice: this.notice,
      problem: this.problem,
    }
  }
}

const REDRAWING = [
  RoomEvent.ParticipantConnected,
  RoomEvent.ParticipantDisconnected,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.ParticipantPermissionsChanged,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
  RoomEvent.TrackSubscribed,
  RoomEvent.TrackUnsubscribed,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
  RoomEvent.LocalTrackPublished,
  RoomEvent.LocalTrackUnpublished,
  RoomEvent.ActiveSpeakersChanged,
  RoomEvent.ConnectionQualityChanged,
  RoomEvent.AudioPlaybackStatusChanged,
  RoomEvent.TrackStreamStateChanged,
] as const

const LINES: Record<ConnectionQuality, LineSample['line']> = {
  [ConnectionQuality.Excellent]: 'excellent',
  [ConnectionQuality.Good]: 'good',
  [ConnectionQuality.Poor]: 'poor',
  [ConnectionQuality.Lost]: 'lost',
  [ConnectionQuality.Unknown]: 'unknown',
}

async function lineOf(who: Participant, name: string): Promise<LineSample> {
  const publication = who.getTrackPublication(Track.Source.Camera)
  const track = publication?.isMuted === true ? undefined : (publication?.track as RemoteTrack | LocalVideoTrack | undefined)
  const report = await track?.getRTCStatsReport().catch(() => undefined)
  return { identity: who.identity, name, isLocal: who.isLocal, line: LINES[who.connectionQuality], suspended: isSuspended(who), picture: report === undefined ? undefined : pictureIn(report.values()) }
}

function nameOf(who: Participant): string {
  return who.name !== undefined && who.name !== '' ? who.name : who.identity
}

/** The server holds back the picture of this person, for want of room on the line that it should come by. */
function isSuspended(who: Participant): boolean {
  const publication = who.getTrackPublication(Track.Source.Camera)
  return !who.isLocal && publication?.isMuted === false && publication.track?.streamState === Track.StreamState.Paused
}

function personView(who: Participant, name: string, back: boolean): PersonView {
  const live = (source: Track.Source): Track | undefined => {
    const publication = who.getTrackPublication(source)
    return publication && !publication.isMuted ? publication.track : undefined
  }
  return {
    identity: who.identity,
    name,
    isLocal: who.isLocal,
    role: who.attributes.role,
    mirrored: who.isLocal && !back,
    speaking: who.isSpeaking,
    microphoneOn: who.isMicrophoneEnabled,
    weak: who.connectionQuality === ConnectionQuality.Poor || who.connectionQuality === ConnectionQuality.Lost,
    suspended: isSuspended(who),
    camera: live(Track.Source.Camera),
    screen: live(Track.Source.ScreenShare),
  }
}

/** The signalling address: the origin that served the page. */
function serverUrl(): string {
  return location.origin.replace(/^http/, 'ws')
}

/** What `startCall` needs of a link or of the clinic's answer. */
export interface Entry {
  token: string
  name: string
  mayRename: boolean
  /** The signalling address, when it is not the origin that served the page. */
  url?: string
}

/** Joins the room. Rejects when the call cannot start; the caller keeps the captured tracks then. */
export async function startCall(link: Entry, name: string, captured: Captured): Promise<CallSession> {
  const room = new Room({
    adaptiveStream: true,
    dynacast: true,
    videoCaptureDefaults: { resolution: RESOLUTION },
  })
  const session = new CallSession(room)
  try {
    await room.connect(link.url ?? serverUrl(), link.token)
  } catch (error) {
    await room.disconnect().catch(() => undefined)
    throw error
  }
  if (link.mayRename && name !== link.name) {
    void room.localParticipant.setName(name).catch((error: unknown) => console.warn('the name was not changed', error))
  }
  void session.publish(captured)
  return session
}
