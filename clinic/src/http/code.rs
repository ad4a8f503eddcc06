//! The one list of errors: status, stable code, and what people read in French and English.

use http::StatusCode;
use serde::{Serialize, Serializer};

/// Language of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    Fr,
    En,
}

impl Language {
    /// What an `Accept-Language` header prefers of the two; French when it says neither.
    pub fn preferred(header: &str) -> Language {
        let mut best = (Language::Fr, 0.0_f32);
        for range in header.split(',') {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.trim().strip_prefix("q=")).and_then(|q| q.parse().ok());
            let quality: f32 = quality.unwrap_or(1.0);
            let language = match tag.split('-').next() {
                Some("fr") => Language::Fr,
                Some("en") => Language::En,
                _ => continue,
            };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Language::Fr => "fr",
            Language::En => "en",
        }
    }
}

macro_rules! codes {
    ($($name:ident $status:literal $slug:literal $fr:literal $en:literal)+) => {
        /// What programs may tell apart. Never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $en] $name,)+
        }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$name),+];

            /// The stable word.
            pub fn slug(self) -> &'static str {
                match self {
                    $(Code::$name => $slug,)+
                }
            }

            pub fn status(self) -> StatusCode {
                let status: u16 = match self {
                    $(Code::$name => $status,)+
                };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// For people.
            pub fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Code::$name, Language::Fr) => $fr, (Code::$name, Language::En) => $en,)+
                }
            }
        }
    };
}

