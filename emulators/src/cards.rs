//! A test authority that issues cards of professionals, as the real one does: a root, an intermediate authority for
//! persons, and certificates whose common name is the national identifier, with surname and given name beside it.
//!
//! Besides good cards there are those that must be refused: revoked, expired, of another authority, made for servers, made
//! for nothing in particular.

use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason,
    RevokedCertParams, SerialNumber,
};

/// Days before and after now in which authorities and good cards are valid.
const VALID_DAYS: u64 = 3 * 365;
const DAY_S: u64 = 24 * 3600;
/// Attribute types of X.520 that rcgen has no name for.
const SURNAME: [u64; 4] = [2, 5, 4, 4];
const GIVEN_NAME: [u64; 4] = [2, 5, 4, 42];
const TITLE: [u64; 4] = [2, 5, 4, 12];

/// Whose card.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// National identifier: `8` and the RPPS number.
    pub id_nat: &'static str,
    pub first_name: &'static str,
    pub family_name: &'static str,
    pub title: &'static str,
}

/// The professional of the good, the revoked and the expired card.
pub const DOCTOR: Holder =
    Holder { id_nat: "810101010105", first_name: "Jeanne", family_name: "MARTIN", title: "Médecin" };
pub const NURSE: Holder =
    Holder { id_nat: "812345678903", first_name: "Odile", family_name: "FAURE", title: "Infirmier" };

/// What is wrong with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    Nothing,
    Expired,
    NotYetValid,
    /// No extended key usage at all.
    NoUsage,
    /// Made for servers.
    ServerUsage,
    /// Issued by an authority of the same name with another key.
    OtherAuthority,
    /// Its common name is no identifier.
    NoIdentifier,
}

/// A card, with what a reader would keep inside.
#[derive(Clone, Debug)]
pub struct Card {
    pub certificate_pem: String,
    pub certificate_der: Vec<u8>,
    pub key_pem: String,
    /// PKCS#8.
    pub key_der: Vec<u8>,
    pub serial: u64,
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The authority of one installation, made anew at each start.
pub struct Cards {
    now: u64,
    persons: Authority,
    others: Authority,
    host: Authority,
    serial: std::sync::atomic::AtomicU64,
}

impl std::fmt::Debug for Cards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cards")
    }
}

/// What rcgen says when it cannot.
pub type Failure = rcgen::Error;

fn authority(name: &str, under: Option<&Authority>, now: u64) -> Result<Authority, Failure> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CountryName, "FR");
    params.distinguished_name.push(DnType::OrganizationName, "CHEVET TEST");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, now.saturating_sub(VALID_DAYS * DAY_S), now + VALID_DAYS * DAY_S);
    let key = KeyPair::generate()?;
    let certificate = match under {
        None => params.self_signed(&key)?,
        Some(above) => params.signed_by(&key, &above.issuer)?,
    };
    Ok(Authority { pem: certificate.pem(), issuer: Issuer::new(params, key) })
}

/// Seconds since 1970.
fn valid(params: &mut CertificateParams, from: u64, until: u64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(from);
    params.not_after = epoch + Duration::from_secs(until);
}

impl Cards {
    /// `now`: seconds since 1970, by the clock of the server that will judge the cards.
    pub fn new(now: u64) -> Result<Cards, Failure> {
        let root = authority("AC RACINE IGC-SANTE TEST", None, now)?;
        let persons = authority("AC IGC-SANTE TEST PERSONNES", Some(&root), now)?;
        let others = authority("AC IGC-SANTE TEST PERSONNES", None, now)?;
        let host = authority("AC DES SERVEURS TEST", None, now)?;
        Ok(Cards { now, persons, others, host, serial: std::sync::atomic::AtomicU64::new(1000) })
    }

    /// What the server trusts for cards: the authority of persons by itself.
    pub fn authorities_pem(&self) -> &str {
        &self.persons.pem
    }

    /// What browsers and tests trust for the server's own certificate.
    pub fn host_authority_pem(&self) -> &str {
        &self.host.pem
    }

