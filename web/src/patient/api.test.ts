import { afterEach, expect, test, vi } from 'vitest'
import { GuestApi, Refused } from './api'

afterEach(() => vi.unstubAllGlobals())
const answering = (...answers: (Response | Error)[]) => {
  const fake = vi.fn<typeof fetch>(() => {
    const next = answers.shift() ?? new Error('no more answers')
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
  })
  vi.stubGlobal('fetch', fake)
  return fake
}
const headersOf = (fake: ReturnType<typeof answering>, call: number) => fake.mock.calls[call]?.[1]?.headers as Record<string, string>

test('the secret travels in the body, and what the session answered guards what follows', async () => {
  const session = { csrf_token: 'c1', guest: { next: 'consent' } }
  const fake = answering(Response.json(session), Response.json({ next: 'wait' }))
  const api = new GuestApi()
  await api.enter('SECRET', false, 'phone')
  await api.consent('accepted', '2026-11', undefined)
  expect(fake.mock.calls[0]?.[0]).toBe('/p/v1/links/session')
  expect(fake.mock.calls[0]?.[1]?.body).toContain('SECRET')
  expect(headersOf(fake, 0)).not.toHaveProperty('x-csrf-token')
  expect(headersOf(fake, 1)['x-csrf-token']).toBe('c1')
})

test('a refusal keeps its code; a proxy and a dead line are no answer', async () => {
  const problem = Response.json({ code: 'link-in-use', detail: 'Ce lien est utilisé.' }, { status: 409 })
  answering(problem, new Response('<html>', { status: 502 }), new TypeError('failed to fetch'))
  const api = new GuestApi()
  const fails = () => api.look('x').then(() => undefined, (error: unknown) => error as Refused)
  expect(await fails()).toMatchObject({ code: 'link-in-use', detail: 'Ce lien est utilisé.' })
  expect(await fails()).toMatchObject({ code: 'unreachable' })
  expect(await fails()).toMatchObject({ code: 'unreachable' })
})
