//! `GET …/export?format=`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::{Archive, file_name};
use crate::Clinic;
use crate::audit::Action as Audited;
use crate::billing;
use crate::consultations::{Access, Read, consultation_for, note};
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, Problem};
use crate::model::{Document, Report};
use crate::report::{Dossier, exported, file, gather, latest, stored_pdf};
use crate::store::Versioned;

pub fn router() -> Router<Clinic> {
    Router::new().route("/api/v1/consultations/{id}/export", get(export))
}

#[derive(Debug, OpenApi)]
#[openapi(paths(export), tags((name = "export")))]
pub struct Api;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub enum Format {
    #[serde(rename = "zip")]
    Zip,
    #[serde(rename = "fhir")]
    Fhir,
    #[serde(rename = "cda")]
    Cda,
    #[serde(rename = "billing.csv")]
    BillingCsv,
    #[serde(rename = "billing.pdf")]
    BillingPdf,
    #[serde(rename = "billing.json")]
    BillingJson,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    #[param(inline)]
    format: Format,
}

/// Everything as ZIP with a manifest and a page that checks it offline, or one part. Whoever may not see the NIR gets a
/// billing sheet without. Nothing is transmitted to anybody.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/export", tag = "export",
    security(("session" = []), ("portal" = ["export:read"])), params(("id" = String, Path), Wanted), responses(
    (status = 200, description = "The file, by format"),
    (status = 403, description = "Not for this consultation", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not validated yet", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn export(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
    query: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Wanted { format }) = query?;
    let now = clinic.clock().now();
    let store = clinic.store();
    let billing = matches!(format, Format::BillingCsv | Format::BillingPdf | Format::BillingJson);
    let action = if billing { Action::ExportBillingSheet } else { Action::Export };
    let access = consultation_for(store, now, &caller.actor(now), &id, action)?;
    if billing {
        return billing_sheet(&clinic, now, &access, format).await;
    }
    let report = latest(store, &access.consultation)?;
    // The time of the report, so that the same export is made of the same things every day.
    let dossier = gather(store, &access, report.created_at, report.version)?;
    let pdf = stored_pdf(store, &access.consultation, &report).await?;
    match format {
        Format::Fhir => {
            exported(&clinic, now, &access, Audited::ExportFhir, false).await?;
            let bundle = crate::fhir::bundle(&dossier, &pdf).to_string();
            Ok(file("application/fhir+json", "consultation.fhir.json", bundle))
        }
        Format::Cda => {
            exported(&clinic, now, &access, Audited::ExportCda, false).await?;
            Ok(file("application/xml", "compte-rendu.cda.xml", cda(&dossier, &pdf)?))
        }
        _ => archive(clinic.clone(), now, access, dossier, report, pdf).await,
    }
}

fn cda(dossier: &Dossier, pdf: &[u8]) -> Result<String, Problem> {
    crate::cda::document(dossier, pdf).map_err(|_| Problem::new(Code::Internal))
}

