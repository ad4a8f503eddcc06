//! The fields of the sheet, and the sheet as PDF and CSV (JSON is its serialisation).

use serde::Serialize;
use utoipa::ToSchema;

use super::acts::label_of;
use super::calendar::{is_holiday, is_night, is_sunday};
use crate::model::PaymentState;
use crate::model::nir;
use crate::pdf::{Info, PdfError};
use crate::report::Dossier;
use crate::report::dossier::join;

/// One field: a stable word, what people read, and a value fit for copying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    pub id: &'static str,
    pub label: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Group {
    pub id: &'static str,
    pub label: String,
    pub lines: Vec<Line>,
}

/// An act, a line of the CSV.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SheetAct {
    pub code: String,
    pub qualifiers: Vec<String>,
    pub label: String,
    /// Euro cents; a proposal.
    pub amount_cents: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sheet {
    pub title: String,
    /// What this is not.
    pub notice: String,
    pub groups: Vec<Group>,
    pub acts: Vec<SheetAct>,
    /// How to go on in the billing software.
    pub help: Vec<String>,
}

/// The sheet of a consultation. `with_nir`: the asker may see it; otherwise its line says that it is withheld.
pub fn sheet(dossier: &Dossier, with_nir: bool) -> Sheet {
    let words = dossier.words();
    let pick = |fr: &str, en: &str| words.pick(fr, en).to_owned();
    let line =
        |id, fr: &str, en: &str, value: String| Line { id, label: words.pick(fr, en).to_owned(), value };
    let (p, patient, c) = (&dossier.professional, &dossier.patient, &dossier.consultation);
    let start = words.local(dossier.started_at());
    let yes_no = |yes| words.yes_no(yes).to_owned();

    let (number, key) = match (with_nir, patient.nir.as_deref().map(nir::parse)) {
        (false, Some(_)) => {
            let withheld = pick("non affiché pour ce rôle", "not shown for this role");
            (withheld.clone(), withheld)
        }
        (true, Some(Ok((nir, _)))) => (nir.number().to_owned(), nir.key()),
        _ => (String::new(), String::new()),
    };
    let born = words.birth_date(&String::from(patient.birth_date));
    let mut groups = vec![Group {
        id: "patient",
        label: pick("1. Patient", "1. Patient"),
        lines: vec![
            line("nir", "NIR (13 caractères)", "NIR (13 characters)", number),
            line("nir_key", "Clé", "Key", key),
            line("birth_date", "Date de naissance", "Birth date", born),
            line("birth_rank", "Rang de naissance", "Birth rank", patient.nir_rank.unwrap_or(1).to_string()),
            line("birth_name", "Nom de naissance", "Birth name", patient.birth_name.to_uppercase()),
            line(
                "used_name",
                "Nom utilisé",
                "Name used",
                patient.used_name.clone().unwrap_or_default().to_uppercase(),
            ),
            line("first_names", "Prénoms", "First names", patient.first_names.join(" ")),
            line(
                "rights",
                "Droits",
                "Rights",
                pick("À vérifier dans votre logiciel (ADRi)", "To be checked in your software (ADRi)"),
            ),
        ],
    }];

    let seconds = dossier.duration_s();
    let place = match &dossier.facility {
        Some(facility) => {
            let finess =
                facility.finess.as_ref().map(|finess| format!("FINESS {finess}")).unwrap_or_default();
            join(&[&facility.name, &finess], " – ")
        }
        None => pick("Domicile", "Home"),
    };
    let video = if c.video_seconds > 0 {
        format!("{} ({})", words.yes_no(true), words.length(c.video_seconds.into()))
    } else {
        pick("Non : vérifiez la cotation", "No: check the coding")
    };
    let mut act_lines = vec![
        line("date", "Date de l’acte", "Date of the act", start.strftime("%d/%m/%Y").to_string()),
        line("time", "Heure de début", "Start time", start.strftime("%H:%M").to_string()),
        line(
            "duration",
            "Durée",
            "Duration",
            seconds.map(|seconds| words.length(seconds)).unwrap_or_default(),
        ),
        line("video", "Vidéotransmission", "Video", video),
        line("place", "Lieu du patient", "Place of the patient", place),
        line("night", "Nuit (20 h – 8 h)", "Night (20:00–08:00)", yes_no(is_night(start))),
        line("sunday", "Dimanche", "Sunday", yes_no(is_sunday(start))),
        line("holiday", "Jour férié", "Public holiday", yes_no(is_holiday(start.date()))),
    ];
    if let Some(nurse) = dossier.bedside() {
        let name = join(&[&nurse.display_name, nurse.rpps.as_deref().unwrap_or_default()], " – ");
        act_lines.push(line(
            "bedside",
            "Professionnel auprès du patient",
            "Professional with the patient",
            name,
        ));
        let hint = pick(
            "TLS pendant un soin, TLL dans un lieu dédié, TLD à domicile : facturé par l’infirmier",
            "TLS during care, TLL in a dedicated place, TLD at home: billed by the nurse",
        );
        act_lines.push(line("bedside_acts", "Acte de l’accompagnant", "Act of the assistant", hint));
    }
    groups.push(Group { id: "act", label: pick("2. Acte", "2. Act"), lines: act_lines });

    groups.push(Group {
        id: "professional",
        label: pick("3. Professionnel", "3. Professional"),
        lines: vec![
            line("professional_name", "Nom", "Name", dossier.professional_name()),
            line("rpps", "N° RPPS", "RPPS number", p.national_number.clone()),
            line(
                "am_number",
                "N° assurance maladie",
                "Health insurance number",
                p.am_number.clone().unwrap_or_default(),
            ),
        ],
    });
    let stated: Vec<(&str, Line)> = dossier
        .answers(true)
        .into_iter()
        .map(|(field, value)| {
            let label = field.label.text(words.language).to_owned();
            (field.id.as_str(), Line { id: field_id(&field.id), label, value })
        })
        .collect();
    let of = |prescriber: bool| -> Vec<Line> {
        let theirs = stated.iter().filter(|(id, _)| id.starts_with("prescri") == prescriber);
        theirs.filter(|(id, _)| *id != "third_party").map(|(_, line)| line.clone()).collect()
    };
    let prescriber = of(true);
    if !prescriber.is_empty() {
        groups.push(Group {
            id: "prescriber",
            label: pick("4. Prescripteur", "4. Prescriber"),
            lines: prescriber,
        });
    }
    let mut pathway = of(false);
    let physician = patient.attending_physician.clone().unwrap_or_default();
    pathway.push(line("attending_physician", "Médecin traitant", "Attending physician", physician));
    let under_16 = patient.birth_date.age(start.date()) < 16;
    pathway.push(line("under_16", "Moins de 16 ans", "Under 16", yes_no(under_16)));
    groups.push(Group {
        id: "pathway",
        label: pick("5. Parcours (déclaration du professionnel)", "5. Pathway (stated by the professional)"),
        lines: pathway,
    });

    let paid = dossier.payments.iter().rev().find(|payment| {
        matches!(payment.state, PaymentState::Paid | PaymentState::PartiallyRefunded | PaymentState::Refunded)
    });
    let third_party = dossier.form.as_ref().and_then(|form| form.answers.get("third_party"));
    let state = match (paid, third_party) {
        (Some(_), _) => pick("Réglé en ligne", "Paid online"),
        (None, Some(serde_json::Value::Bool(true))) => pick("Tiers payant", "Settled by the insurance"),
        _ => pick("Non réglé en ligne", "Not paid online"),
    };
    let mut payment = vec![line("payment", "Règlement", "Payment", state)];
    if let Some(paid) = paid {
        payment.push(line("paid_amount", "Montant", "Amount", words.amount(paid.amount_cents)));
        if paid.refunded_cents > 0 {
            payment.push(line("refunded", "Remboursé", "Refunded", words.amount(paid.refunded_cents)));
        }
        let at = paid.paid_at.map(|at| words.moment(at)).unwrap_or_default();
        payment.push(line("paid_at", "Date", "Date", at));
        payment.push(line(
            "payment_ref",
            "Référence",
            "Reference",
            paid.transaction.clone().or(paid.provider_ref.clone()).unwrap_or_default(),
        ));
    }
    groups.push(Group { id: "payment", label: pick("6. Règlement", "6. Payment"), lines: payment });

    let acts = dossier.form.as_ref().map(|form| form.acts.as_slice()).unwrap_or_default();
    let acts = acts.iter().map(|act| SheetAct {
        code: act.code.clone(),
        qualifiers: act.qualifiers.clone(),
        label: label_of(&act.code, words.language).unwrap_or_default().to_owned(),
        amount_cents: act.amount_cents,
    });
    Sheet {
        title: pick("Fiche FSE", "Billing data sheet"),
        notice: pick(
            "Aide à la saisie. Ce n’est pas une feuille de soins : rien n’est transmis à l’assurance maladie.",
            "An aid for typing. This is not a claim: nothing is transmitted to the health insurance.",
        ),
        groups,
        acts: acts.collect(),
        help: vec![
            pick(
                "Patient connu : ses données sont dans votre logiciel métier. Actualisez ses droits avec ADRi si nécessaire.",
                "Known patient: the data are in your software. Refresh the rights with ADRi if needed.",
            ),
            pick(
                "Patient inconnu : interrogez ADRi avec le NIR, sa clé et la date de naissance.",
                "Unknown patient: query ADRi with the NIR, its key and the birth date.",
            ),
            pick(
                "Réalisez et transmettez ensuite la FSE depuis votre logiciel, en mode SESAM sans Vitale ou en mode dégradé. En cas de doute sur le mode dégradé, demandez à votre caisse.",
                "Then make and send the claim from your software, in the mode without Vitale card or the degraded mode. When in doubt about the degraded mode, ask your insurance fund.",
            ),
            pick(
                "Les montants sont des propositions. Vérifiez la nomenclature en vigueur à la date de l’acte.",
                "Amounts are proposals. Check the nomenclature in force on the date of the act.",
            ),
        ],
    }
}