    /// A certificate and key for the listener: `localhost` and `cps.localhost`.
    pub fn host(&self) -> Result<(String, String), Failure> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "cps.localhost".to_owned()])?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        valid(&mut params, self.now.saturating_sub(30 * DAY_S), self.now + 365 * DAY_S);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.host.issuer)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    /// A card.
    pub fn card(&self, holder: Holder, flaw: Flaw) -> Result<Card, Failure> {
        let serial = self.serial.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut params = CertificateParams::default();
        let name = &mut params.distinguished_name;
        let utf8 = |text: &str| DnValue::Utf8String(text.to_owned());
        name.push(DnType::CountryName, "FR");
        name.push(DnType::CustomDnType(TITLE.to_vec()), utf8(holder.title));
        let common = if flaw == Flaw::NoIdentifier { "Jeanne MARTIN" } else { holder.id_nat };
        name.push(DnType::CommonName, utf8(common));
        name.push(DnType::CustomDnType(SURNAME.to_vec()), utf8(holder.family_name));
        name.push(DnType::CustomDnType(GIVEN_NAME.to_vec()), utf8(holder.first_name));
        params.serial_number = Some(SerialNumber::from(serial));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match flaw {
            Flaw::NoUsage => Vec::new(),
            Flaw::ServerUsage => vec![ExtendedKeyUsagePurpose::ServerAuth],
            _ => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        let (from, until) = match flaw {
            Flaw::Expired => (self.now.saturating_sub(400 * DAY_S), self.now.saturating_sub(DAY_S)),
            Flaw::NotYetValid => (self.now + DAY_S, self.now + 400 * DAY_S),
            _ => (self.now.saturating_sub(30 * DAY_S), self.now + 365 * DAY_S),
        };
        valid(&mut params, from, until);
        let key = KeyPair::generate()?;
        let issuer = if flaw == Flaw::OtherAuthority { &self.others } else { &self.persons };
        let certificate = params.signed_by(&key, &issuer.issuer)?;
        Ok(Card {
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            key_pem: key.serialize_pem(),
            key_der: key.serialize_der(),
            serial,
        })
    }

    /// A revocation list, made at `at` and good for `days`.
    pub fn revocation_list(&self, revoked: &[&Card], at: u64, days: u64) -> Result<String, Failure> {
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let list = CertificateRevocationListParams {
            this_update: epoch + Duration::from_secs(at),
            next_update: epoch + Duration::from_secs(at + days * DAY_S),
            crl_number: SerialNumber::from(at),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|card| RevokedCertParams {
                    serial_number: SerialNumber::from(card.serial),
                    revocation_time: epoch + Duration::from_secs(at),
                    reason_code: Some(RevocationReason::CessationOfOperation),
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.persons.issuer)?.pem()
    }

    /// Writes everything that a trial needs into a folder: `authorities.pem`, `revoked.pem`, `host.pem`, `host.key`, and a
    /// certificate with key for each card.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let failed = std::io::Error::other::<Failure>;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let revoked = self.card(DOCTOR, Flaw::Nothing).map_err(failed)?;
        let list = self.revocation_list(&[&revoked], self.now, 365).map_err(failed)?;
        let (host, key) = self.host().map_err(failed)?;
        let mut files = vec![
            ("authorities.pem".to_owned(), self.authorities_pem().to_owned()),
            ("host-authority.pem".to_owned(), self.host_authority_pem().to_owned()),
            ("revoked.pem".to_owned(), list),
            ("host.pem".to_owned(), host),
            ("host.key".to_owned(), key),
        ];
        let card = |holder, flaw| self.card(holder, flaw).map_err(failed);
        for (name, card) in [
            ("doctor", card(DOCTOR, Flaw::Nothing)?),
            ("nurse", card(NURSE, Flaw::Nothing)?),
            ("doctor-revoked", revoked),
            ("doctor-expired", card(DOCTOR, Flaw::Expired)?),
            ("doctor-other-authority", card(DOCTOR, Flaw::OtherAuthority)?),
        ] {
            files.push((format!("card-{name}.pem"), card.certificate_pem));
            files.push((format!("card-{name}.key"), card.key_pem));
        }
        files.into_iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
    }
}
