//! Dates, times, lengths and fixed words, in French and English.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::http::Language;
use crate::model::{
    Category, Decision, FacilityKind, GivenBy, IdentityProof, IdentityStatus, IncidentKind, ParticipantRole,
};

const MONTHS_FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A language and a time zone to tell times in.
#[derive(Clone, Debug)]
pub struct Words {
    pub language: Language,
    zone: TimeZone,
}

impl Words {
    /// An unknown zone is told as UTC.
    pub fn new(language: Language, zone: &str) -> Words {
        Words { language, zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
    }

    pub fn pick<'a>(&self, fr: &'a str, en: &'a str) -> &'a str {
        match self.language {
            Language::Fr => fr,
            Language::En => en,
        }
    }

    pub fn local(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(at)
    }

    /// Seconds east of Greenwich.
    pub fn offset_s(&self, at: Timestamp) -> i32 {
        self.zone.to_offset(at).seconds()
    }

    /// `3 décembre 2026`.
    pub fn date(&self, at: Timestamp) -> String {
        self.civil(self.local(at).date())
    }

    fn civil(&self, date: Date) -> String {
        let month = usize::try_from(date.month()).unwrap_or(1).saturating_sub(1);
        let day = match (date.day(), self.language) {
            (1, Language::Fr) => "1er".to_owned(),
            (day, _) => day.to_string(),
        };
        let names = match self.language {
            Language::Fr => MONTHS_FR,
            Language::En => MONTHS_EN,
        };
        format!("{day}\u{a0}{}\u{a0}{}", names.get(month).copied().unwrap_or_default(), date.year())
    }

    /// `14 h 30` or `14:30`.
    pub fn time(&self, at: Timestamp) -> String {
        let local = self.local(at);
        match self.language {
            Language::Fr => format!("{}\u{a0}h\u{a0}{:02}", local.hour(), local.minute()),
            Language::En => format!("{:02}:{:02}", local.hour(), local.minute()),
        }
    }

    /// With seconds: `14:30:05`.
    pub fn exact(&self, at: Timestamp) -> String {
        let local = self.local(at);
        format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second())
    }

    pub fn moment(&self, at: Timestamp) -> String {
        format!("{}{}{}", self.date(at), self.pick(" à ", " at "), self.time(at))
    }

    /// `1 h 02 min 05 s`.
    pub fn length(&self, seconds: i64) -> String {
        let (h, min, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match (h, min) {
            (0, 0) => format!("{s}\u{a0}s"),
            (0, _) => format!("{min}\u{a0}min\u{a0}{s:02}\u{a0}s"),
            _ => format!("{h}\u{a0}h\u{a0}{min:02}\u{a0}min\u{a0}{s:02}\u{a0}s"),
        }
    }

    /// `25,00 €`.
    pub fn amount(&self, cents: u32) -> String {
        let comma = self.pick(",", ".");
        format!("{}{comma}{:02}\u{a0}€", cents / 100, cents % 100)
    }

    /// Of `YYYY-MM-DD`, where month and day may be `00`.
    pub fn birth_date(&self, text: &str) -> String {
        let mut parts = text.split('-');
        let mut part = || parts.next().unwrap_or_default();
        let (year, month, day) = (part(), part(), part());
        let unknown = self.pick("date incomplète", "incomplete date");
        match (month, day) {
            ("00", _) => format!("{year} ({unknown})"),
            (_, "00") => format!("{month}/{year} ({unknown})"),
            _ => format!("{day}/{month}/{year}"),
        }
    }

    pub fn yes_no(&self, yes: bool) -> &'static str {
        match (self.language, yes) {
            (Language::Fr, true) => "Oui",
            (Language::Fr, false) => "Non",
            (Language::En, true) => "Yes",
            (Language::En, false) => "No",
        }
    }

    pub fn role(&self, role: ParticipantRole) -> &str {
        match role {
            ParticipantRole::Owner => {
                self.pick("Professionnel réalisant l’acte", "Professional performing the act")
            }
            ParticipantRole::CoProfessional => {
                self.pick("Professionnel participant", "Participating professional")
            }
            ParticipantRole::BedsideProfessional => {
                self.pick("Professionnel auprès du patient", "Professional with the patient")
            }
            ParticipantRole::Patient => self.pick("Patient", "Patient"),
            ParticipantRole::Carer => self.pick("Aidant", "Carer"),
            ParticipantRole::Interpreter => self.pick("Interprète", "Interpreter"),
            ParticipantRole::FacilityStaff => {
                self.pick("Personnel de l’établissement", "Staff of the facility")
            }
        }
    }

