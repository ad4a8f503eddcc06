//! A clinic in a temporary folder, with a clock that stands still. For tests.

use jiff::Timestamp;

use crate::clock::Clock;
use crate::crypto::Purpose;
use crate::ids::AccountId;
use crate::model::people::email_key;
use crate::model::{Account, AccountStatus, Role};
use crate::{Clinic, ClinicConfig};

/// Thursday afternoon in Paris, the third of December 2026, at half past two.
pub fn afternoon() -> Timestamp {
    "2026-12-03T13:30:00Z".parse().unwrap()
}

pub struct TestClinic {
    clinic: Clinic,
    _dir: tempfile::TempDir,
}

impl std::ops::Deref for TestClinic {
    type Target = Clinic;

    fn deref(&self) -> &Clinic {
        &self.clinic
    }
}

impl TestClinic {
    pub async fn start() -> TestClinic {
        TestClinic::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut ClinicConfig)) -> TestClinic {
        TestClinic::by(Clock::frozen(afternoon()), change).await
    }

    pub async fn by(clock: Clock, change: impl FnOnce(&mut ClinicConfig)) -> TestClinic {
        let dir = tempfile::tempdir().unwrap();
        let mut config = ClinicConfig { data_dir: dir.path().to_owned(), ..ClinicConfig::default() };
        change(&mut config);
        let clinic = Clinic::start(config, clock).await.unwrap();
        TestClinic { clinic, _dir: dir }
    }
}

/// An active professional of this address; not stored.
pub fn account(clinic: &Clinic, email: &str) -> Account {
    let now = clinic.clock().now();
    Account {
        id: AccountId::new(now),
        email: email.to_owned(),
        email_hash: clinic.lookup().hash(Purpose::Email, &email_key(email)),
        email_verified_at: Some(now),
        password_hash: None,
        totp_secret: None,
        totp_last_step: 0,
        totp_pending: None,
        recovery_codes: Vec::new(),
        status: AccountStatus::Active,
        roles: vec![Role::Professional],
        locale: "fr".to_owned(),
        time_zone: "Europe/Paris".to_owned(),
        created_at: now,
        last_login_at: None,
        terms_version: None,
        failed_logins: 0,
        locked_until: None,
        session_epoch: 0,
        works_for: Vec::new(),
        closed_at: None,
    }
}
