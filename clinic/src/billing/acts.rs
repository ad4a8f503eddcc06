//! Acts that can be proposed for billing: data. Amounts are proposals; the operator confirms them, the professional bills.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::Language;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proposal {
    pub code: String,
    /// TRE_G15.
    pub profession: String,
    pub fr: String,
    pub en: String,
    /// Euro cents; absent where it is not certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<u32>,
}

pub static ACTS: LazyLock<Vec<Proposal>> =
    LazyLock::new(|| serde_json::from_str(include_str!("acts.json")).unwrap_or_default());

pub fn label_of(code: &str, language: Language) -> Option<&'static str> {
    let act = ACTS.iter().find(|act| act.code == code)?;
    Some(match language {
        Language::Fr => &act.fr,
        Language::En => &act.en,
    })
}
