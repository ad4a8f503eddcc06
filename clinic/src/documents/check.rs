//! What a complete file is judged by.

use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::clamd::{self, Verdict};
use super::picture::PictureError;
use super::sniff::{FileType, sniff};
use super::{DocumentsConfig, pdf, picture};
use crate::crypto::secret::hex;
use crate::http::{Code, Problem};
use crate::model::Signed;

/// Files that are decoded at one time: a picture takes up to 600 MB while it is.
static DECODING: Semaphore = Semaphore::const_new(1);

/// A turn for decoding. It is held until the work has ended, also when nobody waits for it any more.
pub async fn decoding() -> Result<SemaphorePermit<'static>, Problem> {
    DECODING.acquire().await.map_err(|_| Problem::new(Code::Unavailable))
}

/// A file that may be handed over.
#[derive(Debug)]
pub struct Accepted {
    pub bytes: Vec<u8>,
    pub kind: FileType,
    /// Hexadecimal, of `bytes`.
    pub sha256: String,
    pub signed: Signed,
    pub warnings: Vec<String>,
}

/// Who sent it decides about active content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Professional,
    PatientSide,
}

/// Judges a file. `announced`: its hash as the sender computed it, hexadecimal. `Unavailable` and `ProviderUnavailable` say
/// nothing about the file.
pub async fn check(
    config: &DocumentsConfig,
    bytes: Vec<u8>,
    announced: &str,
    from: From,
) -> Result<Accepted, Problem> {
    if hex(&Sha256::digest(&bytes)) != announced {
        return Err(Problem::field("/sha256", "mismatch"));
    }
    let kind =
        sniff(&bytes).map_err(|why| Problem::new(Code::FileTypeNotAllowed).and_field("", why.word()))?;
    let mut warnings = Vec::new();
    if let Some(address) = &config.clamd {
        match clamd::scan(address, &bytes).await {
            Ok(Verdict::Clean) => {}
            Ok(Verdict::Infected) => return Err(Problem::new(Code::FileInfected)),
            Err(error) => {
                tracing::warn!(%error, "a file was not scanned");
                if config.scan_required {
                    return Err(Problem::new(Code::ProviderUnavailable));
                }
                warnings.push("not-scanned".to_owned());
            }
        }
    }
    let permit = decoding().await?;
    let judged = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        judge(bytes, kind, from, warnings)
    });
    judged.await.map_err(|_| Problem::new(Code::Unavailable))?
}

fn judge(bytes: Vec<u8>, kind: FileType, from: From, mut warnings: Vec<String>) -> Result<Accepted, Problem> {
    let mut signed = Signed::None;
    let (bytes, kind) = if kind == FileType::Pdf {
        let found = pdf::inspect(&bytes);
        if found.pages > pdf::PAGES_MAX {
            return Err(Problem::new(Code::FileTooLarge).and_field("", "too-many-pages"));
        }
        if found.active {
            if from == From::PatientSide {
                return Err(Problem::new(Code::FileActiveContent));
            }
            warnings.push("active-content".to_owned());
        }
        if found.signed {
            signed = Signed::PadesExternal;
        }
        (bytes, kind)
    } else {
        picture::anew(&bytes, kind).map_err(|error| match error {
            PictureError::TooManyPixels => Problem::new(Code::FileTooLarge).and_field("", "too-many-pixels"),
            PictureError::Unreadable => Problem::new(Code::FileTypeNotAllowed).and_field("", "unreadable"),
        })?
    };
    let sha256 = hex(&Sha256::digest(&bytes));
    Ok(Accepted { bytes, kind, sha256, signed, warnings })
}
