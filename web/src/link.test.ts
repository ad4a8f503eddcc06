import { describe, expect, test } from 'vitest'
import { readLink } from './link'

const jwt = (claims: unknown): string => {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part(claims)}.c2ln`
}
const NOW = 1_800_000_000

describe('a join link', () => {
  test('gives the room and the name from the token in its fragment', () => {
    const token = jwt({ sub: 'p1', name: 'Zoé Ménard', exp: NOW + 60, video: { room: 'salle-1' } })
    const read = readLink(`#token=${token}`, '', NOW)
    expect(read).toEqual({
      ok: true,
      link: { token, room: 'salle-1', identity: 'p1', name: 'Zoé Ménard', mayRename: false, expires: NOW + 60 },
    })
  })

  test('may carry the token and the room in its query', () => {
    const token = jwt({ sub: 'p1', video: {} })
    const read = readLink('', `?room=r2&token=${token}`, NOW)
    expect(read).toMatchObject({ ok: true, link: { room: 'r2', name: 'p1' } })
  })

  test('is missing without a token', () => {
    expect(readLink('#', '?room=a', NOW)).toEqual({ ok: false, problem: 'missing' })
  })

  test.each(['abc', 'a.b', 'a.%%%.c', `a.${Buffer.from('[1]').toString('base64url')}.c`, jwt({ video: {} })])(
    'is broken when its token is %s',
    (token) => {
      expect(readLink(`#token=${token}`, '', NOW)).toEqual({ ok: false, problem: 'broken' })
    },
  )

  test('is expired only beyond the slack left to wrong clocks', () => {
    const read = (exp: number) => readLink(`#token=${jwt({ sub: 'p', exp })}`, '', NOW)
    expect(read(NOW - 60).ok).toBe(true)
    expect(read(NOW - 121)).toEqual({ ok: false, problem: 'expired' })
  })
})
