import type { Catalogue } from '../fr/documents'

export const en: Catalogue = {
  opening: 'Opening the document…',
  notShown: 'This document cannot be shown here. Save it to read it.',
  zoom: 'Size of the document',
  smaller: 'Smaller',
  larger: 'Larger',
  page: (number, of) => `Page ${number} of ${of}`,
  categories: {
    prescription: 'Prescription',
    report: 'Report',
    exam: 'Examination',
    certificate: 'Certificate',
    photo: 'Photo',
    invoice: 'Invoice',
    other: 'Document',
  },
}
