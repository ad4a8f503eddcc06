//! The pages of the report.

use super::dossier::{Dossier, join};
use super::words::Words;
use crate::billing::acts::label_of;
use crate::model::identifier::{ActFamily, profession_of};
use crate::model::{IdType, IdentityStatus, Participant, ParticipantRole, Sex};
use crate::pdf::{Info, PdfError, Sheet, Table};

/// A preview says that it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draft {
    Preview,
    Final,
}

/// The title by the kind of act: téléconsultation is an act of the medical professions only (CSP L6316-1).
pub fn title(dossier: &Dossier) -> &'static str {
    let words = dossier.words();
    let (fr, en) = match dossier.consultation.act_family {
        ActFamily::Teleconsultation => ("Compte rendu de téléconsultation", "Report of a video consultation"),
        ActFamily::Telesoin => ("Compte rendu de télésoin", "Report of remote care"),
        ActFamily::Accompagnement => (
            "Compte rendu d’accompagnement à la téléconsultation",
            "Report of assistance at a video consultation",
        ),
    };
    words.pick(fr, en)
}

/// The report of a consultation. Same dossier, same bytes. Whatever else is in the dossier, the NIR is not in it.
pub fn report(dossier: &Dossier, draft: Draft) -> Result<Vec<u8>, PdfError> {
    let words = dossier.words();
    let name = title(dossier);
    let version = format!("{} {}", words.pick("version", "version"), dossier.version);
    let mut sheet = Sheet::new(Info {
        title: format!("{name} – {}", words.date(dossier.started_at())),
        language: dossier.language(),
        author: dossier.professional_name(),
        reference: format!("{}.{}", dossier.consultation.id, dossier.version),
        at: dossier.at,
        running: dossier.patient_line(),
        foot: join(&[name, &version, dossier.consultation.id.as_str()], " · "),
    });
    sheet.letterhead(&letterhead(dossier));
    sheet.title(name, &words.moment(dossier.started_at()));
    if draft == Draft::Preview {
        sheet.callout(
            words
                .pick("Aperçu : ce compte rendu n’est pas validé.", "Preview: this report is not validated."),
        );
    }
    addenda(&mut sheet, dossier, &words);
    sheet.heading("Patient");
    sheet.facts(&patient(dossier, &words));
    sheet.heading(words.pick("Date, horaires et conditions", "Date, times and conditions"));
    sheet.facts(&conditions(dossier, &words));
    sheet.heading(words.pick("Participants", "Participants"));
    participants(&mut sheet, dossier, &words);
    sheet.heading(words.pick("Compte rendu de l’acte", "Account of the act"));
    let answers = dossier.answers(false);
    if answers.is_empty() {
        sheet.paragraph(words.pick("Aucune observation saisie.", "No observation was entered."));
    }
    for (field, answer) in answers {
        sheet.subheading(field.label.text(words.language));
        sheet.paragraph(&answer);
    }
    sheet.heading(words.pick("Actes réalisés", "Acts performed"));
    acts(&mut sheet, dossier, &words);
    sheet.heading(words.pick("Prescriptions et documents échangés", "Prescriptions and documents exchanged"));
    documents(&mut sheet, dossier, &words);
    sheet.heading(words.pick("Incidents techniques", "Technical incidents"));
    incidents(&mut sheet, dossier, &words);
    close(&mut sheet, dossier, &words, draft);
    sheet.finish()
}

/// Who the professional is, and where.
pub fn letterhead(dossier: &Dossier) -> Vec<String> {
    let words = dossier.words();
    let p = &dossier.professional;
    let profession = dossier.profession().map_or("", |known| words.pick(known.fr, known.en));
    let number = match p.id_type {
        IdType::Rpps => "RPPS",
        IdType::Adeli => "ADELI",
        IdType::PscTest => "ID",
    };
    let phone = p
        .practice
        .phone
        .as_ref()
        .map(|phone| format!("{} {phone}", words.pick("Tél.", "Tel.")))
        .unwrap_or_default();
    let address: Vec<&str> = p.practice.address.lines().collect();
    vec![
        dossier.professional_name(),
        join(&[profession, &format!("{number} {}", p.national_number)], " · "),
        join(&[&p.practice.name, &address.join(", "), &phone], " · "),
    ]
}

