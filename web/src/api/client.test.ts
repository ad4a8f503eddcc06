import { expect, test } from 'vitest'
import { fileNameOf, headersOf, problemOf } from './client'

test('a refusal keeps its code, its words and the fields that it names', () => {
  const text = JSON.stringify({
    code: 'validation-failed',
    detail: 'Des champs sont à corriger.',
    corr_id: 'ab12',
    errors: [{ pointer: '/patient/birth_name', code: 'required' }, 'nonsense'],
  })
  const problem = problemOf(422, text, '30')
  expect(problem.code).toBe('validation-failed')
  expect(problem.message).toBe('Des champs sont à corriger.')
  expect(problem.fields).toHaveLength(1)
  expect(problem.field('/patient/birth_name')).toBe('required')
  expect(problem.field('/patient')).toBe('required')
  expect(problem.field('/patient/birth')).toBeUndefined()
  expect(problem.correlation).toBe('ab12')
  expect(problem.retryAfter).toBe(30)
})

test('a page of a proxy is a refusal too, and none of its text is shown', () => {
  const problem = problemOf(502, '<html>Bad gateway</html>', null)
  expect(problem.code).toBe('http-502')
  expect(problem.message).toBe('')
  expect(problem.retryAfter).toBeUndefined()
})

test('only requests that change something carry the token', () => {
  expect(headersOf({}, 'fr', 'secret')).not.toHaveProperty('X-CSRF-Token')
  expect(headersOf({ method: 'POST', body: {} }, 'fr', 'secret')).toMatchObject({
    'X-CSRF-Token': 'secret',
    'Content-Type': 'application/json',
  })
  expect(headersOf({ method: 'DELETE' }, 'fr', undefined)).not.toHaveProperty('X-CSRF-Token')
})

test('version and key of the wish travel as headers', () => {
  expect(headersOf({ method: 'PATCH', etag: '"v3"', idempotencyKey: 'k' }, 'en', 't')).toMatchObject({
    'If-Match': '"v3"',
    'Idempotency-Key': 'k',
    'Accept-Language': 'en',
  })
})

test('a piece of a file travels as bytes with its place in the whole', () => {
  const headers = headersOf({ method: 'PUT', bytes: new Blob(['abc']), range: 'bytes 0-2/9' }, 'fr', 't')
  expect(headers).toMatchObject({ 'Content-Type': 'application/octet-stream', 'Content-Range': 'bytes 0-2/9', 'X-CSRF-Token': 't' })
})

test('a file keeps its whole name where the server gives it, and its plain one otherwise', () => {
  expect(fileNameOf(`inline; filename="Lef_vre.pdf"; filename*=UTF-8''Lef%C3%A8vre.pdf`)).toBe('Lefèvre.pdf')
  expect(fileNameOf('attachment; filename="rapport.pdf"')).toBe('rapport.pdf')
  expect(fileNameOf(`attachment; filename="a.pdf"; filename*=UTF-8''%E0%A4%A`)).toBe('a.pdf')
  expect(fileNameOf('')).toBeUndefined()
})
