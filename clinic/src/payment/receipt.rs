//! The receipt of a payment, for whoever paid and for the professional.

use axum::extract::State;
use axum::response::Response;

use super::guest::allowed;
use super::requests::{find, not_now};
use crate::Clinic;
use crate::consultations::{Access, Read, consultation_for};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, Guest, Path, Problem};
use crate::model::{PaymentPage, PaymentRequest, PaymentState, Provider};
use crate::pdf::{Info, PdfError, Sheet};
use crate::report::dossier::join;
use crate::report::{Dossier, file, gather, letterhead};

/// What a receipt is made from. Same value, same bytes.
struct Receipt {
    dossier: Dossier,
    payment: PaymentRequest,
    label: String,
    /// The asker may know who the patient is.
    named: bool,
}

fn draw(receipt: &Receipt) -> Result<Vec<u8>, PdfError> {
    let Receipt { dossier, payment, .. } = receipt;
    let words = dossier.words();
    let title = words.pick("Reçu de paiement", "Receipt");
    let paid_at = payment.paid_at.unwrap_or(dossier.at);
    let mut sheet = Sheet::new(Info {
        title: format!("{title} – {}", words.date(paid_at)),
        language: dossier.language(),
        author: dossier.professional_name(),
        reference: format!("{}.receipt.{}", payment.id, payment.refunded_cents),
        at: paid_at,
        running: dossier.professional_name(),
        foot: join(&[title, payment.id.as_str()], " · "),
    });
    sheet.letterhead(&letterhead(dossier));
    sheet.title(title, &words.moment(paid_at));
    let mut facts = vec![
        (words.pick("Objet", "For"), receipt.label.clone()),
        (words.pick("Date de l’acte", "Date of the act"), words.date(dossier.started_at())),
    ];
    if receipt.named {
        facts.push(("Patient", dossier.patient_name()));
    }
    facts.push((words.pick("Montant payé", "Amount paid"), words.amount(payment.amount_cents)));
    if payment.refunded_cents > 0 {
        let kept = payment.amount_cents.saturating_sub(payment.refunded_cents);
        facts.push((words.pick("Remboursé", "Refunded"), words.amount(payment.refunded_cents)));
        facts.push((words.pick("Reste payé", "Paid after refund"), words.amount(kept)));
    }
    let provider = match payment.provider {
        Provider::Stripe => "Stripe",
        Provider::Payzen => "PayZen",
        Provider::Emulator => words.pick("Émulateur : aucun argent n’a circulé", "Emulator: no money moved"),
        Provider::None => "",
    };
    facts.push((words.pick("Paiement en ligne", "Online payment"), provider.to_owned()));
    let reference = payment.transaction.clone().or_else(|| payment.provider_ref.clone());
    facts.push((words.pick("Référence", "Reference"), reference.unwrap_or_default()));
    facts.retain(|(_, value)| !value.is_empty());
    sheet.facts(&facts);
    sheet.note(words.pick(
        "Ce reçu n’est pas une feuille de soins : il ne suffit pas pour un remboursement par l’assurance maladie.",
        "This receipt is no claim form: it is not enough for a refund by the health insurance.",
    ));
    sheet.finish()
}

/// 409 until it was paid.
async fn made(
    clinic: &Clinic,
    read: &impl Read,
    access: &Access,
    payment: &PaymentRequest,
) -> Result<Response, Problem> {
    if !payment.state.was_paid() {
        return Err(not_now(payment));
    }
    let page = read.unpurged::<PaymentPage>(payment.id.as_str())?.ok_or(Problem::new(Code::Purged))?;
    let receipt = Receipt {
        dossier: gather(read, access, clinic.clock().now(), 1)?,
        payment: payment.clone(),
        label: page.value.label,
        named: access.may(Action::SeeIdentity),
    };
    let refunded = payment.state != PaymentState::Paid;
    let drawn = tokio::task::spawn_blocking(move || draw(&receipt));
    let pdf = drawn.await.map_err(|_| Problem::new(Code::Internal))??;
    Ok(file("application/pdf", if refunded { "recu-rembourse.pdf" } else { "recu.pdf" }, pdf))
}

/// The receipt of what was paid.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/payment-requests/{payment}/receipt", tag = "payment",
    security(("session" = []), ("portal" = ["payments:write"])),
    params(("id" = String, Path), ("payment" = String, Path)), responses(
    (status = 200, description = "PDF", content_type = "application/pdf"),
    (status = 409, description = "Not paid", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn receipt(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path((id, payment)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::SeePayments)?;
    let payment = find(clinic.store(), &access, &payment)?;
    made(&clinic, clinic.store(), &access, &payment).await
}

/// As for professionals.
#[utoipa::path(get, path = "/p/v1/payments/{payment}/receipt", tag = "payment", security(("guest" = [])),
    params(("payment" = String, Path)), responses(
    (status = 200, description = "PDF", content_type = "application/pdf"),
    (status = 409, description = "Not paid", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn guest_receipt(
    State(clinic): State<Clinic>,
    guest: Guest,
    Path(payment): Path<String>,
) -> Result<Response, Problem> {
    let access = allowed(&clinic, clinic.store(), &guest)?;
    let payment = find(clinic.store(), &access, &payment)?;
    made(&clinic, clinic.store(), &access, &payment).await
}