fn patient(dossier: &Dossier, words: &Words) -> Vec<(&'static str, String)> {
    let fr = words.language == crate::http::Language::Fr;
    let name = |fr_text, en_text| if fr { fr_text } else { en_text };
    let p = &dossier.patient;
    let today = words.local(dossier.started_at()).date();
    let age = p.birth_date.age(today);
    let mut facts = vec![(name("Nom de naissance", "Birth name"), p.birth_name.to_uppercase())];
    if let Some(used) = &p.used_name {
        facts.push((name("Nom utilisé", "Name used"), used.to_uppercase()));
    }
    facts.push((name("Prénoms", "First names"), p.first_names.join(", ")));
    let born = words.birth_date(&String::from(p.birth_date));
    facts.push((
        name("Date de naissance", "Birth date"),
        format!("{born} ({age} {})", words.pick("ans", "years")),
    ));
    let sex = match p.sex {
        Sex::M => words.pick("Masculin", "Male"),
        Sex::F => words.pick("Féminin", "Female"),
        Sex::U => words.pick("Non renseigné", "Not known"),
    };
    facts.push((name("Sexe", "Sex"), sex.to_owned()));
    if let Some(place) = &p.birth_place_cog {
        facts.push((name("Lieu de naissance (code INSEE)", "Birth place (INSEE code)"), place.clone()));
    }
    let mut identity = words.identity(p.identity_status).to_owned();
    if p.identity_status == IdentityStatus::Vali {
        if let Some(proof) = p.identity_proof {
            identity.push_str(&format!(" ({})", words.proof(proof)));
        }
        if let Some(at) = p.identity_checked_at {
            identity.push_str(&format!(", {} {}", words.pick("le", "on"), words.moment(at)));
        }
    }
    facts.push((name("Identité", "Identity"), identity));
    if let Some(representative) = &p.representative {
        facts.push((name("Représentant légal", "Legal representative"), representative.clone()));
    }
    if let Some(physician) = &p.attending_physician {
        facts.push((name("Médecin traitant", "Attending physician"), physician.clone()));
    }
    facts
}

fn conditions(dossier: &Dossier, words: &Words) -> Vec<(&'static str, String)> {
    let fr = words.language == crate::http::Language::Fr;
    let name = |fr_text, en_text| if fr { fr_text } else { en_text };
    let c = &dossier.consultation;
    let slot = format!("{} – {}", words.moment(c.slot_start), words.time(c.slot_end));
    let mut facts = vec![(name("Créneau convenu", "Agreed slot"), slot)];
    if let Some(at) = c.started_at {
        facts.push((name("Début", "Start"), format!("{} ({})", words.moment(at), words.exact(at))));
    }
    if let Some(at) = c.ended_at {
        facts.push((name("Fin", "End"), format!("{} ({})", words.moment(at), words.exact(at))));
    }
    if let Some(seconds) = dossier.duration_s() {
        facts.push((name("Durée", "Duration"), words.length(seconds)));
    }
    let video = if c.video_seconds > 0 {
        format!("{} ({})", words.yes_no(true), words.length(c.video_seconds.into()))
    } else {
        words.yes_no(false).to_owned()
    };
    facts.push((name("Vidéotransmission", "Video"), video));
    if c.audio_only_seconds > 0 {
        facts.push((name("Son seul", "Sound only"), words.length(c.audio_only_seconds.into())));
    }
    let place = match &dossier.facility {
        Some(facility) => {
            let number =
                facility.finess.as_ref().map(|finess| format!("FINESS {finess}")).unwrap_or_default();
            join(&[words.facility(facility.kind), &facility.name, &facility.address, &number], ", ")
        }
        None => words
            .pick("Domicile ou lieu déclaré par le patient", "Home, or the place that the patient declared")
            .to_owned(),
    };
    facts.push((name("Lieu du patient", "Place of the patient"), place));
    let encryption = match (c.e2ee, c.sas_confirmed) {
        (true, true) => {
            words.pick("De bout en bout, code de sécurité confirmé", "End to end, safety code confirmed")
        }
        (true, false) => words
            .pick("De bout en bout, code de sécurité non confirmé", "End to end, safety code not confirmed"),
        (false, _) => words.pick("Du terminal au serveur", "Between device and server"),
    };
    facts.push((name("Chiffrement", "Encryption"), encryption.to_owned()));
    if dossier.consents.is_empty() {
        facts
            .push((name("Consentement", "Consent"), words.pick("Non enregistré", "Not recorded").to_owned()));
    }
    for consent in &dossier.consents {
        let mut text = words.consent(consent.decision, consent.given_by);
        if let Some(representative) = &consent.representative_name {
            text.push_str(&format!(" ({representative})"));
        }
        let shown = words.pick("information version", "information version");
        text.push_str(&format!(", {} ({shown} {})", words.moment(consent.at), consent.text_version));
        facts.push((name("Consentement", "Consent"), text));
    }
    facts
}

