//! The entities, as they are kept. What belongs to a person is sealed under the data key of the consultation or the patient
//! file ([`crate::store::Sealing::Data`]); the rest under the instance's key. Nothing stands in clear but ids, times and
//! states.
//!
//! Fields may be added with `#[serde(default)]`. Enums may gain words; none may be renamed without a migration.

mod account;
mod call;
mod consultation;
mod file;
mod patient;
mod payment;
mod setting;
mod support;

pub use account::*;
pub use call::*;
pub use consultation::*;
pub use file::*;
pub use patient::*;
pub use payment::*;
pub use setting::*;
pub use support::*;

/// Derives the usual traits of a kept enum, with its words in snake case.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
            #[serde(rename_all = "snake_case")]
            pub enum $name {
                $($(#[$vdoc])* $variant,)+
            }
        )+
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests;
