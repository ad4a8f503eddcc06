//! Erases what nobody will read: uploads that were given up, and files that were refused.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::admin::settings;
use crate::clock::{Handler, Job, JobError, Schedule};
use crate::crypto::DataKeyId;
use crate::ids::{BlobId, DocumentId};
use crate::model::retention::Kept;
use crate::model::{Document, DocumentState, Upload};
use crate::store::{Store, StoreError, Tx, Versioned};
use crate::{Clinic, consultations::Read};

const KIND: &str = "document-expiry";

struct Expiry {
    store: Store,
}

/// Before the scheduler runs.
pub(crate) fn install(clinic: &Clinic) {
    clinic.scheduler().handle(KIND, Arc::new(Expiry { store: clinic.store().clone() }));
}

/// From now, a document that is not accepted has the time of refused files left.
pub fn plan(tx: &mut Tx<'_>, document: &DocumentId, now: Timestamp) -> Result<(), StoreError> {
    let due = now.saturating_add(settings(tx)?.keeps(Kept::RefusedFiles)).unwrap_or(Timestamp::MAX);
    tx.schedule(&Job::new(KIND, document, due))
}

/// Deletes blobs; one that stays is noise once its key is gone.
pub fn delete_blobs(store: &Store, key: &DataKeyId, blobs: &[BlobId]) {
    for blob in blobs {
        if let Err(error) = store.blobs().delete(key, blob) {
            tracing::warn!(%error, "bytes of a document could not be deleted");
        }
    }
}

/// Leaves the bare record of a document that nobody was shown. Gives the blobs to delete.
pub fn erase(tx: &mut Tx<'_>, document: &mut Versioned<Document>) -> Result<Vec<BlobId>, StoreError> {
    let upload = tx.unpurged::<Upload>(document.id.as_str())?;
    let chunks = upload.map(|upload| upload.value.chunks).unwrap_or_default();
    let mut blobs: Vec<BlobId> = chunks.into_iter().map(|chunk| chunk.blob).collect();
    blobs.extend(document.blob.take());
    tx.delete::<Upload>(&document.id)?;
    document.state = DocumentState::Purged;
    document.file_name.clear();
    tx.update(document)?;
    Ok(blobs)
}

#[async_trait]
impl Handler for Expiry {
    async fn run(&self, job: &Job) -> Result<(), JobError> {
        let erased = self
            .store
            .write(|tx| {
                let Some(mut document) = tx.unpurged::<Document>(&job.subject)? else { return Ok(None) };
                let waits = matches!(
                    document.state,
                    DocumentState::Uploading
                        | DocumentState::Received
                        | DocumentState::Scanning
                        | DocumentState::Quarantined
                        | DocumentState::Rejected
                );
                if !waits {
                    return Ok(None);
                }
                let blobs = erase(tx, &mut document)?;
                let key = DataKeyId::new(document.consultation.as_str());
                Ok::<_, StoreError>(Some((key, blobs)))
            })
            .await?;
        if let Some((key, blobs)) = erased {
            delete_blobs(&self.store, &key, &blobs);
        }
        Ok(())
    }
}