fn presence(participant: &Participant, words: &Words) -> String {
    let spans = participant.joined_at.iter().enumerate().map(|(at, joined)| {
        let left = participant.left_at.get(at).map_or("…".to_owned(), |left| words.exact(*left));
        format!("{}\u{a0}–\u{a0}{left}", words.exact(*joined))
    });
    let spans: Vec<String> = spans.collect();
    if spans.is_empty() { words.pick("Absent", "Absent").to_owned() } else { spans.join("\n") }
}

fn participants(sheet: &mut Sheet, dossier: &Dossier, words: &Words) {
    let mut everybody: Vec<&Participant> = dossier.participants.iter().collect();
    everybody.sort_by_key(|participant| (participant.role != ParticipantRole::Owner, participant.id.clone()));
    if everybody.is_empty() {
        sheet.paragraph(words.pick("Aucun participant enregistré.", "No participant was recorded."));
        return;
    }
    let rows = everybody.into_iter().map(|participant| {
        let owner = participant.role == ParticipantRole::Owner;
        let p = &dossier.professional;
        let (name, code, number) = if owner {
            (dossier.professional_name(), Some(&p.profession_code), Some(&p.national_number))
        } else if participant.role == ParticipantRole::Patient {
            (dossier.patient_name(), None, None)
        } else {
            (
                participant.display_name.clone(),
                participant.profession_code.as_ref(),
                participant.rpps.as_ref(),
            )
        };
        let profession =
            code.and_then(|code| profession_of(code)).map_or("", |known| words.pick(known.fr, known.en));
        let role = join(&[words.role(participant.role), profession], ", ");
        vec![name, role, number.cloned().unwrap_or_default(), presence(participant, words)]
    });
    let head = [
        words.pick("Nom", "Name"),
        words.pick("Qualité", "Role"),
        words.pick("N° national", "National number"),
        words.pick("Présence", "Presence"),
    ];
    sheet.table(&Table { head: &head, shares: &[3.0, 3.2, 1.9, 2.2], rows: rows.collect() });
}

fn acts(sheet: &mut Sheet, dossier: &Dossier, words: &Words) {
    let acts = dossier.form.as_ref().map(|form| form.acts.as_slice()).unwrap_or_default();
    if acts.is_empty() {
        sheet.paragraph(words.pick("Aucun acte coté.", "No act was coded."));
        return;
    }
    let rows = acts.iter().map(|act| {
        let label = label_of(&act.code, words.language).unwrap_or_default();
        vec![join(&[&act.code, &act.qualifiers.join(" ")], " + "), label.to_owned(), act.system.clone()]
    });
    let head = ["Code", words.pick("Libellé", "Label"), words.pick("Nomenclature", "Nomenclature")];
    sheet.table(&Table { head: &head, shares: &[1.3, 5.5, 1.5], rows: rows.collect() });
}

