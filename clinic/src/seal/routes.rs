//! Checking a seal.

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::key::is_ours;
use super::pades::Found;
use crate::Clinic;
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, Problem};
use crate::store::{Store, StoreError};

/// Largest PDF that is checked, in bytes.
const VERIFY_BYTES_MAX: usize = 32 << 20;

pub fn router() -> Router<Clinic> {
    Router::new().route("/api/v1/verify", post(verify).layer(DefaultBodyLimit::max(VERIFY_BYTES_MAX)))
}

#[derive(Debug, OpenApi)]
#[openapi(paths(verify), tags((name = "report")))]
pub struct Api;

/// What is found out about a PDF.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerifyBody {
    /// It carries this server's seal, over the whole file, and no byte was changed.
    valid: bool,
    /// Every signature in it, in the order of the file.
    signatures: Vec<SignatureBody>,
}

/// One signature.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignatureBody {
    /// Made with a certificate that this server seals with, or did before.
    ours: bool,
    /// What it signs was not changed.
    intact: bool,
    /// It signs the whole file: nothing was added behind it.
    whole: bool,
    /// SHA-256 of the certificate; absent for a signature of a kind that is not read here.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    /// When the signer says it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    signed_at: Option<Timestamp>,
    /// By a time stamp that belongs to this signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    time_stamp: Option<Timestamp>,
    /// With a time stamp: an authority that this server is told to trust vouches for the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_stamp_trusted: Option<bool>,
}

fn body(found: Vec<Found>, store: &Store) -> Result<VerifyBody, StoreError> {
    let mut signatures = Vec::with_capacity(found.len());
    for found in found {
        let ours = match &found.certificate {
            Some(certificate) => is_ours(store, certificate)?,
            None => false,
        };
        signatures.push(SignatureBody {
            ours,
            intact: found.intact,
            whole: found.whole,
            certificate: found.certificate,
            signed_at: found.signed_at,
            time_stamp: found.time_stamp.map(|told| told.at),
            time_stamp_trusted: found.time_stamp.map(|told| told.trusted),
        });
    }
    let valid = signatures.iter().any(|seal| seal.ours && seal.intact && seal.whole);
    Ok(VerifyBody { valid, signatures })
}

/// Checks the seal of a PDF. Nothing is kept of it.
#[utoipa::path(post, path = "/api/v1/verify", tag = "report", security(("session" = []), ("portal" = [])),
    request_body(content = Vec<u8>, content_type = "application/pdf"), responses(
    (status = 200, description = "What the seal says", body = VerifyBody),
    (status = 413, description = "Too large", body = ProblemBody, content_type = "application/problem+json"),
    (status = 415, description = "No PDF", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn verify(
    State(clinic): State<Clinic>,
    _caller: Caller,
    pdf: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<VerifyBody>, Problem> {
    let pdf = pdf.map_err(|_| Problem::new(Code::FileTooLarge))?;
    if !pdf.starts_with(b"%PDF-") {
        return Err(Problem::new(Code::FileTypeNotAllowed));
    }
    let sealer = clinic.sealer().clone();
    let found = tokio::task::spawn_blocking(move || sealer.check(&pdf));
    let found = found.await.map_err(|_| Problem::new(Code::Internal))?;
    Ok(Json(body(found, clinic.store())?))
}