codes! {
    Malformed 400 "malformed"
        "La demande n’a pas la forme attendue." "The request does not have the expected shape."
    Unauthenticated 401 "unauthenticated"
        "Connectez-vous pour continuer." "Log in to continue."
    LoginFailed 401 "login-failed"
        "Identifiant, mot de passe ou code incorrect." "Wrong identifier, password or code."
    MfaRequired 401 "mfa-required"
        "Saisissez le code de votre application." "Enter the code of your authenticator."
    ReauthenticationRequired 401 "reauthentication-required"
        "Confirmez votre identité pour continuer." "Confirm your identity to continue."
    IdentityCheckRequired 401 "identity-check-required"
        "Répondez d’abord à la question d’identité." "Answer the identity question first."
    Forbidden 403 "forbidden"
        "Vous n’avez pas le droit de faire cela." "You are not allowed to do this."
    CsrfInvalid 403 "csrf-invalid"
        "La page n’est plus à jour. Rechargez-la." "This page is out of date. Reload it."
    ScopeMissing 403 "scope-missing"
        "Ce client n’a pas l’autorisation nécessaire." "This client lacks the scope."
    CapabilityNotAvailable 403 "capability-not-available"
        "Ce n’est pas possible dans cette consultation." "This is not possible in this consultation."
    ToolNotOpened 403 "tool-not-opened"
        "Ajoutez la téléconsultation à domicile à vos centres d’intérêt." "Add teleconsultation to your interests first."
    LinkTooEarly 403 "link-too-early"
        "Il est trop tôt. Gardez ce message." "It is too early. Keep this message."
    ConsentRequired 403 "consent-required"
        "Votre accord est nécessaire." "Your consent is needed."
    ConsentRefused 403 "consent-refused"
        "Vous avez refusé la téléconsultation." "You refused the consultation."
    NotFound 404 "not-found"
        "Introuvable." "Not found."
    LinkUnknown 404 "link-unknown"
        "Ce lien n’est pas reconnu." "This link is not known."
    MethodNotAllowed 405 "method-not-allowed"
        "Cette action n’existe pas ici." "Not with this method."
    RoomLocked 403 "room-locked"
        "La salle d’attente est fermée." "The waiting room is closed."
    LinkInUse 409 "link-in-use"
        "Ce lien est utilisé sur un autre appareil." "This link is in use on another device."
    InvalidTransition 409 "invalid-transition"
        "Ce n’est plus possible à ce stade." "Not possible at this stage."
    Conflict 409 "conflict"
        "Cela existe déjà." "This exists already."
    LastAdministrator 409 "last-administrator"
        "C’est le dernier administrateur." "This is the last administrator."
    ConsultationsOpen 409 "consultations-open"
        "Des téléconsultations sont encore prévues ou en cours. Terminez-les ou annulez-les d’abord."
        "Consultations are still planned or running. End or cancel them first."
    DocumentAlreadySigned 409 "document-already-signed"
        "Ce PDF porte déjà une signature : il n’est pas modifié. Vous pouvez l’envoyer tel quel."
        "This PDF is signed already and is not changed. You can send it as it is."
    RequestInProgress 409 "request-in-progress"
        "La même demande est en cours." "The same request is being worked on."
    LinkExpired 410 "link-expired"
        "Ce rendez-vous est terminé." "This appointment is over."
    LinkRevoked 410 "link-revoked"
        "Ce rendez-vous a été annulé." "This appointment was cancelled."
    Purged 410 "purged"
        "Ces données ont été effacées." "These data were erased."
    VersionConflict 412 "version-conflict"
        "Quelqu’un d’autre a modifié cela entre-temps. Rechargez." "Somebody else changed this meanwhile. Reload."
    TooLarge 413 "too-large"
        "La demande est trop longue." "The request is too large."
    FileTooLarge 413 "file-too-large"
        "Ce fichier est trop gros." "This file is too large."
    FileTypeNotAllowed 415 "file-type-not-allowed"
        "Ce type de fichier n’est pas accepté. Envoyez une photo ou un PDF."
        "This type of file is not accepted. Send a photo or a PDF."
    MediaTypeNotSupported 415 "media-type-not-supported"
        "Le contenu doit être du JSON." "The content must be JSON."
    ValidationFailed 422 "validation-failed"
        "Certaines réponses sont à corriger." "Some answers need correction."
    NirKeyMismatch 422 "nir-key-mismatch"
        "La clé ne correspond pas au numéro de sécurité sociale." "The key does not match the social security number."
    PhoneNotMobile 422 "phone-not-mobile"
        "C’est un numéro fixe. Il faut un numéro de mobile." "This is not a mobile number."
    PhoneCountryNotAllowed 422 "phone-country-not-allowed"
        "Les numéros de ce pays ne sont pas acceptés." "Numbers of this country are not accepted."
    SlotInPast 422 "slot-in-past"
        "Ce créneau est passé." "This slot is past."
    SlotNonexistentLocalTime 422 "slot-nonexistent-local-time"
        "Cette heure n’existe pas ce jour-là (changement d’heure)." "This time does not exist on that day (clock change)."
    SlotAmbiguousLocalTime 422 "slot-ambiguous-local-time"
        "Cette heure existe deux fois ce jour-là : heure d’été ou d’hiver ?"
        "This time happens twice on that day: summer or winter time?"
    NoContactChannel 422 "no-contact-channel"
        "Indiquez un e-mail ou un numéro de mobile." "Give an e-mail address or a mobile number."
    FileInfected 422 "file-infected"
        "Ce fichier contient un virus." "This file contains a virus."
    FileActiveContent 422 "file-active-content"
        "Ce PDF contient du contenu actif." "This PDF has active content."
    DocumentNotStampable 422 "document-not-stampable"
        "La signature ne peut pas être placée sur ce document." "The signature cannot be placed on this document."
    IdempotencyKeyReuse 422 "idempotency-key-reuse"
        "Cette clé a servi à une autre demande." "This key was used for another request."
    IdentityCheckLocked 423 "identity-check-locked"
        "Trop d’essais. Demandez à votre soignant de vous faire entrer."
        "Too many tries. Ask your professional to let you in."
    PreconditionRequired 428 "precondition-required"
        "Il manque l’en-tête If-Match." "The header If-Match is missing."
    IdempotencyKeyRequired 428 "idempotency-key-required"
        "Il manque l’en-tête Idempotency-Key." "The header Idempotency-Key is missing."
    QuotaExceeded 429 "quota-exceeded"
        "Trop de demandes. Réessayez plus tard." "Too many requests. Try again later."
    SmsQuota 429 "sms-quota"
        "Le nombre de SMS autorisés est atteint." "The allowed number of messages is reached."
    Internal 500 "internal"
        "Une erreur est survenue. Réessayez." "Something went wrong. Try again."
    AdapterNotConfigured 501 "adapter-not-configured"
        "Ce service n’est pas configuré sur ce serveur." "This service is not configured on this server."
    ProviderUnavailable 503 "provider-unavailable"
        "Le service extérieur ne répond pas." "The outside service does not answer."
    Unavailable 503 "unavailable"
        "Le serveur est momentanément indisponible." "The server is unavailable for a moment."
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}

impl utoipa::PartialSchema for Code {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let words: Vec<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(words))
            .build()
            .into()
    }
}

impl utoipa::ToSchema for Code {}
