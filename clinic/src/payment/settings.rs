//! Which providers this server knows, and where they are.

use crate::crypto::Secret;
use crate::model::Provider;

/// Bases of the providers' APIs, without a slash at the end. `None`: that adapter is not configured. Whose money it is
/// follows from the account that an administrator sets up for a professional.
#[derive(Clone, Debug, Default)]
pub struct PaymentConfig {
    /// <https://api.stripe.com>.
    pub stripe: Option<String>,
    /// <https://api.payzen.eu>, or another house of Lyra.
    pub payzen: Option<String>,
    /// For trying and testing.
    pub emulator: Option<EmulatorConfig>,
}

/// An emulator: no money moves. Its one secret proves both sides.
#[derive(Clone, Debug)]
pub struct EmulatorConfig {
    pub url: String,
    pub secret: Secret,
}

impl PaymentConfig {
    pub fn is_configured(&self) -> bool {
        !self.providers().is_empty()
    }

    /// Those that can be chosen here.
    pub fn providers(&self) -> Vec<Provider> {
        let all = [
            (Provider::Stripe, self.stripe.is_some()),
            (Provider::Payzen, self.payzen.is_some()),
            (Provider::Emulator, self.emulator.is_some()),
        ];
        all.into_iter().filter(|(_, configured)| *configured).map(|(provider, _)| provider).collect()
    }
}
