//! The picture that a professional keeps here.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::ink::{self, NoInk};
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::documents::check;
use crate::http::problem::ProblemBody;
use crate::http::{Code, Problem, SignedIn};
use crate::model::{Professional, SignatureImage};

/// The picture that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignatureImageBody {
    /// In pixels, without transparent margins.
    width: u32,
    height: u32,
    /// Of the PNG, in bytes.
    size: usize,
    #[schema(value_type = String, format = DateTime)]
    set_at: Timestamp,
}

/// Keeps a picture of one's signature, in place of the one before: PNG or JPEG, 2 MB and 8 megapixels at most. It is written
/// anew as PNG; transparency stays, transparent margins are cut away.
#[utoipa::path(put, path = "/api/v1/me/signature-image", tag = "me", security(("session" = [])),
    request_body(content = Vec<u8>, content_type = "image/png"), responses(
    (status = 200, description = "Kept", body = SignatureImageBody),
    (status = 413, description = "Too large, in bytes or pixels", body = ProblemBody, content_type = "application/problem+json"),
    (status = 415, description = "Neither PNG nor JPEG", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Nothing is drawn", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(in crate::documents) async fn set(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<axum::Json<SignatureImageBody>, Problem> {
    let bytes = bytes.map_err(|_| Problem::new(Code::TooLarge))?;
    let permit = check::decoding().await?;
    let drawn = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        ink::draw(&bytes)
    });
    let drawn =
        drawn.await.map_err(|_| Problem::new(Code::FileTypeNotAllowed))?.map_err(|why| match why {
            NoInk::Unreadable => Problem::new(Code::FileTypeNotAllowed),
            NoInk::TooManyPixels => Problem::new(Code::FileTooLarge).and_field("", "too-many-pixels"),
            NoInk::Empty => Problem::field("", "empty"),
        })?;
    let now = clinic.clock().now();
    let image = SignatureImage {
        account_id: signed_in.id().clone(),
        png: STANDARD.encode(&drawn.png),
        width: drawn.width,
        height: drawn.height,
        set_at: now,
    };
    change(&clinic, &signed_in, Some(&image)).await?;
    let size = drawn.png.len();
    Ok(axum::Json(SignatureImageBody { width: image.width, height: image.height, size, set_at: now }))
}

async fn change(
    clinic: &Clinic,
    signed_in: &SignedIn,
    image: Option<&SignatureImage>,
) -> Result<(), Problem> {
    let now = clinic.clock().now();
    clinic
        .store()
        .write(|tx| {
            let professional = tx.get::<Professional>(signed_in.id())?;
            let mut professional = professional.ok_or(Problem::new(Code::NotFound))?;
            professional.visible_signature = image.map(|image| image.set_at);
            tx.update(&mut professional)?;
            match image {
                Some(image) => tx.put(image).map(|_| ())?,
                None => tx.delete::<SignatureImage>(signed_in.id()).map(|_| ())?,
            }
            let mut event = Event::new(now, Audited::SignatureImageSet);
            event.reason = image.is_none().then(|| "removed".to_owned());
            tx.audit(&event.by(ActorKind::Account, Some(signed_in.id().to_string())))?;
            Ok::<_, Problem>(())
        })
        .await
}

/// The picture of one's signature.
#[utoipa::path(get, path = "/api/v1/me/signature-image", tag = "me", security(("session" = [])), responses(
    (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/png"),
    (status = 404, description = "None is kept", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(in crate::documents) async fn read(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    let image = clinic.store().get::<SignatureImage>(signed_in.id())?.ok_or(Problem::new(Code::NotFound))?;
    let png = STANDARD.decode(&image.png).map_err(|_| Problem::new(Code::Internal))?;
    let mut response = png.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/png"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, private"));
    Ok(response)
}

/// Forgets the picture. What was placed on documents stays there.
#[utoipa::path(delete, path = "/api/v1/me/signature-image", tag = "me", security(("session" = [])), responses(
    (status = 204, description = "None is kept any more"),
))]
pub(in crate::documents) async fn remove(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<StatusCode, Problem> {
    if clinic.store().get::<SignatureImage>(signed_in.id())?.is_some() {
        change(&clinic, &signed_in, None).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
