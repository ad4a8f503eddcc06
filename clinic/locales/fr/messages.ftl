# Ce que le serveur écrit aux personnes. Attributs : subject, body, action (bouton du lien), after, sms.
# sms : alphabet GSM-7 (pas de ê â î ô û ç œ « » … ’), un seul segment, aucun mot de santé.

weekday = { $weekday ->
    [1] lundi
    [2] mardi
    [3] mercredi
    [4] jeudi
    [5] vendredi
    [6] samedi
   *[7] dimanche
}
month = { $month ->
    [1] janvier
    [2] février
    [3] mars
    [4] avril
    [5] mai
    [6] juin
    [7] juillet
    [8] août
    [9] septembre
    [10] octobre
    [11] novembre
   *[12] décembre
}
day = { $day ->
    [1] 1er
   *[other] { $day }
}
when = { weekday } { day } { month } { $year } à { $hour } h { $minute }{ $elsewhere ->
    [yes] {" "}(heure de { $zone })
   *[no] {""}
}
short-date = { $day2 }/{ $month2 }
short-time = { $hour }h{ $minute }
amount = { $euros },{ $cents } €
footer = { $organisation }. Ce message part automatiquement. Nous ne demandons jamais votre mot de passe par mail.
link-below = Ou copiez cette adresse dans votre navigateur :

registration-confirm =
    .subject = Confirmez votre adresse
    .body =
        Bonjour,

        Vous avez demandé une inscription avec cette adresse. Confirmez qu’elle est bien à vous.

        Ce lien sert une fois. Il est valable 24 heures.
    .action = Confirmer mon adresse
    .after = Ce n’était pas vous ? Ne faites rien : l’inscription s’efface d’elle-même.
registration-exists =
    .subject = Vous êtes déjà inscrit
    .body =
        Bonjour,

        Quelqu’un a demandé une inscription avec cette adresse. Elle a déjà un compte, rien n’a changé.

        Si c’était vous, connectez-vous. Mot de passe oublié ? La page de connexion permet d’en choisir un autre.
registration-pending =
    .subject = Une inscription attend votre validation
    .body =
        Bonjour,

        Une personne a confirmé son adresse et attend votre décision. Vous la trouverez dans la liste des inscriptions.
registration-validated =
    .subject = Votre inscription est validée
    .body =
        Bonjour,

        Votre inscription est validée. Vous pouvez vous connecter.

        Enregistrez la page de connexion dans vos favoris. Un navigateur récent suffit : Firefox, Chrome, Edge ou Safari.
    .action = Me connecter
registration-refused =
    .subject = Votre inscription n’a pas été acceptée
    .body =
        Bonjour,

        Votre inscription n’a pas été acceptée.{ $has-reason ->
            [yes] {" "}Motif : { $reason }
           *[no] {""}
        }
password-reset =
    .subject = Choisissez un nouveau mot de passe
    .body =
        Bonjour,

        Vous avez demandé un nouveau mot de passe. Ce lien sert une fois. Il est valable une heure.
    .action = Choisir un mot de passe
    .after = Ce n’était pas vous ? Ne faites rien : votre mot de passe reste le même.
password-changed =
    .subject = Votre mot de passe a changé
    .body =
        Bonjour,

        Le mot de passe de votre compte vient d’être changé. Toutes les sessions ont été fermées.

        Ce n’était pas vous ? Demandez tout de suite un nouveau mot de passe sur la page de connexion.
second-factor-set =
    .subject = La double vérification est active
    .body =
        Bonjour,

        Votre compte demande maintenant un code à chaque connexion. Gardez vos codes de secours en lieu sûr.

        Ce n’était pas vous ? Prévenez votre administrateur.
second-factor-reset =
    .subject = Votre double authentification a été réinitialisée
    .body =
        Bonjour,

        Un administrateur a réinitialisé la double authentification de votre compte. Toutes les sessions ont été fermées. À votre prochaine connexion, vous en configurerez une nouvelle.

        Vous ne l’avez pas demandé ? Prévenez tout de suite votre administrateur.
account-closed =
    .subject = Votre compte est fermé
    .body =
        Bonjour,

        Votre compte a été fermé. Votre nom, votre adresse, votre mot de passe et votre signature ont été effacés. Ce message est le dernier.

        Vous ne l’avez pas demandé ? Prévenez votre administrateur. Vous pouvez vous inscrire de nouveau avec cette adresse.
recovery-code-used =
    .subject = Un code de secours a servi
    .body =
        Bonjour,

        Quelqu’un s’est connecté à votre compte avec un code de secours. Ce code ne servira plus.

        Ce n’était pas vous ? Changez votre mot de passe et prévenez votre administrateur.
login-alert =
    .subject = Nouvelle connexion à votre compte
    .body =
        Bonjour,

        Une connexion a eu lieu depuis un nouveau navigateur, { when }.

        Ce n’était pas vous ? Changez votre mot de passe.
account-locked =
    .subject = Connexion bloquée pour un moment
    .body =
        Bonjour,

        Il y a eu trop d’essais de connexion à votre compte. Il est bloqué jusqu’au { when }.

        Ce n’était pas vous ? Prévenez votre administrateur.

