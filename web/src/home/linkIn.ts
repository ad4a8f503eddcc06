/** The invitation in what somebody pasted, a whole message perhaps: the path on this server, with its secret. */
export function linkIn(text: string, origin: string): string | undefined {
  for (const word of text.split(/\s+/)) {
    const at = word.indexOf('/c#')
    const secret = at < 0 ? undefined : /^[\w-]{16,}/.exec(word.slice(at + 3))?.[0]
    if (secret === undefined) continue
    const before = word.slice(0, at).replace(/^https?:\/\//, '')
    // A link of another server has nothing to find here.
    if (before === '' || before === new URL(origin).host) return `/c#${secret}`
  }
  return undefined
}
