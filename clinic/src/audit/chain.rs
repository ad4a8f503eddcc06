//! Appending: the end of the chain, and what authenticates it.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use super::Event;
use crate::crypto::{InstanceKey, Key, same};
use crate::store::{Engine, keys};

pub type Hash = [u8; 32];

/// Signs checkpoints and authenticates the end of the chain.
pub struct Signer {
    head: Key,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    pub fn new(instance: &InstanceKey) -> Signer {
        let seed = instance.derive("audit-checkpoints");
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).expect("a seed has 32 bytes");
        Signer { head: instance.derive("audit-head"), pair }
    }

    /// Ed25519 public key, 32 bytes: what others need to verify a checkpoint.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public_key()).verify(message, signature).is_ok()
    }
}

/// `hash(i)` from `hash(i-1)`, the number and the stored bytes of the event.
pub(super) fn link(before: &Hash, seq: u64, event: &[u8]) -> Hash {
    Sha256::new().chain_update(before).chain_update(seq.to_be_bytes()).chain_update(event).finalize().into()
}

/// The end of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Number of the last event; 0 before the first.
    pub seq: u64,
    pub hash: Hash,
}

const HEAD: &str = "audit-head";

impl Chain {
    pub const EMPTY: Chain = Chain { seq: 0, hash: [0; 32] };

    pub(crate) fn load(engine: &dyn Engine, signer: &Signer) -> Result<Chain, String> {
        match engine.get(&keys::meta(HEAD)).map_err(|error| error.to_string())? {
            Some(bytes) => Chain::parse(&bytes, signer).ok_or_else(|| "its head was changed".to_owned()),
            None => Ok(Chain::EMPTY),
        }
    }

    fn parse(bytes: &[u8], signer: &Signer) -> Option<Chain> {
        let (body, mac) = bytes.split_at_checked(40)?;
        let (seq, hash) = body.split_first_chunk::<8>()?;
        let chain = Chain { seq: u64::from_be_bytes(*seq), hash: hash.try_into().ok()? };
        same(&signer.head.mac(body), mac).then_some(chain)
    }

    /// The row of a new event. `None` if it cannot be written as JSON, which no event does.
    pub(crate) fn append(&mut self, event: &Event) -> Option<(Vec<u8>, Vec<u8>)> {
        let bytes = serde_json::to_vec(event).ok()?;
        let seq = self.seq.checked_add(1)?;
        self.hash = link(&self.hash, seq, &bytes);
        self.seq = seq;
        Some((keys::audit(seq), [self.hash.as_slice(), &bytes].concat()))
    }

    /// The row of the end.
    pub(crate) fn head_row(&self, signer: &Signer) -> (Vec<u8>, Vec<u8>) {
        let body = [self.seq.to_be_bytes().as_slice(), &self.hash].concat();
        let mac = signer.head.mac(&body);
        (keys::meta(HEAD), [body.as_slice(), &mac].concat())
    }
}