fn documents(sheet: &mut Sheet, dossier: &Dossier, words: &Words) {
    let documents = dossier.handed_over();
    if !documents.iter().any(|document| document.category == crate::model::Category::Prescription) {
        sheet.paragraph(words.pick(
            "Aucune prescription n’a été transmise par cet outil.",
            "No prescription was handed over with this tool.",
        ));
    }
    if documents.is_empty() {
        return;
    }
    let rows = documents.iter().map(|document| {
        let sender =
            dossier.participant(&document.sender).map_or_else(String::new, |sender| match sender.role {
                ParticipantRole::Owner => dossier.professional_name(),
                ParticipantRole::Patient => words.pick("Patient", "Patient").to_owned(),
                _ => sender.display_name.clone(),
            });
        let print = document.sha256.get(..16).unwrap_or(&document.sha256);
        vec![
            words.category(document.category).to_owned(),
            document.file_name.clone(),
            sender,
            words.moment(document.created_at),
            print.to_owned(),
        ]
    });
    let head = [
        words.pick("Nature", "Kind"),
        words.pick("Fichier", "File"),
        words.pick("Envoyé par", "Sent by"),
        words.pick("Date", "Date"),
        words.pick("Empreinte SHA-256 (début)", "SHA-256 (beginning)"),
    ];
    sheet.table(&Table { head: &head, shares: &[1.7, 2.6, 2.1, 2.0, 2.2], rows: rows.collect() });
}

fn incidents(sheet: &mut Sheet, dossier: &Dossier, words: &Words) {
    if dossier.incidents.is_empty() {
        sheet.paragraph(words.pick(
            "Aucun incident technique n’a été relevé par le système.",
            "The system noticed no technical incident.",
        ));
        return;
    }
    let mut incidents: Vec<_> = dossier.incidents.iter().collect();
    incidents.sort_by_key(|incident| (incident.at, incident.id.clone()));
    let rows = incidents.iter().map(|incident| {
        let who = incident.participant.as_ref().and_then(|id| dossier.participant(id));
        vec![
            words.exact(incident.at),
            words.incident(incident.kind).to_owned(),
            who.map_or_else(String::new, |who| words.role(who.role).to_owned()),
            incident.duration_s.map_or_else(String::new, |seconds| words.length(seconds.into())),
        ]
    });
    let head = [
        words.pick("Heure", "Time"),
        words.pick("Incident", "Incident"),
        words.pick("Concerne", "Concerns"),
        words.pick("Durée", "Duration"),
    ];
    sheet.table(&Table { head: &head, shares: &[1.2, 3.6, 2.8, 1.6], rows: rows.collect() });
}

fn addenda(sheet: &mut Sheet, dossier: &Dossier, words: &Words) {
    for addendum in &dossier.addenda {
        let head = words.pick("Addendum – version", "Addendum – version");
        sheet.heading(&format!("{head} {}", addendum.version));
        sheet.note(&format!(
            "{} {}. {} {} (SHA-256 {}).",
            words.pick("Ajouté le", "Added on"),
            words.moment(addendum.at),
            words.pick(
                "Il complète, sans la modifier, la version",
                "It completes, and does not change, version"
            ),
            addendum.version.saturating_sub(1),
            addendum.follows,
        ));
        sheet.paragraph(&addendum.text);
    }
}

fn close(sheet: &mut Sheet, dossier: &Dossier, words: &Words, draft: Draft) {
    if draft == Draft::Final {
        let validated = dossier.form.as_ref().and_then(|form| form.validated_at).unwrap_or(dossier.at);
        sheet.heading(words.pick("Validation", "Validation"));
        sheet.paragraph(&format!(
            "{} {}, {} {}.",
            words.pick("Compte rendu validé par", "Report validated by"),
            dossier.professional_name(),
            words.pick("le", "on"),
            words.moment(validated),
        ));
    }
    sheet.note(words.pick(
        "Horaires, présences, durée de la vidéo et incidents techniques sont relevés par le système. Les autres rubriques sont saisies par le professionnel (code de la santé publique, art. R. 6316-4).",
        "Times, presence, length of the video and technical incidents are recorded by the system. The rest is entered by the professional (French public health code, art. R. 6316-4).",
    ));
}
