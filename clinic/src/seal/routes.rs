//! Checking a seal.

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::pades::{Found, check};
use crate::Clinic;
use crate::http::problem::ProblemBody;
use crate::http::{Caller, Code, Problem};

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
    /// Made with this server's certificate.
    ours: bool,
    /// What it signs was not changed.
    intact: bool,
    /// It signs the whole file: nothing was added behind it.
    whole: bool,
    /// SHA-256 of the certificate; absent for a signature of a kind that is not read here.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    /// From the time stamp service, if it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    time_stamp: Option<Timestamp>,
}

fn body(found: Vec<Found>, own: &str) -> VerifyBody {
    let signatures: Vec<SignatureBody> = found
        .into_iter()
        .map(|found| SignatureBody {
            ours: found.certificate.as_deref() == Some(own),
            intact: found.intact,
            whole: found.whole,
            certificate: found.certificate,
            time_stamp: found.time_stamp,
        })
        .collect();
    let valid = signatures.iter().any(|seal| seal.ours && seal.intact && seal.whole);
    VerifyBody { valid, signatures }
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
    let found = tokio::task::spawn_blocking(move || check(&pdf));
    let found = found.await.map_err(|_| Problem::new(Code::Internal))?;
    Ok(Json(body(found, clinic.sealer().fingerprint())))
}
