//! Secrets that are mailed once: to confirm an address, to set a new password.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Clinic;
use crate::crypto::{LookupHash, Purpose, Secret};
use crate::ids::AccountId;
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailedPurpose {
    ConfirmAddress,
    ResetPassword,
}

impl MailedPurpose {
    fn life(self) -> SignedDuration {
        match self {
            MailedPurpose::ConfirmAddress => SignedDuration::from_hours(24),
            MailedPurpose::ResetPassword => SignedDuration::from_hours(1),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mailed {
    hash: LookupHash,
    purpose: MailedPurpose,
    account: AccountId,
    expires_at: Timestamp,
}

impl Record for Mailed {
    const COLLECTION: &'static str = "mailed_secret";

    fn id(&self) -> String {
        self.hash.as_str().to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("expires", IndexKey::new().time(self.expires_at));
        indexes.add("account", IndexKey::new().text(self.account.as_str()));
    }
}

/// Makes a secret; older ones of the account are dead.
pub(super) fn make(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    purpose: MailedPurpose,
    account: &AccountId,
) -> Result<Secret, StoreError> {
    revoke(tx, account)?;
    let secret = Secret::session();
    let hash = clinic.lookup().hash(Purpose::MailedSecret, secret.expose());
    let expires_at = clinic.clock().now().saturating_add(purpose.life()).unwrap_or(Timestamp::MAX);
    tx.insert(&Mailed { hash, purpose, account: account.clone(), expires_at })?;
    Ok(secret)
}

/// The account of a secret that is still good; it is used up by that.
pub(super) fn redeem(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    purpose: MailedPurpose,
    secret: &str,
) -> Result<Option<AccountId>, StoreError> {
    let hash = clinic.lookup().hash(Purpose::MailedSecret, secret);
    let Some(mailed) = tx.get::<Mailed>(hash.as_str())? else { return Ok(None) };
    if mailed.purpose != purpose || mailed.expires_at <= clinic.clock().now() {
        return Ok(None);
    }
    tx.delete::<Mailed>(hash.as_str())?;
    Ok(Some(mailed.value.account))
}

pub(super) fn revoke(tx: &mut Tx<'_>, account: &AccountId) -> Result<(), StoreError> {
    for old in tx.list::<Mailed>(&Query::new("account", IndexKey::new().text(account.as_str())))?.items {
        tx.delete::<Mailed>(old.hash.as_str())?;
    }
    Ok(())
}

/// Deletes what has expired. For a timer.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let query = Query::new("expires", IndexKey::new()).until(IndexKey::new().time(now)).limit(1000);
    let old = tx.list::<Mailed>(&query)?.items;
    for mailed in &old {
        tx.delete::<Mailed>(mailed.hash.as_str())?;
    }
    Ok(old.len())
}
