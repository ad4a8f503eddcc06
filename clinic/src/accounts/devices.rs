//! Browsers that an account was used in: one that is new is told to its owner by mail.

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::header::{COOKIE, HeaderValue, SET_COOKIE, USER_AGENT};
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Clinic;
use crate::crypto::{LookupHash, Purpose, Secret};
use crate::ids::AccountId;
use crate::messages::{self, Kind, Letter};
use crate::model::{Account, BrowserFamily, SessionClient, SystemFamily};
use crate::store::{IndexKey, Indexes, Query, Record, Sealing, StoreError, Tx};

/// A browser that did not come for so long is new again.
const KEPT: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Of one account; the oldest go first.
const DEVICES_MAX: usize = 20;
/// Longest text that is taken for the cookie's value.
const SECRET_CHARS_MAX: usize = 64;

/// A browser that an account was logged in with.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KnownDevice {
    /// Of the account and the secret in the cookie.
    hash: LookupHash,
    account: AccountId,
    seen_at: Timestamp,
}

impl Record for KnownDevice {
    const COLLECTION: &'static str = "known_device";

    fn id(&self) -> String {
        self.hash.as_str().to_owned()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("account", IndexKey::new().text(self.account.as_str()).time(self.seen_at));
        indexes.add("seen", IndexKey::new().time(self.seen_at));
    }
}

/// A request, as far as it tells which browser it comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Visit {
    secret: Option<String>,
    pub client: SessionClient,
}

impl FromRequestParts<Clinic> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, clinic: &Clinic) -> Result<Visit, Self::Rejection> {
        let name = cookie_name(clinic.secure_cookies());
        let pairs = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let secret = pairs.flat_map(|value| value.split(';')).find_map(|pair| {
            let (found, value) = pair.trim().split_once('=')?;
            (found == name && !value.is_empty() && value.len() <= SECRET_CHARS_MAX).then(|| value.to_owned())
        });
        let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Visit { secret, client: client(agent) })
    }
}

fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-chevet-device" } else { "chevet-device" }
}

/// For the answer to a login: the browser is known from now on.
pub(super) struct Arrived(Secret);

impl Arrived {
    pub fn set(&self, clinic: &Clinic, response: &mut Response) {
        let secure = clinic.secure_cookies();
        let tls = if secure { "; Secure" } else { "" };
        let (name, value, life) = (cookie_name(secure), self.0.expose(), KEPT.as_secs());
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life}{tls}");
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

/// Notes the browser of a login that is complete. `first`: the account was never logged in to before, so there is nothing
/// to warn of.
pub(super) fn arrive(
    clinic: &Clinic,
    tx: &mut Tx<'_>,
    visit: &Visit,
    account: &Account,
    first: bool,
) -> Result<Arrived, StoreError> {
    let now = clinic.clock().now();
    // A browser that another account knows keeps its secret; the hash is of both.
    let secret = visit.secret.clone().map_or_else(Secret::session, Secret::new);
    let text = format!("{}|{}", account.id, secret.expose());
    let hash = clinic.lookup().hash(Purpose::Device, &text);
    let known = tx.get::<KnownDevice>(hash.as_str())?;
    if known.is_none() {
        forget_oldest(tx, &account.id)?;
        if !first {
            let kind = Kind::LoginAlert { at: now, zone: account.time_zone.clone() };
            messages::post(clinic, tx, &Letter::for_account(account, kind))?;
        }
    }
    tx.put(&KnownDevice { hash, account: account.id.clone(), seen_at: now })?;
    Ok(Arrived(secret))
}

fn forget_oldest(tx: &mut Tx<'_>, account: &AccountId) -> Result<(), StoreError> {
    let query = Query::new("account", IndexKey::new().text(account.as_str())).limit(100);
    let devices = tx.list::<KnownDevice>(&query)?.items;
    let surplus = (devices.len() + 1).saturating_sub(DEVICES_MAX);
    for device in devices.iter().take(surplus) {
        tx.delete::<KnownDevice>(device.hash.as_str())?;
    }
    Ok(())
}

/// At the end of an account.
pub(super) fn forget_all(tx: &mut Tx<'_>, account: &AccountId) -> Result<(), StoreError> {
    let query = Query::new("account", IndexKey::new().text(account.as_str())).limit(1000);
    for device in tx.list::<KnownDevice>(&query)?.items {
        tx.delete::<KnownDevice>(device.hash.as_str())?;
    }
    Ok(())
}

/// Forgets browsers that did not come for a year. For a timer.
pub(super) fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let oldest = IndexKey::new().time(now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN));
    let old = tx.list::<KnownDevice>(&Query::new("seen", IndexKey::new()).until(oldest).limit(500))?.items;
    for device in &old {
        tx.delete::<KnownDevice>(device.hash.as_str())?;
    }
    Ok(old.len())
}

/// Words of ours for what a browser says of itself, so that its owner knows it again in a list.
fn client(agent: &str) -> SessionClient {
    let says = |word: &str| agent.contains(word);
    // The order matters: each names those before it, for old pages' sake.
    let browser = match () {
        () if says("Edg/") || says("EdgA/") || says("EdgiOS/") => BrowserFamily::Edge,
        () if says("OPR/") => BrowserFamily::Opera,
        () if says("SamsungBrowser/") => BrowserFamily::Samsung,
        () if says("Firefox/") || says("FxiOS/") => BrowserFamily::Firefox,
        () if says("Chrome/") || says("CriOS/") => BrowserFamily::Chrome,
        () if says("Safari/") => BrowserFamily::Safari,
        () => BrowserFamily::Other,
    };
    let os = match () {
        () if says("iPhone") => SystemFamily::Ios,
        () if says("iPad") => SystemFamily::Ipados,
        () if says("Android") => SystemFamily::Android,
        () if says("Windows NT") => SystemFamily::Windows,
        () if says("CrOS") => SystemFamily::Chromeos,
        () if says("Mac OS X") => SystemFamily::Macos,
        () if says("Linux") => SystemFamily::Linux,
        () => SystemFamily::Other,
    };
    SessionClient { browser: Some(browser), os: Some(os) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_family_and_system() {
        for (agent, browser, os) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0",
                BrowserFamily::Firefox,
                SystemFamily::Windows,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
                BrowserFamily::Edge,
                SystemFamily::Windows,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
                BrowserFamily::Safari,
                SystemFamily::Ios,
            ),
            (
                "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
                BrowserFamily::Chrome,
                SystemFamily::Android,
            ),
            ("", BrowserFamily::Other, SystemFamily::Other),
        ] {
            assert_eq!(client(agent), SessionClient { browser: Some(browser), os: Some(os) }, "{agent}");
        }
    }
}