    pub fn incident(&self, kind: IncidentKind) -> &str {
        match kind {
            IncidentKind::PatientDisconnected => self.pick("Coupure côté patient", "Patient disconnected"),
            IncidentKind::ProfessionalDisconnected => {
                self.pick("Coupure côté professionnel", "Professional disconnected")
            }
            IncidentKind::ReconnectFailed => self.pick("Reconnexion impossible", "Could not reconnect"),
            IncidentKind::AudioOnlySwitch => self.pick("Passage au son seul", "Switched to sound only"),
            IncidentKind::VideoSuspendedBandwidth => {
                self.pick("Vidéo suspendue : débit insuffisant", "Video suspended: too little bandwidth")
            }
            IncidentKind::CameraDenied => {
                self.pick("Caméra refusée ou indisponible", "Camera refused or unavailable")
            }
            IncidentKind::MicrophoneDenied => {
                self.pick("Micro refusé ou indisponible", "Microphone refused or unavailable")
            }
            IncidentKind::TurnTcpFallback => {
                self.pick("Liaison de secours (TCP)", "Fallback connection (TCP)")
            }
            IncidentKind::E2eeUnsupported => {
                self.pick("Chiffrement de bout en bout impossible", "End-to-end encryption not possible")
            }
            IncidentKind::ServerRestart => self.pick("Redémarrage du serveur", "Server restarted"),
            IncidentKind::UploadFailed => {
                self.pick("Échec d’envoi d’un document", "A document could not be sent")
            }
        }
    }

    pub fn category(&self, category: Category) -> &str {
        match category {
            Category::Prescription => self.pick("Ordonnance", "Prescription"),
            Category::Report => self.pick("Compte rendu", "Report"),
            Category::Exam => self.pick("Examen", "Examination"),
            Category::Certificate => self.pick("Certificat", "Certificate"),
            Category::Photo => self.pick("Photographie", "Photograph"),
            Category::Invoice => self.pick("Facture", "Invoice"),
            Category::Other => self.pick("Autre document", "Other document"),
        }
    }

    pub fn facility(&self, kind: FacilityKind) -> &str {
        match kind {
            FacilityKind::Ehpad => self.pick("EHPAD", "Nursing home"),
            FacilityKind::Mss => self.pick("Maison de santé", "Health centre"),
            FacilityKind::Practice => self.pick("Cabinet", "Practice"),
            FacilityKind::Pharmacy => self.pick("Pharmacie", "Pharmacy"),
            FacilityKind::Other => self.pick("Établissement", "Facility"),
        }
    }

    pub fn proof(&self, proof: IdentityProof) -> &str {
        match proof {
            IdentityProof::Cni => self.pick("carte nationale d’identité", "national identity card"),
            IdentityProof::Passport => self.pick("passeport", "passport"),
            IdentityProof::ResidencePermit => self.pick("titre de séjour", "residence permit"),
            IdentityProof::Vitale => self.pick("carte Vitale", "Vitale card"),
            IdentityProof::Known => {
                self.pick("patient connu du professionnel", "patient known to the professional")
            }
        }
    }

    /// RNIV: what the status of an identity means. None of the texts claims an INS.
    pub fn identity(&self, status: IdentityStatus) -> &str {
        match status {
            IdentityStatus::Prov => self
                .pick("Provisoire : déclarée, non vérifiée sur pièce", "Provisional: declared, not checked"),
            IdentityStatus::Vali => {
                self.pick("Validée : vérifiée par le professionnel", "Validated: checked by the professional")
            }
            IdentityStatus::Recup => {
                self.pick("Récupérée auprès du téléservice INSi", "Retrieved from the INSi service")
            }
            IdentityStatus::Qual => self.pick("Qualifiée : INS vérifiée", "Qualified: INS checked"),
        }
    }

    pub fn consent(&self, decision: Decision, given_by: GivenBy) -> String {
        let what = match decision {
            Decision::Accepted => self.pick("Accepté", "Given"),
            Decision::Refused => self.pick("Refusé", "Refused"),
        };
        let who = match given_by {
            GivenBy::Patient => self.pick("par le patient", "by the patient"),
            GivenBy::Representative => self.pick("par le représentant", "by the representative"),
            GivenBy::Professional => {
                self.pick("oralement, noté par le professionnel", "orally, noted by the professional")
            }
        };
        format!("{what} {who}")
    }
}
