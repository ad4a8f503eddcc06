//! The bond between a national identifier and an account: one for one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Proven;
use crate::Clinic;
use crate::accounts::activate;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::crypto::{LookupHash, Purpose};
use crate::http::{Code, Problem};
use crate::ids::AccountId;
use crate::model::{Account, AccountStatus, LoginMethod, Professional, VerifiedBy};
use crate::settings::Approval;
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx, Versioned};

/// Kept under the hash of the identifier, so that there is one at most.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Bond {
    hash: LookupHash,
    account: AccountId,
    since: Timestamp,
}

impl Record for Bond {
    const COLLECTION: &'static str = "national_identity";

    fn id(&self) -> String {
        self.hash.as_str().to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.unique("account", IndexKey::new().text(self.account.as_str()));
    }
}

fn hash(clinic: &Clinic, id_nat: &str) -> LookupHash {
    clinic.lookup().hash(Purpose::NationalId, &format!("bond|{id_nat}"))
}

/// The account that an identifier is bound to.
pub(super) fn find(clinic: &Clinic, tx: &Tx<'_>, id_nat: &str) -> Result<Option<AccountId>, StoreError> {
    Ok(tx.get::<Bond>(hash(clinic, id_nat).as_str())?.map(|bond| bond.value.account))
}

/// Accounts that claim the number of the identifier, were confirmed by mail, and are bound to nobody.
pub(super) fn candidates(
    clinic: &Clinic,
    tx: &Tx<'_>,
    proven: &Proven,
) -> Result<Vec<Versioned<Account>>, StoreError> {
    let number = clinic.lookup().hash(Purpose::NationalId, &proven.number().0);
    let query = Query::new("national_number", IndexKey::new().hash(&number)).limit(10);
    let mut found = Vec::new();
    for professional in tx.list::<Professional>(&query)?.items {
        let Some(account) = tx.get::<Account>(&professional.account_id)? else { continue };
        let open = matches!(account.status, AccountStatus::Active | AccountStatus::PendingApproval);
        let bonds = Query::new("account", IndexKey::new().text(account.id.as_str())).limit(1);
        if open && tx.list::<Bond>(&bonds)?.items.is_empty() {
            found.push(account);
        }
    }
    Ok(found)
}

/// Binds, marks the number as proven, and makes a waiting account active if that is what it waited for.
pub(super) fn bind(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    proven: &Proven,
    account: &mut Versioned<Account>,
) -> Result<(), Problem> {
    insert(clinic, tx, &proven.id_nat, &account.id)?;
    let mut professional = tx.get::<Professional>(&account.id)?.ok_or(Problem::new(Code::NotFound))?;
    professional.id_nat_ps = Some(proven.id_nat.clone());
    professional.id_verified_by = proven.verified_by();
    tx.update(&mut professional)?;
    let action = match proven.method {
        LoginMethod::Cps => Audited::AuthCps,
        _ => Audited::AuthPsc,
    };
    let who = Some(account.id.to_string());
    let bound = Event::new(clinic.clock().now(), action).by(ActorKind::Account, who);
    tx.audit(&bound.with(crate::audit::Outcome::Ok, "bound"))?;
    if account.status == AccountStatus::PendingApproval && clinic.config().approval == Approval::Psc {
        activate(clinic, tx, account, ActorKind::System, None)?;
    }
    Ok(())
}

fn insert(clinic: &Clinic, tx: &mut Tx<'_>, id_nat: &str, account: &AccountId) -> Result<(), Problem> {
    let bond = Bond { hash: hash(clinic, id_nat), account: account.clone(), since: clinic.clock().now() };
    match tx.insert(&bond) {
        Ok(_) => Ok(()),
        // The identifier has another account, or the account another identifier.
        Err(StoreError::Exists | StoreError::Taken(_)) => Err(Problem::new(Code::Conflict)),
        Err(error) => Err(error.into()),
    }
}

/// At the end of an account: the identifier is free for another one.
pub(in crate::accounts) fn unbind(tx: &mut Tx<'_>, account: &AccountId) -> Result<(), StoreError> {
    let query = Query::new("account", IndexKey::new().text(account.as_str())).limit(10);
    for bond in tx.list::<Bond>(&query)?.items {
        tx.delete::<Bond>(bond.hash.as_str())?;
    }
    Ok(())
}

/// At the confirmation of an account that was made with a proven identity: binds it. True when that was so.
pub(in crate::accounts) fn bind_confirmed(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    account: &AccountId,
) -> Result<bool, Problem> {
    let Some(professional) = tx.get::<Professional>(account)? else { return Ok(false) };
    let proven = matches!(professional.id_verified_by, VerifiedBy::Psc | VerifiedBy::Cps);
    let Some(id_nat) = professional.id_nat_ps.clone().filter(|_| proven) else { return Ok(false) };
    match insert(clinic, tx, &id_nat, account) {
        Ok(()) => Ok(true),
        // Bound to another account meanwhile: this one is judged like any other.
        Err(problem) if problem.code == Code::Conflict => Ok(false),
        Err(problem) => Err(problem),
    }
}
