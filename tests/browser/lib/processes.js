import { readdirSync, readFileSync } from 'node:fs'
import { sleep } from './wait.js'

/** Pids of all descendants of a process, from /proc. */
export function descendants(pid) {
  const children = new Map()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      // The name may hold spaces and brackets: fields are counted from the last bracket.
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    } catch {
      // It ended while we looked.
    }
  }
  const found = []
  const queue = [pid]
  while (queue.length > 0) {
    const next = children.get(queue.pop()) ?? []
    found.push(...next)
    queue.push(...next)
  }
  return found
}

export function signal(pids, name) {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // Already gone.
    }
  }
}

/** Resident memory of a process in KiB. */
export function residentKib(pid) {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? 0)
}

const ended = (child) => child.exitCode !== null || child.signalCode !== null

/** Ends a process that we started: politely, then not. */
export async function end(child, patience = 5000) {
  const family = descendants(child.pid)
  signal([...family, child.pid], 'SIGCONT')
  signal([child.pid], 'SIGTERM')
  const deadline = Date.now() + patience
  while (!ended(child) && Date.now() < deadline) await sleep(50)
  signal([...family, ...(ended(child) ? [] : [child.pid])], 'SIGKILL')
}
