/** What a diagnostic holds: technique, never a name, a number, a label of a device or a text. */
export interface Diagnostic {
  page: 'login' | 'list' | 'form' | 'admin' | 'other' | 'link' | 'check' | 'waiting' | 'call' | 'end' | 'documents'
  browser?: { family: string; major?: number }
  os?: { family: string; major?: number }
  device?: 'phone' | 'tablet' | 'desktop'
  permissions?: Record<string, string>
  devices?: { cameras: number; microphones: number; speakers: number }
  probe?: Record<string, number | boolean | string>
  ice?: { local?: string[]; remote?: string[]; transport?: string; state?: string }
  quality?: { at_s: number; rtt_ms?: number; loss_permille?: number; jitter_ms?: number; up_kbps?: number; down_kbps?: number; fps?: number; width?: number; height?: number }[]
  errors?: { at_s: number; code: string }[]
  timeline?: { at_s: number; event: string }[]
}
