//! One thread brings what was written to the disk and then lets the writers go on.

use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::watch;

use super::engine::Batch;
use super::{Shared, StoreError, keys};
use crate::crypto::DataKeyId;

/// A wanted ticket that ends the thread.
pub(super) const STOP: u64 = u64::MAX;

type Flushed = Result<u64, String>;

/// Starts the thread. A failed flush is final: nobody can know what the disk holds then, so all later writes are refused
/// until the server is started again and reads it.
pub(super) fn start(shared: Arc<Shared>) -> (watch::Sender<u64>, watch::Receiver<Flushed>, JoinHandle<()>) {
    let (wanted, mut wishes) = watch::channel(0);
    let (done, flushed) = watch::channel(Ok(0));
    let thread = std::thread::spawn(move || {
        let mut last = 0;
        // The runtime may be gone before the store is: this waits without one.
        while let Ok(ticket) = block_on(next(&mut wishes, last)) {
            if ticket == STOP {
                break;
            }
            let outcome = flush(&shared).map(|()| ticket).map_err(|error| error.to_string());
            if let Err(error) = &outcome {
                tracing::error!(error, "the store could not be flushed; writes are refused from now on");
            }
            let failed = outcome.is_err();
            done.send_modify(|done| *done = outcome);
            if failed {
                break;
            }
            last = ticket;
        }
    });
    (wanted, flushed, thread)
}

async fn next(wishes: &mut watch::Receiver<u64>, last: u64) -> Result<u64, watch::error::RecvError> {
    wishes.wait_for(|wanted| *wanted > last).await.map(|wanted| *wanted)
}

fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

/// New data keys first, then the records sealed with them, then the destruction of keys that these records condemned.
fn flush(shared: &Shared) -> Result<(), StoreError> {
    let condemned: Vec<DataKeyId> =
        shared.condemned.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    shared.keyring.sync()?;
    shared.engine.flush()?;
    if !condemned.is_empty() {
        destroy(shared, &condemned)?;
    }
    Ok(())
}

fn destroy(shared: &Shared, condemned: &[DataKeyId]) -> Result<(), StoreError> {
    for id in condemned {
        shared.keyring.destroy(id)?;
    }
    shared.keyring.sync()?;
    for id in condemned {
        shared.blobs.delete_all(id)?;
    }
    // The marks may come back after a crash; then there is no such key any more.
    let marks: Batch = condemned.iter().map(|id| (keys::condemned(id.as_str()), None)).collect();
    shared.engine.apply(&marks)?;
    let mut pending = shared.condemned.write().unwrap_or_else(PoisonError::into_inner);
    pending.retain(|id| !condemned.contains(id));
    Ok(())
}

/// What was decided before a crash and may not have been done.
pub(super) fn finish_destructions(shared: &Shared) -> Result<(), StoreError> {
    use std::ops::Bound;
    let (low, high) = ([keys::CONDEMNED], [keys::CONDEMNED + 1]);
    let range = (Bound::Included(low.as_slice()), Bound::Excluded(high.as_slice()));
    let rows = shared.engine.range(range, false, usize::MAX)?;
    let condemned: Vec<DataKeyId> = rows
        .iter()
        .filter_map(|(key, _)| key.get(1..))
        .filter_map(|id| std::str::from_utf8(id).ok())
        .map(DataKeyId::new)
        .collect();
    if condemned.is_empty() { Ok(()) } else { destroy(shared, &condemned) }
}
