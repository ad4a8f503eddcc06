//! The commands that keep the clinic's data: backup, restore, proof of the audit trail.

use std::path::Path;

use chevet_clinic::backup;
use chevet_config::Loaded;

use crate::say;

fn run<T>(task: impl Future<Output = T>) -> anyhow::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(task))
}

pub fn backup(loaded: &Loaded, to: &Path) -> anyhow::Result<()> {
    let summary = run(backup::make(&loaded.config.server.data_dir, to))??;
    say(&format!(
        "{}: {} records and index entries, {} data keys, {} blobs\n",
        to.display(),
        summary.rows,
        summary.keys,
        summary.blobs
    ));
    Ok(())
}

pub fn restore(loaded: &Loaded, from: &Path) -> anyhow::Result<()> {
    let (summary, report) = run(backup::restore(from, &loaded.config.server.data_dir))??;
    say(&format!(
        "restored {} records and index entries, {} data keys, {} blobs; the audit trail of {} events is whole\n",
        summary.rows, summary.keys, summary.blobs, report.events
    ));
    Ok(())
}

pub fn verify(loaded: &Loaded) -> anyhow::Result<()> {
    say(&run(backup::verify_audit(&loaded.config.server.data_dir))??);
    Ok(())
}
