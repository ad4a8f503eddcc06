//! Test professionals, with the claims that the real service's test environment gives.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A test professional.
#[derive(Debug)]
pub struct Person {
    /// National identifier.
    pub id_nat: &'static str,
    pub first_name: &'static str,
    pub family_name: &'static str,
    /// For the login page.
    pub about: &'static str,
    /// Code of TRE_G15, and of a speciality, for each exercise.
    pub exercises: &'static [(&'static str, Option<&'static str>)],
}

/// Those of the login page.
pub const PEOPLE: &[Person] = &[
    Person {
        id_nat: "810101010105",
        first_name: "Jeanne",
        family_name: "MARTIN",
        about: "médecin",
        exercises: &[("10", Some("SM26"))],
    },
    Person {
        id_nat: "812345678903",
        first_name: "Odile",
        family_name: "FAURE",
        about: "infirmière",
        exercises: &[("60", None)],
    },
    Person {
        id_nat: "899700218896",
        first_name: "Kit",
        family_name: "SPECIALISTE0021889",
        about: "médecin et sage-femme, numéro d’essai",
        exercises: &[("10", Some("SM54")), ("50", None)],
    },
    Person {
        id_nat: "ANS20231122132732",
        first_name: "Camille",
        family_name: "ESSAI",
        about: "sans numéro RPPS",
        exercises: &[("40", None)],
    },
];

impl Person {
    pub fn subject(&self) -> String {
        format!("f:550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd:{}", self.id_nat)
    }

    /// The id of the session over there: it stands in addresses, so nobody is named by it.
    pub fn session(&self) -> String {
        let hash = Sha256::digest(self.id_nat.as_bytes());
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn userinfo(&self) -> Value {
        let exercises: Vec<Value> = self
            .exercises
            .iter()
            .map(|(profession, speciality)| {
                let expertises: Vec<Value> = speciality
                    .iter()
                    .map(|code| json!({ "codeTypeSavoirFaire": "S", "codeSavoirFaire": code }))
                    .collect();
                json!({
                    "codeProfession": profession,
                    "codeCategorieProfessionnelle": "C",
                    "codeCiviliteDexercice": "DR",
                    "nomDexercice": self.family_name,
                    "prenomDexercice": self.first_name,
                    "codeTypeSavoirFaire": "",
                    "codeSavoirFaire": "",
                    "expertises": expertises,
                    "activities": [{
                        "codeModeExercice": "L",
                        "codeSecteurDactivite": "SA07",
                        "codeSectionPharmacien": "",
                        "codeRole": "",
                        "codeGenreActivite": "GENR01",
                        "raisonSocialeSite": "CABINET D’ESSAI",
                    }],
                })
            })
            .collect();
        let role =
            self.exercises.first().map(|(profession, _)| format!("{profession}^1.2.250.1.213.1.1.5.5"));
        json!({
            "sub": self.subject(),
            "SubjectNameID": self.id_nat,
            "preferred_username": self.id_nat,
            "given_name": self.first_name,
            "family_name": self.family_name,
            "email_verified": false,
            "SubjectRole": [role],
            "SubjectOrganization": "CABINET D’ESSAI",
            "SubjectOrganizationID": "",
            "Secteur_Activite": "SA07^1.2.250.1.71.4.2.4",
            "Mode_Acces_Raison": "",
            "Acces_Regulation_Medicale": "FAUX",
            "UITVersion": "1.0",
            "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
            "PSI_Locale": "1.2.250.1.213.1.3.1.1",
            "otherIds": [{ "identifiant": self.id_nat, "origine": "RPPS", "qualite": 1 }],
            "SubjectRefPro": { "codeCivilite": "MME", "exercices": exercises },
        })
    }
}
