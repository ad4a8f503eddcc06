/** Showing documents: patients and professionals read the same words. */
export const fr = {
  opening: 'Ouverture du document…',
  notShown: 'Ce document ne s’affiche pas ici. Enregistrez-le pour le lire.',
  zoom: 'Taille du document',
  smaller: 'Réduire',
  larger: 'Agrandir',
  page: (number: number, of: number) => `Page ${number} sur ${of}`,
  categories: {
    prescription: 'Ordonnance',
    report: 'Compte rendu',
    exam: 'Examen',
    certificate: 'Certificat',
    photo: 'Photo',
    invoice: 'Facture',
    other: 'Document',
  },
}

export type Catalogue = typeof fr
