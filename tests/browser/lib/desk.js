import { press } from './press.js'

/** The panel beside the call, and on the page of the consultation. */
export const tab = ({ page }, name) => page.getByRole('tab', { name }).click()
export const documentRow = ({ page }, name) => page.locator('[data-test=document]', { hasText: name })

/** Chooses a file in the panel of documents and sends it. */
export async function handOver(desk, name, buffer, { word = desk.words.deskDocuments.send, mimeType = 'application/pdf' } = {}) {
  const { deskDocuments: words } = desk.words
  await tab(desk, words.title)
  await desk.page.getByLabel(words.choose, { exact: true }).first().setInputFiles({ name, mimeType, buffer })
  await press(desk, word)
}

/** Asks for online payment, and gives it oneself as the administrator that one is. */
export async function activatePayment(admin) {
  const { admin: words, payment, pro } = admin.words
  const { page, server } = admin
  await page.goto(`${server.http}/compte`)
  await press(admin, payment.activate)
  await page.getByText(payment.activationStates.requested).first().waitFor()
  await page.goto(`${server.http}/admin/paiement`)
  await page.getByRole('button', { name: new RegExp(`^${words.configure}`) }).click()
  await page.getByLabel(words.provider).selectOption('emulator')
  await page.getByRole('dialog').getByRole('button', { name: pro.save, exact: true }).click()
  await page.getByRole('button', { name: new RegExp(`^${words.testKeys}`) }).click()
  await page.getByRole('button', { name: new RegExp(`^${words.enable}`) }).click()
  await page.locator('.chip', { hasText: words.paymentStatuses.enabled }).waitFor()
}
