/** What a person does to a page: presses, fills in, reads. `who` is a person of a world, or anything with a page and words. */

/** Pages say some spaces that no line may break at; Playwright compares with ordinary ones. */
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+')

export const button = ({ page }, name) => page.getByRole('button', { name, exact: true })
export const press = (who, name) => button(who, name).click()

/** The button of that name in the dialog that is open. */
export const pressInDialog = ({ page }, name) => page.getByRole('dialog').getByRole('button', { name, exact: true }).click()

/** A control by its label, whether or not the page says that it is optional. */
export const field = ({ page, words }, label) =>
  page.getByLabel(new RegExp(`^${escaped(label)}( \\(${escaped(words.common.optional)}\\))?$`))
export const fill = (who, label, text) => field(who, label).fill(text)
export const choose = (who, label, value) => field(who, label).selectOption(value)

export const heading = ({ page }, name) => page.getByRole('heading', { name, exact: true })
export const seeHeading = (who, name) => heading(who, name).waitFor()
export const see = ({ page }, text) => page.getByText(text).first().waitFor()

/** Opens what is folded behind a word. */
export const unfold = ({ page }, word) => page.locator('summary', { hasText: word }).click()

/** Fills in every field that is named, by label. */
export async function fillAll(who, texts) {
  for (const [label, text] of Object.entries(texts)) await fill(who, label, text)
}

/** A pattern for accessible names that begin so. */
export const beginning = (text) => new RegExp(`^${escaped(text.trim())}`)
