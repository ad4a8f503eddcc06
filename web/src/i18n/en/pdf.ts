import type { Catalogue } from '../fr/pdf'

export const en: Catalogue = {
  opening: 'Opening the document…',
  unreadable: 'This PDF cannot be shown. You can download it.',
  smaller: 'Smaller',
  larger: 'Larger',
  page: (number, all) => `Page ${number} of ${all}`,
  pages: (all) => (all > 1 ? `${all} pages` : '1 page'),
}
