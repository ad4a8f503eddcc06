//! Patients, and the facilities they may be in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words;
use crate::crypto::{DataKeyId, LookupHash};
use crate::ids::{AccountId, FacilityId, PatientId};
use crate::model::people::BirthDate;
use crate::store::{IndexKey, Indexes, Record, Sealing};

words! {
    IdentityStatus { Prov, Vali, Recup, Qual }
    IdentityProof { Cni, Passport, ResidencePermit, Vitale, Known }
    FacilityKind { Ehpad, Mss, Practice, Pharmacy, Other }
}

/// Administrative sex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub enum Sex {
    M,
    F,
    /// Unknown.
    U,
}

/// A patient file of one professional: nobody else's patients are ever searched. It has a data key of its own, destroyed
/// with its last consultation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    pub id: PatientId,
    pub owner: AccountId,
    pub created_at: Timestamp,
    pub birth_name: String,
    #[serde(default)]
    pub used_name: Option<String>,
    pub first_names: Vec<String>,
    pub birth_date: BirthDate,
    pub sex: Sex,
    /// INSEE code.
    #[serde(default)]
    pub birth_place_cog: Option<String>,
    /// 15 characters. A billing number, never an INS.
    #[serde(default)]
    pub nir: Option<String>,
    /// Rank among twins.
    #[serde(default)]
    pub nir_rank: Option<u8>,
    pub identity_status: IdentityStatus,
    #[serde(default)]
    pub identity_checked_by: Option<AccountId>,
    #[serde(default)]
    pub identity_checked_at: Option<Timestamp>,
    #[serde(default)]
    pub identity_proof: Option<IdentityProof>,
    #[serde(default)]
    pub email: Option<String>,
    /// E.164.
    #[serde(default)]
    pub mobile: Option<String>,
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default)]
    pub attending_physician: Option<String>,
    /// Of a minor.
    #[serde(default)]
    pub representative: Option<String>,
    #[serde(default)]
    pub needs: Needs,
    /// Of names and birth date together with the owner, for the duplicate warning.
    pub name_hash: LookupHash,
}

/// What makes a call work for this patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Needs {
    pub hearing: bool,
    pub vision: bool,
    pub motor: bool,
    /// Language of the interpreter, BCP 47; `fsl` for French sign language.
    pub interpreter_language: Option<String>,
}

impl Patient {
    pub fn data_key(&self) -> DataKeyId {
        DataKeyId::new(self.id.as_str())
    }
}

impl Record for Patient {
    const COLLECTION: &'static str = "patient";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(self.data_key())
    }

    fn index(&self, indexes: &mut Indexes) {
        let owner = IndexKey::new().text(self.owner.as_str());
        indexes.add("owner", owner.clone().time(self.created_at));
        indexes.add("name", owner.hash(&self.name_hash));
    }
}

/// A care facility, of one professional's address book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facility {
    pub id: FacilityId,
    pub owner: AccountId,
    pub name: String,
    #[serde(default)]
    pub finess: Option<String>,
    pub kind: FacilityKind,
    #[serde(default)]
    pub address: String,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
    /// Its tablets are shared: nothing stays on them.
    #[serde(default)]
    pub shared_device: bool,
}

impl Record for Facility {
    const COLLECTION: &'static str = "facility";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("owner", IndexKey::new().text(self.owner.as_str()));
    }
}
