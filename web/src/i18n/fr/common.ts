/** The texts of the frame and the components, on every page. */
export const fr = {
  product: 'Téléconsultation',
  skip: 'Aller au contenu',
  help: 'Aide',
  newTab: 'nouvel onglet',
  display: 'Affichage',
  textSize: 'Taille du texte',
  smaller: 'Texte plus petit',
  larger: 'Texte plus grand',
  theme: 'Couleurs',
  themeAuto: 'Automatiques',
  themeLight: 'Claires',
  themeDark: 'Sombres',
  themeContrast: 'Très contrastées',
  close: 'Fermer',
  cancel: 'Annuler',
  working: 'Un instant…',
  required: 'obligatoire',
  optional: 'facultatif',
  failed: 'Cette page n’a pas pu se charger. Vérifiez votre connexion.',
  reload: 'Recharger la page',
}

export type Catalogue = typeof fr
