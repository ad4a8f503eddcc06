//! Reading the trail, proving it whole, and letting old days go.

use std::ops::Bound;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Event;
use super::chain::{Chain, Hash, Signer, link};
use crate::crypto::secret::hex;
use crate::store::{Engine, EngineError, Store, StoreError, keys};

const CHECKPOINT: &str = "audit-start";
const STEP: usize = 1024;

/// An event with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    pub seq: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// A signed statement that the chain had this hash at this event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub seq: u64,
    /// Hexadecimal.
    pub hash: String,
    pub at: Timestamp,
    /// Ed25519 over `chevet-audit|seq|hash|at`, hexadecimal.
    pub signature: String,
}

/// A trail that was found whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Events that are there.
    pub events: u64,
    /// Number of the first of them.
    pub first: u64,
    pub last: u64,
    /// Hash of the last, hexadecimal.
    pub head: String,
}

/// Where and how the trail is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("event {0} is missing")]
    Missing(u64),
    #[error("event {0} was changed, or one before it")]
    Changed(u64),
    #[error("event {0} cannot be read")]
    Unreadable(u64),
    #[error("the end of the trail was changed or cut off")]
    Head,
    #[error("the checkpoint at the start of the trail is not ours")]
    Checkpoint,
    #[error("{0}")]
    Store(String),
}

impl From<EngineError> for Broken {
    fn from(error: EngineError) -> Broken {
        Broken::Store(error.to_string())
    }
}

fn statement(seq: u64, hash: &str, at: Timestamp) -> Vec<u8> {
    format!("chevet-audit|{seq}|{hash}|{at}").into_bytes()
}

/// Signs the present end of the trail. Kept outside of the server, it proves later that nothing before it was changed.
pub fn checkpoint(store: &Store, at: Timestamp) -> Result<Checkpoint, Broken> {
    let shared = store.shared();
    let chain = Chain::load(&*shared.engine, &shared.keys.audit).map_err(|_| Broken::Head)?;
    Ok(sign(&shared.keys.audit, chain.seq, &chain.hash, at))
}

fn sign(signer: &Signer, seq: u64, hash: &Hash, at: Timestamp) -> Checkpoint {
    let hash = hex(hash);
    let signature = hex(&signer.sign(&statement(seq, &hash, at)));
    Checkpoint { seq, hash, at, signature }
}

/// The hash before the first event that is there, and its number.
fn start(engine: &dyn Engine, signer: &Signer) -> Result<(u64, Hash), Broken> {
    let Some(bytes) = engine.get(&keys::meta(CHECKPOINT))? else { return Ok((0, Chain::EMPTY.hash)) };
    let checkpoint: Checkpoint = serde_json::from_slice(&bytes).map_err(|_| Broken::Checkpoint)?;
    let message = statement(checkpoint.seq, &checkpoint.hash, checkpoint.at);
    let signature = unhex(&checkpoint.signature).ok_or(Broken::Checkpoint)?;
    if !signer.verifies(&message, &signature) {
        return Err(Broken::Checkpoint);
    }
    let hash = unhex(&checkpoint.hash).and_then(|hash| hash.try_into().ok()).ok_or(Broken::Checkpoint)?;
    Ok((checkpoint.seq, hash))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.bytes().map(|byte| char::from(byte).to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |value, digit| value << 4 | digit)).collect())
}

/// Walks the whole trail: every event follows from the one before, none is missing, the end is authentic. Writes that go
/// on meanwhile are not disturbed; the trail is judged up to its end at the call.
pub fn verify(store: &Store) -> Result<Report, Broken> {
    let shared = store.shared();
    let head = Chain::load(&*shared.engine, &shared.keys.audit).map_err(|_| Broken::Head)?;
    verify_rows(&*shared.engine, &shared.keys.audit, &head)
}