/// The words of the templates' billing fields.
fn field_id(id: &str) -> &'static str {
    match id {
        "pathway" => "pathway",
        "ald" => "ald",
        "third_party" => "third_party",
        "prescriber" => "prescriber",
        "prescriber_rpps" => "prescriber_rpps",
        "prescribed_on" => "prescribed_on",
        _ => "other",
    }
}

/// The sheet on paper. The NIR is on it if it is in `sheet`.
pub fn pdf(dossier: &Dossier, sheet: &Sheet) -> Result<Vec<u8>, PdfError> {
    let words = dossier.words();
    let mut page = crate::pdf::Sheet::new(Info {
        title: format!("{} – {}", sheet.title, words.date(dossier.started_at())),
        language: dossier.language(),
        author: dossier.professional_name(),
        reference: format!("{}.billing", dossier.consultation.id),
        at: dossier.at,
        running: dossier.patient_line(),
        foot: join(&[&sheet.title, dossier.consultation.id.as_str()], " · "),
    });
    page.title(&sheet.title, &words.moment(dossier.started_at()));
    page.callout(&sheet.notice);
    for group in &sheet.groups {
        page.heading(&group.label);
        let facts: Vec<(&str, String)> =
            group.lines.iter().map(|line| (line.label.as_str(), line.value.clone())).collect();
        page.facts(&facts);
        if group.id == "act" && !sheet.acts.is_empty() {
            let rows = sheet.acts.iter().map(|act| {
                let amount = act.amount_cents.map(|cents| words.amount(cents)).unwrap_or_default();
                vec![join(&[&act.code, &act.qualifiers.join(" ")], " + "), act.label.clone(), amount]
            });
            let head = [
                words.pick("Code", "Code"),
                words.pick("Libellé", "Label"),
                words.pick("Montant proposé", "Proposed amount"),
            ];
            page.table(&crate::pdf::Table { head: &head, shares: &[1.3, 5.0, 1.7], rows: rows.collect() });
        }
    }
    page.heading(words.pick("Pour facturer", "How to bill"));
    page.list(&sheet.help);
    page.finish()
}