/// The sheet for this asker, noted in the trail.
async fn sheet(
    clinic: &Clinic,
    now: Timestamp,
    access: &Access,
    dossier: &Dossier,
) -> Result<billing::Sheet, Problem> {
    let with_nir = access.may(Action::SeeNir);
    let viewed = with_nir && dossier.patient.nir.is_some();
    clinic
        .store()
        .write(|tx| {
            let c = &access.consultation;
            note(tx, now, &access.actor, &c.owner, Audited::ExportBillingSheet, &c.id)?;
            if viewed {
                note(tx, now, &access.actor, &c.owner, Audited::PatientNirViewed, &dossier.patient.id)?;
            }
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(billing::sheet(dossier, with_nir))
}

async fn billing_sheet(
    clinic: &Clinic,
    now: Timestamp,
    access: &Access,
    format: Format,
) -> Result<Response, Problem> {
    let dossier = gather(clinic.store(), access, now, 1)?;
    let sheet = sheet(clinic, now, access, &dossier).await?;
    match format {
        Format::BillingCsv => {
            let csv = billing::csv(&sheet).map_err(|_| Problem::new(Code::Internal))?;
            Ok(file("text/csv; charset=utf-8", "fiche-fse.csv", csv))
        }
        Format::BillingJson => {
            let json = serde_json::to_vec(&sheet).map_err(|_| Problem::new(Code::Internal))?;
            Ok(file("application/json", "fiche-fse.json", json))
        }
        _ => {
            let drawn = tokio::task::spawn_blocking(move || billing::pdf(&dossier, &sheet));
            let pdf = drawn.await.map_err(|_| Problem::new(Code::Internal))??;
            Ok(file("application/pdf", "fiche-fse.pdf", pdf))
        }
    }
}

/// A part of the stream.
type Piece = std::io::Result<Bytes>;

/// The ZIP as a stream: one document at a time is in memory, and a slow reader slows the writer.
async fn archive(
    clinic: Clinic,
    now: Timestamp,
    access: Access,
    dossier: Dossier,
    report: Report,
    pdf: Vec<u8>,
) -> Result<Response, Problem> {
    let sheet = sheet(&clinic, now, &access, &dossier).await?;
    let small: Vec<(String, Vec<u8>)> = tokio::task::spawn_blocking({
        let dossier = dossier.clone();
        move || parts(&dossier, &sheet, &report, pdf)
    })
    .await
    .map_err(|_| Problem::new(Code::Internal))??;
    let (sender, receiver) = mpsc::channel::<Piece>(2);
    tokio::spawn(async move {
        if write(&clinic, &access, &dossier, small, &sender).await.is_none() {
            // Broken off, so that nobody takes half of it for the whole.
            let _ = sender.send(Err(std::io::Error::other("the export was broken off"))).await;
        } else if exported(&clinic, now, &access, Audited::ExportZip, true).await.is_err() {
            tracing::warn!("an export could not be noted");
        }
    });
    let stream = futures_util::stream::unfold(receiver, async |mut receiver: mpsc::Receiver<Piece>| {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    Ok(file("application/zip", "consultation.zip", Body::from_stream(stream)))
}

fn parts(
    dossier: &Dossier,
    sheet: &billing::Sheet,
    report: &Report,
    pdf: Vec<u8>,
) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let internal = || Problem::new(Code::Internal);
    let bundle = serde_json::to_vec_pretty(&crate::fhir::bundle(dossier, &pdf)).map_err(|_| internal())?;
    let document = cda(dossier, &pdf)?;
    Ok(vec![
        (format!("compte-rendu-v{}.pdf", report.version), pdf),
        ("fiche-fse.pdf".to_owned(), billing::pdf(dossier, sheet)?),
        ("fiche-fse.csv".to_owned(), billing::csv(sheet).map_err(|_| internal())?),
        ("compte-rendu.cda.xml".to_owned(), document.into_bytes()),
        ("consultation.fhir.json".to_owned(), bundle),
    ])
}

/// Sends the whole ZIP; `None` when it was broken off.
async fn write(
    clinic: &Clinic,
    access: &Access,
    dossier: &Dossier,
    small: Vec<(String, Vec<u8>)>,
    sender: &mpsc::Sender<Piece>,
) -> Option<()> {
    let mut archive = Archive::new(dossier);
    for (name, content) in small {
        sender.send(Ok(archive.add(&name, &content).ok()?.into())).await.ok()?;
    }
    // Earlier versions of the report stay part of the record.
    let store = clinic.store();
    let consultation = &access.consultation;
    for Versioned { value: old, .. } in store.all::<Report>("consultation", consultation.id.as_str()).ok()? {
        if old.version < dossier.version {
            let pdf = stored_pdf(store, consultation, &old).await.ok()?;
            let name = format!("compte-rendu-v{}.pdf", old.version);
            sender.send(Ok(archive.add(&name, &pdf).ok()?.into())).await.ok()?;
        }
    }
    for document in dossier.handed_over() {
        let content = content(clinic, access, document).await?;
        let path = format!("documents/{}", file_name(&document.file_name));
        sender.send(Ok(archive.add(&path, &content).ok()?.into())).await.ok()?;
    }
    sender.send(Ok(archive.finish().ok()?.into())).await.ok()
}

async fn content(clinic: &Clinic, access: &Access, document: &Document) -> Option<Vec<u8>> {
    let blob = document.blob.as_ref()?;
    clinic.store().get_blob(&access.consultation.data_key(), blob).await.ok()?
}
