//! Files handed over in a consultation, by professionals and by guests.
//!
//! A file comes in pieces, each sealed under the consultation's key, so that an upload goes on after a gap. When it is
//! complete it is checked: announced hash, kind by content, virus scanner; a photo is written anew, a PDF never. Only then
//! can anybody else see it. `upload` receives, `check` judges, `read` and `share` show, `signature` signs, `expire` erases.

mod check;
pub(crate) mod clamd;
mod expire;
mod input;
pub(crate) mod pdf;
pub(crate) mod picture;
mod read;
mod share;
mod signature;
mod sniff;
mod upload;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use utoipa::OpenApi;

pub use clamd::ClamdAddress;
pub(crate) use expire::install;

use crate::Clinic;

/// Settings of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentsConfig {
    /// Largest file, in bytes: 100 kB to 50 MB.
    pub file_bytes_max: u64,
    /// Files of one consultation: 1 to 100.
    pub files_max: u32,
    /// All files of a consultation, in bytes: `file_bytes_max` to 1 GB.
    pub total_bytes_max: u64,
    /// The virus scanner. `None`: files are not scanned.
    pub clamd: Option<ClamdAddress>,
    /// A file that the scanner did not look at, because it does not answer, is kept back. Else it is marked.
    pub scan_required: bool,
}

impl Default for DocumentsConfig {
    fn default() -> DocumentsConfig {
        DocumentsConfig {
            file_bytes_max: 10 << 20,
            files_max: 25,
            total_bytes_max: 100 << 20,
            clamd: None,
            scan_required: true,
        }
    }
}

pub(crate) fn router() -> Router<Clinic> {
    Router::new()
        .route("/api/v1/consultations/{id}/documents", get(read::list).post(upload::begin))
        .route("/api/v1/consultations/{id}/documents/{document}", get(read::one))
        .route(
            "/api/v1/consultations/{id}/documents/{document}/upload",
            put(upload::receive).get(upload::state),
        )
        .route("/api/v1/consultations/{id}/documents/{document}/complete", post(upload::complete))
        .route("/api/v1/consultations/{id}/documents/{document}/content", get(read::content))
        .route("/api/v1/consultations/{id}/documents/{document}/withdraw", post(read::withdraw))
        .route("/api/v1/consultations/{id}/documents/{document}/share", post(share::share))
        .route("/api/v1/consultations/{id}/documents/{document}/signature", post(signature::place::place))
        .route(
            "/api/v1/me/signature-image",
            put(signature::keep::set)
                .layer(DefaultBodyLimit::max(signature::BODY_MAX))
                .get(signature::keep::read)
                .delete(signature::keep::remove),
        )
        .route("/p/v1/documents", get(read::guest_list).post(upload::guest_begin))
        .route("/p/v1/documents/{document}", get(read::guest_one))
        .route("/p/v1/documents/{document}/upload", put(upload::guest_receive).get(upload::guest_state))
        .route("/p/v1/documents/{document}/complete", post(upload::guest_complete))
        .route("/p/v1/documents/{document}/content", get(read::guest_content))
        .route("/p/v1/documents/{document}/withdraw", post(read::guest_withdraw))
}

#[derive(Debug, OpenApi)]
#[openapi(
    paths(
        read::list, read::one, read::content, read::withdraw,
        upload::begin, upload::receive, upload::state, upload::complete,
        read::guest_list, read::guest_one, read::guest_content, read::guest_withdraw,
        upload::guest_begin, upload::guest_receive, upload::guest_state, upload::guest_complete,
        share::share, signature::place::place,
        signature::keep::set, signature::keep::read, signature::keep::remove,
    ),
    tags((name = "documents"))
)]
pub struct Api;