invitation =
    .subject = Rendez-vous vidéo, { when }
    .body =
        Bonjour,

        { $recipient ->
            [patient] { $professional } vous attend en vidéo { when }. Il n’y a rien à installer.
            [carer] { $professional } vous attend en vidéo { when }, avec la personne que vous accompagnez. Il n’y a rien à installer.
            [facility] Un rendez-vous vidéo avec { $professional } est fixé dans votre établissement { when }. Il n’y a rien à installer.
            [interpreter] { $professional } vous attend comme interprète en vidéo { when }. Il n’y a rien à installer.
            [colleague] { $professional } vous invite à rejoindre un rendez-vous vidéo { when }.
           *[bedside_professional] { $professional } vous invite à un rendez-vous vidéo { when }, sur place auprès de la personne.
        }

        À l’heure prévue, ouvrez ce lien sur un ordinateur, une tablette ou un téléphone. Gardez ce message.
    .action = Rejoindre le rendez-vous
    .after = Ce lien est pour vous. Ne le transmettez pas.
    .sms = { $recipient ->
        [patient] Bonjour, votre rendez-vous vidéo est le { short-date } à { short-time }. Touchez ce lien à l'heure prévue : { $link }
        [carer] Bonjour, rendez-vous vidéo de votre proche le { short-date } à { short-time }. Touchez ce lien à l'heure : { $link }
       *[other] Bonjour, rendez-vous vidéo le { short-date } à { short-time }. Lien pour participer : { $link }
    }
moved =
    .subject = Rendez-vous vidéo déplacé, { when }
    .body =
        Bonjour,

        Le rendez-vous vidéo avec { $professional } est déplacé. Il aura lieu { when }.

        Le lien reste le même. Gardez ce message.
    .action = Rejoindre le rendez-vous
    .after = Ce lien est pour vous. Ne le transmettez pas.
    .sms = Votre rendez-vous vidéo est déplacé au { short-date } à { short-time }. Gardez ce lien : { $link }
cancelled =
    .subject = Rendez-vous vidéo annulé
    .body =
        Bonjour,

        Le rendez-vous vidéo avec { $professional }, { when }, est annulé. Le lien ne sert plus.

        Contactez votre soignant pour en fixer un autre.
    .sms = Votre rendez-vous vidéo du { short-date } à { short-time } est annulé. Contactez votre soignant pour en fixer un autre.
reminder =
    .subject = Rappel : rendez-vous vidéo, { when }
    .body =
        Bonjour,

        Rappel : { $professional } vous attend en vidéo { when }.

        À l’heure prévue, ouvrez ce lien. Il n’y a rien à installer.
    .action = Rejoindre le rendez-vous
    .sms = Rappel : rendez-vous vidéo le { short-date } à { short-time }. Lien : { $link }
immediate-call =
    .subject = Votre soignant vous attend en vidéo
    .body =
        Bonjour,

        Votre soignant vous attend en vidéo, maintenant. Il n’y a rien à installer.

        Ce lien est valable { $minutes } minutes.
    .action = Rejoindre l’appel
    .sms = Votre soignant vous attend en vidéo. Touchez ce lien pour le rejoindre : { $link } (valable { $minutes } min)

documents-available =
    .subject = Un document vous attend
    .body =
        Bonjour,

        Un document vous attend. Vous pouvez le lire et l’enregistrer jusqu’au { when }.
    .action = Voir le document
    .sms = Un document vous attend ici : { $link } (jusqu'au { short-date } à { short-time })
payment-requested =
    .subject = Montant à régler : { amount }
    .body =
        Bonjour,

        Montant à régler : { amount }. Le paiement se fait sur la page sécurisée du prestataire.
    .action = Payer
    .sms = Montant à régler : { $euros },{ $cents } EUR. Pour payer, touchez ce lien : { $link }
payment-receipt =
    .subject = Paiement reçu : { amount }
    .body =
        Bonjour,

        Votre paiement de { amount } a été reçu le { when }.

        Référence : { $reference }
payment-refunded =
    .subject = Remboursement : { amount }
    .body =
        Bonjour,

        { amount } vous ont été remboursés. Le délai dépend de votre banque.

        Référence : { $reference }
payment-activation-requested =
    .subject = Demande d’activation du paiement en ligne
    .body =
        Bonjour,

        Un professionnel demande l’activation du paiement en ligne.
    .action = Voir la demande
payment-activated =
    .subject = Le paiement en ligne est activé
    .body =
        Bonjour,

        Le paiement en ligne est activé pour votre compte. Vous pouvez demander un paiement pendant un rendez-vous.
    .action = Ouvrir mes rendez-vous
retention-warning =
    .subject = À enregistrer avant effacement
    .body =
        Bonjour,

        { $days ->
            [1] Un compte rendu ou des pièces jointes seront effacés demain.
           *[other] Un compte rendu ou des pièces jointes seront effacés dans { $days } jours.
        } Ils n’ont jamais été téléchargés. Enregistrez-les dans votre dossier.
    .action = Télécharger
webhook-disabled =
    .subject = Un point de réception ne répond plus
    .body =
        Bonjour,

        Un point de réception d’événements ne répond plus depuis longtemps. Il a été désactivé.
    .action = Voir les réglages
test-message =
    .subject = Essai
    .body =
        Bonjour,

        Ceci est un essai des réglages. Il est bien arrivé.
    .sms = Ceci est un essai des réglages. Il est bien arrivé.

calendar =
    .summary = Rendez-vous vidéo avec { $professional }
    .description = Ouvrez ce lien à l’heure prévue : { $link }
    .cancelled = Rendez-vous annulé.
