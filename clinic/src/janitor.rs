//! Tidying, by the hour: what has outlived its time in the clinic's own books.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;

use crate::clock::{Handler, Job, JobError, Schedule};
use crate::model::retention::Kept;
use crate::store::{Store, StoreError};
use crate::{Clinic, accounts, admin, audit, clients, consultations, hooks, http, limits, outbox, support};

const KIND: &str = "janitor";
const EVERY: SignedDuration = SignedDuration::from_hours(1);

struct Janitor {
    store: Store,
    clock: crate::clock::Clock,
    idempotency: crate::idempotency::Idempotency,
}

pub(crate) async fn install(clinic: &Clinic) -> Result<(), StoreError> {
    let janitor = Janitor {
        store: clinic.store().clone(),
        clock: clinic.clock().clone(),
        idempotency: clinic.idempotency().clone(),
    };
    clinic.scheduler().handle(KIND, Arc::new(janitor));
    let first = Job::new(KIND, "hourly", clinic.clock().now());
    clinic.store().write(|tx| tx.schedule(&first)).await
}

#[async_trait]
impl Handler for Janitor {
    async fn run(&self, _: &Job) -> Result<(), JobError> {
        let now = self.clock.now();
        let settings = admin::settings(&self.store)?;
        let keeps = |kept| settings.keeps(kept);
        self.idempotency.sweep(now).await?;
        self.store.write(|tx| limits::sweep(tx, now)).await?;
        self.store.write(|tx| http::session::sweep(tx, now)).await?;
        self.store.write(|tx| outbox::sweep(tx, now)).await?;
        self.store.write(|tx| accounts::sweep(tx, now, keeps)).await?;
        self.store.write(|tx| clients::sweep(tx, now)).await?;
        self.store.write(|tx| hooks::sweep(tx, now)).await?;
        self.store.write(|tx| support::sweep(tx, now)).await?;
        self.store.write(|tx| consultations::sweep(tx, now, keeps(Kept::ConsentProof))).await?;
        let oldest = now.saturating_sub(keeps(Kept::Audit)).unwrap_or(now);
        audit::prune(&self.store, oldest, now).await?;
        let next = Job::new(KIND, "hourly", now.saturating_add(EVERY).unwrap_or(now));
        self.store.write(|tx| tx.schedule(&next)).await?;
        Ok(())
    }
}
