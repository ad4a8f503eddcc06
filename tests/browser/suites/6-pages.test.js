import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startChromium } from '../lib/browsers.js'
import { DESK as FRENCH, enterCall, framesShown, joinLink, open, PHONE, pressEnter, printedLinks, violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { startServer } from '../lib/server.js'
import { until } from '../lib/wait.js'

test('Two people open the printed links, see each other, exchange a file with the buttons of the page, and leave', { timeout: 300_000 }, async (t) => {
  const server = await startServer(t, { flags: ['--demo'] })
  const browser = await startChromium(t)
  const links = printedLinks(server)
  assert.ok(links.length >= 2, `the server printed ${links.length} join links\n${server.printed()}`)
  const [first, second] = [await open(t, browser, links[0]), await open(t, browser, links[1], PHONE)]
  for (const { page } of [first, second]) await enterCall(page)
  for (const { page, why } of [first, second]) {
    await until('two people are on the page', async () => (await page.locator('.tile').count()) === 2, { why })
    const before = await until('both pictures are there', async () => {
      const frames = await framesShown(page)
      return Object.values(frames).length === 2 && Object.values(frames).every((count) => count > 0) && frames
    }, { why })
    await until('both pictures move', async () => {
      const frames = await framesShown(page)
      return Object.entries(before).every(([identity, count]) => frames[identity] > count + 5)
    }, { why })
    assert.deepEqual(await violations(page), [])
  }

  const content = randomBytes(3_000_000)
  const path = join(out, 'letter.bin')
  writeFileSync(path, content)
  await first.page.click('[data-test=files]')
  await first.page.locator('.files-input').setInputFiles(path)
  await first.page.locator('.transfer[data-state=done][data-direction=out]').waitFor()
  await second.page.click('[data-test=files]')
  await second.page.locator('.transfer[data-state=done][data-direction=in]').waitFor()
  assert.deepEqual(await violations(second.page), [])
  const [download] = await Promise.all([second.page.waitForEvent('download'), second.page.click('.button-save')])
  assert.equal(download.suggestedFilename(), 'letter.bin')
  const saved = join(out, 'letter.saved.bin')
  await download.saveAs(saved)
  const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')
  assert.equal(digest(readFileSync(saved)), digest(content))

  await first.page.click('[data-test=microphone]')
  await second.page.locator('.tile .unseen', { hasText: 'micro coupé' }).first().waitFor({ state: 'attached' })
  await first.page.click('[data-test=camera]')
  await until('the camera is off for the other', async () => (await second.page.locator('.tile video').count()) === 1, { why: second.why })
  await first.page.click('[data-test=camera]')
  await until('and on again', async () => (await second.page.locator('.tile video').count()) === 2, { why: second.why })

  await first.page.click('[data-test=leave]')
  await first.page.getByRole('heading', { name: 'Vous avez quitté l’appel' }).waitFor()
  assert.deepEqual(await violations(first.page), [])
  await until('the other is alone', async () => (await second.page.locator('.tile').count()) === 1, { why: second.why })
  await first.page.click('[data-test=return]')
  await enterCall(first.page)
  await until('they meet again', async () => (await second.page.locator('.tile').count()) === 2, { why: second.why })
  for (const { complaints, foreign } of [first, second]) {
    assert.deepEqual(complaints, [])
    assert.deepEqual(foreign, [], 'nothing is asked of anybody else')
  }
})

test('A file cancelled by its sender stops, and the one receiving it is told', { timeout: 240_000 }, async (t) => {
  const server = await startServer(t)
  const browser = await startChromium(t)
  const [sender, receiver] = await Promise.all(['ana', 'bob'].map((who) => open(t, browser, joinLink(server, 'cancel', who, who))))
  for (const { page } of [sender, receiver]) await enterCall(page)
  await until('they see each other', async () => (await sender.page.locator('.tile').count()) === 2, { why: sender.why })
  await sender.page.click('[data-test=files]')
  await receiver.page.click('[data-test=files]')
  // Made in the page: the test's own channel to the browser takes minutes for so much on a busy machine.
  await sender.page.locator('.files-input').evaluate((input) => {
    const chosen = new DataTransfer()
    chosen.items.add(new File([new Uint8Array(150_000_000)], 'long.bin'))
    input.files = chosen.files
    input.dispatchEvent(new Event('change', { bubbles: true }))
  })
  await receiver.page.locator('.transfer[data-state=moving]').waitFor()
  await sender.page.locator('.transfer button').click()
  await sender.page.locator('.transfer[data-state=cancelled]').waitFor()
  await receiver.page.locator('.transfer[data-state=failed]').waitFor()
})

test('The join page is served under its own policy, speaks French and English, and names what is wrong with a link', { timeout: 180_000 }, async (t) => {
  const server = await startServer(t)
  const browser = await startChromium(t)
  const link = joinLink(server, 'salle', 'jeanne', 'Jeanne Moreau')
  const { page, response, complaints } = await open(t, browser, link)
  const policy = response.headers()['content-security-policy'] ?? ''
  assert.match(policy, /default-src 'self'/)
  assert.doesNotMatch(policy, /unsafe-inline|unsafe-eval/)
  await page.getByText('Jeanne Moreau').waitFor()
  await page.locator('[data-test=enter], [data-test=allow]').first().waitFor()
  assert.deepEqual(await violations(page), [])
  await page.getByRole('button', { name: 'English' }).click()
  await page.getByRole('heading', { name: 'You are about to join the call' }).waitFor()
  assert.equal(await page.getAttribute('html', 'lang'), 'en')
  assert.deepEqual(complaints, [])

  const heading = async (address) => (await (await open(t, browser, address)).page.getByRole('heading').first().textContent()) ?? ''
  assert.equal(await heading(`${server.http}/join`), 'Il manque le lien de l’appel')
  assert.equal(await heading(`${server.http}/join#token=abc`), 'Ce lien est incomplet')
  assert.equal(await heading(joinLink(server, 'salle', 'x', 'x', { seconds: -3600 })), 'Ce lien n’est plus valable')

  // A token in the query leaves the address bar at once.
  const queried = await open(t, browser, link.replace('#', '?'))
  await until('the token has moved', () => !new URL(queried.page.url()).search.includes('token'))

  const forged = await open(t, browser, joinLink(server, 'salle', 'x', 'x', { secret: 'not the secret of this server' }))
  await pressEnter(forged.page)
  await forged.page.getByText('Le serveur a refusé ce lien').waitFor()
})
