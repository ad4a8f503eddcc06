/** The texts of a frame in a portal that are not those of the consultation inside. */
const failures: Record<string, string> = {
  'link-unknown': 'Ce lien a déjà servi, ou il a plus d’une minute.',
  'session-expired': 'La session est terminée.',
  network: 'Le serveur ne répond pas. Vérifiez votre connexion.',
  'quota-exceeded': 'Trop d’essais. Attendez une minute.',
}

export const fr = {
  line: 'Téléconsultation',
  opening: 'Ouverture de la téléconsultation…',
  failedTitle: 'La téléconsultation ne s’ouvre pas',
  failedText: 'Revenez à votre portail et ouvrez-la de nouveau.',
  failedOther: 'L’ouverture a échoué.',
  failures,
}

export type Catalogue = typeof fr