fn verify_rows(engine: &dyn Engine, signer: &Signer, head: &Chain) -> Result<Report, Broken> {
    let (before, mut hash) = start(engine, signer)?;
    let mut seq = before;
    while seq < head.seq {
        let (low, high) = (keys::audit(seq), keys::audit(head.seq));
        let range = (Bound::Excluded(low.as_slice()), Bound::Included(high.as_slice()));
        let rows = engine.range(range, false, STEP)?;
        if rows.is_empty() {
            return Err(Broken::Missing(seq.saturating_add(1)));
        }
        for (key, value) in rows {
            seq = seq.saturating_add(1);
            if key != keys::audit(seq) {
                return Err(Broken::Missing(seq));
            }
            let (stored, event) = value.split_at_checked(32).ok_or(Broken::Unreadable(seq))?;
            hash = link(&hash, seq, event);
            if stored != hash {
                return Err(Broken::Changed(seq));
            }
            serde_json::from_slice::<Event>(event).map_err(|_| Broken::Unreadable(seq))?;
        }
    }
    if (seq, &hash) != (head.seq, &head.hash) {
        return Err(Broken::Head);
    }
    let events = head.seq.saturating_sub(before);
    Ok(Report { events, first: before.saturating_add(1), last: head.seq, head: hex(&hash) })
}

/// Events after number `after`, at most `limit`, oldest first.
pub fn read(store: &Store, after: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
    let (low, high) = (keys::audit(after), [keys::AUDIT + 1]);
    let range = (Bound::Excluded(low.as_slice()), Bound::Excluded(high.as_slice()));
    let rows = store.shared().engine.range(range, false, limit)?;
    rows.iter().map(|(key, value)| stored(key, value).ok_or(StoreError::Unreadable)).collect()
}

/// Events before number `before`, at most `limit`, newest first.
pub fn read_back(store: &Store, before: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
    let (low, high) = ([keys::AUDIT], keys::audit(before));
    let range = (Bound::Included(low.as_slice()), Bound::Excluded(high.as_slice()));
    let rows = store.shared().engine.range(range, true, limit)?;
    rows.iter().map(|(key, value)| stored(key, value).ok_or(StoreError::Unreadable)).collect()
}

/// Ed25519, hexadecimal: what proves a checkpoint.
pub fn public_key(store: &Store) -> String {
    hex(store.shared().keys.audit.public_key())
}

fn stored(key: &[u8], value: &[u8]) -> Option<Stored> {
    let seq = u64::from_be_bytes(key.get(1..)?.try_into().ok()?);
    Some(Stored { seq, event: serde_json::from_slice(value.get(32..)?).ok()? })
}

/// Lets the events before `until` go, oldest first, and signs where the trail starts now. Gives how many went.
pub async fn prune(store: &Store, until: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let mut gone: u64 = 0;
    loop {
        let (low, high) = ([keys::AUDIT], [keys::AUDIT + 1]);
        let range = (Bound::Included(low.as_slice()), Bound::Excluded(high.as_slice()));
        let rows = store.shared().engine.range(range, false, STEP)?;
        let mut old = Vec::new();
        for (key, value) in rows {
            let event = stored(&key, &value).ok_or(StoreError::Unreadable)?;
            if event.event.at >= until {
                break;
            }
            old.push((key, value, event.seq));
        }
        let Some((_, last, seq)) = old.last() else { return Ok(gone) };
        let hash = last.first_chunk::<32>().ok_or(StoreError::Unreadable)?;
        let start = sign(&store.shared().keys.audit, *seq, hash, now);
        let start = serde_json::to_vec(&start).map_err(|_| StoreError::Unreadable)?;
        gone = gone.saturating_add(old.len() as u64);
        store
            .write(|tx| {
                tx.raw(keys::meta(CHECKPOINT), Some(start));
                for (key, _, _) in old {
                    tx.raw(key, None);
                }
                Ok::<_, StoreError>(())
            })
            .await?;
    }
}
