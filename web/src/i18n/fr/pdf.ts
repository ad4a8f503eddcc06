export const fr = {
  opening: 'Ouverture du document…',
  unreadable: 'Ce PDF ne peut pas être affiché. Vous pouvez le télécharger.',
  smaller: 'Réduire',
  larger: 'Agrandir',
  page: (number: number, all: number) => `Page ${number} sur ${all}`,
  pages: (all: number) => (all > 1 ? `${all} pages` : '1 page'),
}

export type Catalogue = typeof fr
