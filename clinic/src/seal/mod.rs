//! The seal of documents: a PAdES signature of the installation over a PDF, with a time stamp where a service for it is
//! configured. It shows that nothing was changed since; it is no person's signature, and no qualified one.

mod cms;
mod der;
mod key;
mod pades;
mod routes;
mod stamp;
mod structure;
mod tsa;
mod update;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use key::{KeyFiles, SealKey, SealKeyError, is_ours};
pub use pades::{Found, check};
pub use routes::{Api, router};
pub use stamp::{Area, Drawing, stamp};
pub use tsa::{Authorities, Told};
pub use update::Unfit;

use crate::admin::{Adapter, Health};
use crate::client::HttpClient;
use crate::clock::Clock;
use crate::model::Seal;
use crate::store::Store;

/// Room for a signature without its certificates, in bytes.
const SIGNATURE_ROOM: usize = 2048;
/// Room for a time stamp with the certificates of its service, in bytes.
const STAMP_ROOM: usize = 16 * 1024;
/// For the whole exchange with the time stamp service: a professional waits for the report.
const STAMP_TIME: Duration = Duration::from_secs(5);

/// How documents are sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealConfig {
    /// `None`: a key and a certificate of the installation's own.
    pub key: Option<KeyFiles>,
    /// Address of a time stamp service (RFC 3161).
    pub tsa: Option<String>,
    /// Certificates (PEM) of whoever vouches for time stamp services. Without, every time stamp is told as not trusted.
    pub tsa_authorities: Option<PathBuf>,
}

/// Why a PDF was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("the key did not sign")]
    Key,
    #[error("the signature did not fit")]
    Room,
}

/// Seals. Clones share the key.
#[derive(Clone, Debug)]
pub struct Sealer {
    key: Arc<SealKey>,
    name: String,
    tsa: Option<(HttpClient, String)>,
    health: Option<Health>,
    authorities: Arc<Authorities>,
}

impl Sealer {
    /// `organisation`: in whose name is sealed.
    pub async fn open(
        config: &SealConfig,
        store: &Store,
        organisation: &str,
        clock: &Clock,
    ) -> Result<Sealer, SealKeyError> {
        let key = SealKey::open(config.key.as_ref(), store, organisation, clock).await?;
        let tsa = config.tsa.clone().map(|url| (HttpClient::new(STAMP_TIME), url));
        let authorities = match &config.tsa_authorities {
            Some(path) => Authorities::read(path)?,
            None => Authorities::default(),
        };
        let authorities = Arc::new(authorities);
        Ok(Sealer { key: Arc::new(key), name: organisation.to_owned(), tsa, authorities, health: None })
    }

    /// With where the answers of the time stamp service are noted.
    pub(crate) fn noting(mut self, health: Health) -> Sealer {
        self.health = Some(health);
        self
    }

    /// Asks the time stamp service about nothing in particular. `None` without one; the error is a stable word.
    pub(crate) async fn time_stamp_now(&self) -> Option<Result<Timestamp, String>> {
        let (client, url) = self.tsa.as_ref()?;
        let nothing: [u8; 32] = rand::random();
        let answer = self.ask_time(client, url, &nothing).await;
        Some(answer.map(|stamp| stamp.told.at).map_err(|why| why.to_string()))
    }

    async fn ask_time(
        &self,
        client: &HttpClient,
        url: &str,
        signature: &[u8],
    ) -> Result<tsa::Stamp, tsa::NoStamp> {
        let answer = tsa::ask(client, url, signature, &self.authorities).await;
        match (&self.health, &answer) {
            (Some(health), Ok(_)) => health.worked(Adapter::Timestamp),
            (Some(health), Err(why)) => health.failed(Adapter::Timestamp, why),
            (None, _) => {}
        }
        answer
    }

    /// The certificate that seals, in DER.
    pub fn certificate(&self) -> &[u8] {
        self.key.certificate()
    }

    /// Looks at every signature of a PDF, in the order of the file.
    pub fn check(&self, pdf: &[u8]) -> Vec<Found> {
        check(pdf, &self.authorities)
    }

    /// SHA-256 of the certificate, hexadecimal.
    pub fn fingerprint(&self) -> &str {
        self.key.fingerprint()
    }

    /// The PDF with a seal behind it, and what to note of the seal. Without an answer of the time stamp service it has no
    /// time stamp, and the note says none. Signed and encrypted PDFs are refused.
    pub async fn seal(&self, pdf: Vec<u8>, at: Timestamp) -> Result<(Vec<u8>, Seal), SealError> {
        let certificates: usize = self.key.chain().iter().map(Vec::len).sum();
        let stamp_room = if self.tsa.is_some() { STAMP_ROOM } else { 0 };
        let room = SIGNATURE_ROOM.saturating_add(certificates).saturating_add(stamp_room);
        let (name, key) = (self.name.clone(), self.key.clone());
        let prepared = tokio::task::spawn_blocking(move || {
            let prepared = pades::prepare(&pdf, &name, at, room)?;
            let signed = cms::sign(&key, &prepared.digest).ok_or(SealError::Key)?;
            Ok::<_, SealError>((prepared, signed))
        });
        // Readers of PDFs are large: one that panics ends its task, not the server.
        let (prepared, signed) = prepared.await.map_err(|_| SealError::Unfit(Unfit::Unreadable))??;
        let stamp = match &self.tsa {
            None => None,
            Some((client, url)) => match self.ask_time(client, url, &signed.signature).await {
                Ok(stamp) if stamp.token.len() <= STAMP_ROOM => Some(stamp),
                Ok(_) => {
                    tracing::warn!("sealed without a time stamp: the service's answer is too long");
                    None
                }
                Err(error) => {
                    tracing::warn!(%error, "sealed without a time stamp");
                    None
                }
            },
        };
        let token = stamp.as_ref().map(|stamp| stamp.token.as_slice());
        let signature = cms::finish(&self.key, &signed, token).ok_or(SealError::Key)?;
        let sealed = prepared.fill(&signature).ok_or(SealError::Room)?;
        let seal = Seal {
            algorithm: self.key.algorithm_name().to_owned(),
            certificate: self.key.fingerprint().to_owned(),
            time_stamp: stamp.as_ref().map(|stamp| stamp.told.at),
            time_stamp_trusted: stamp.is_some_and(|stamp| stamp.told.trusted),
        };
        Ok((sealed, seal))
    }
}

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use pades::prepare;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
