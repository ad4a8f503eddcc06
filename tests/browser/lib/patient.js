import { button, fill } from './press.js'

/** Allows the devices where the page asks (a browser that knows the answer is not asked), then goes on. */
export async function permitted(page, onward) {
  const allow = page.locator('[data-test=allow]')
  const next = page.locator(onward)
  await allow.or(next).first().waitFor()
  if (await allow.isVisible()) await Promise.race([allow.click().catch(() => undefined), next.waitFor()])
  await next.click()
}

/** The screen that a guest is at. */
export const atScreen = ({ page }, name) => page.locator(`[data-test=patient-${name}]`).waitFor()

/** « Commencer », and what the server asks before anything else. */
export async function begin(guest, { answer } = {}) {
  await guest.page.locator('[data-test=begin]').click()
  if (answer !== undefined) await identify(guest, answer)
}

export async function identify(guest, answer) {
  await guest.page.locator('[name=answer]').fill(answer)
  await guest.page.locator('[data-test=answer]').click()
}

export const agree = ({ page }) => page.locator('[data-test=accept]').click()

/** Where they are, and where to call back; nothing of it is skipping. */
export async function tellPlace(guest, { place, number } = {}) {
  const { guest: texts } = guest.words
  if (place === undefined) {
    await guest.page.locator('[data-test=skip-place]').click()
    return
  }
  await fill(guest, texts.placeField, place)
  if (number !== undefined) await fill(guest, texts.callbackField, number)
  await guest.page.locator('[data-test=place]').click()
}

/** Camera and microphone, to the door of the waiting room. */
export async function checkDevices(guest) {
  await permitted(guest.page, '[data-test=checked]')
}

/** From the link to the waiting room. */
export async function toWaitingRoom(guest, { answer, place, number } = {}) {
  await begin(guest, { answer })
  await agree(guest)
  await tellPlace(guest, { place, number })
  await checkDevices(guest)
  await atScreen(guest, 'waiting')
}

/** Answers whatever is asked until the waiting room: not everybody is asked everything. */
export async function onward(guest, answer) {
  const steps = {
    '[name=answer]': () => identify(guest, answer),
    '[data-test=accept]': () => agree(guest),
    '[data-test=skip-place]': () => tellPlace(guest),
    '[data-test=allow], [data-test=checked]': () => checkDevices(guest),
  }
  const waiting = guest.page.locator('[data-test=patient-waiting]')
  for (;;) {
    await guest.page.locator(Object.keys(steps).join()).or(waiting).first().waitFor()
    if (await waiting.isVisible()) return
    for (const [selector, act] of Object.entries(steps)) {
      const asked = guest.page.locator(selector).first()
      if (!(await asked.isVisible())) continue
      await act()
      await asked.waitFor({ state: 'detached' })
    }
  }
}

/** Leaves, and says so a second time. */
export async function leave(guest) {
  await button(guest, guest.words.guest.leave).first().click()
  await guest.page.locator('[data-test=leave-yes]').click()
  await atScreen(guest, 'left')
}