/// One line for each act (one line without code when there is none): UTF-8 with byte order mark, `;`, decimal comma.
pub fn csv(sheet: &Sheet) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().delimiter(b';').terminator(csv::Terminator::CRLF).from_writer(
        // Spreadsheets take it for UTF-8 by this mark.
        "\u{feff}".as_bytes().to_vec(),
    );
    let lines: Vec<&Line> = sheet.groups.iter().flat_map(|group| &group.lines).collect();
    let mut head: Vec<&str> = vec!["act_code", "act_qualifiers", "act_amount"];
    head.extend(lines.iter().map(|line| line.id));
    writer.write_record(&head)?;
    let rows: Vec<[String; 3]> = if sheet.acts.is_empty() {
        vec![Default::default()]
    } else {
        let amount = |cents: u32| format!("{},{:02}", cents / 100, cents % 100);
        let row = |act: &SheetAct| {
            [act.code.clone(), act.qualifiers.join(" "), act.amount_cents.map(amount).unwrap_or_default()]
        };
        sheet.acts.iter().map(row).collect()
    };
    for row in rows {
        let values = row.into_iter().chain(lines.iter().map(|line| line.value.clone()));
        let safe: Vec<String> = values.map(|value| harmless(&value)).collect();
        writer.write_record(&safe)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// A cell that a spreadsheet would take for a formula gets a quote in front; plain text and numbers stay. No-break spaces
/// become spaces: they would not be found by a search.
fn harmless(value: &str) -> String {
    let value = value.replace(['\u{a0}', '\u{202f}'], " ");
    if value.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{value}") } else { value }
}
