import type { Catalogue } from '../fr/common'

export const en: Catalogue = {
  product: 'Teleconsultation',
  skip: 'Skip to content',
  help: 'Help',
  newTab: 'new tab',
  display: 'Display',
  textSize: 'Text size',
  smaller: 'Smaller text',
  larger: 'Larger text',
  theme: 'Colours',
  themeAuto: 'Automatic',
  themeLight: 'Light',
  themeDark: 'Dark',
  themeContrast: 'High contrast',
  close: 'Close',
  cancel: 'Cancel',
  working: 'One moment…',
  required: 'required',
  optional: 'optional',
  failed: 'This page could not load. Check your connection.',
  reload: 'Reload the page',
}
