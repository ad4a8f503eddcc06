//! The server's socket for its own operator: `clinic.sock` in the data directory, for the server's user only. A request is
//! one word and a newline; the answer is `ok` and a newline with what was asked for behind it, or `error` with the reason.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use super::{event, verified, write};
use crate::store::Store;

/// For one line, and for each piece of an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest first line.
const LINE_MAX: u64 = 1024;

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("clinic.sock")
}

/// Answers until `stop` is true.
pub async fn serve(store: Store, data_dir: PathBuf, mut stop: watch::Receiver<bool>) {
    let path = path(&data_dir);
    // What is there is from a server that is gone: two cannot have the store open.
    let _ = std::fs::remove_file(&path);
    let listener = match tokio::net::UnixListener::bind(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "no socket in the data directory: no backup while the server runs");
            return;
        }
    };
    // The folder is the user's own already; this is for one that an operator made wider.
    let _ = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, _)) = stream else { continue };
        let store = store.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = answer(&store, stream) {
                tracing::warn!(%error, "a request by the socket failed");
            }
        });
    }
    let _ = std::fs::remove_file(&path);
}

fn answer(store: &Store, stream: tokio::net::UnixStream) -> std::io::Result<()> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new((&stream).take(LINE_MAX)).read_line(&mut line)?;
    let mut out = BufWriter::new(&stream);
    match line.trim_end() {
        "backup" => {
            // Told before, so that the backup holds it.
            if let Err(error) = store.write_unflushed(|tx| tx.audit(&event())) {
                return writeln!(out, "error {error}");
            }
            out.write_all(b"ok\n")?;
            // An error in the middle cuts the stream short; the reader sees it by the missing end.
            write(store, &mut out).map(|_| ()).map_err(std::io::Error::other)?;
        }
        "verify" => match verified(store) {
            Ok(text) => write!(out, "ok\n{text}")?,
            Err(broken) => writeln!(out, "error {broken}")?,
        },
        _ => writeln!(out, "error unknown request")?,
    }
    out.flush()
}

#[derive(Debug)]
pub(super) enum AskError {
    NoServer,
    Refused(String),
    Io(std::io::Error),
}

/// The answer's reader, behind `ok`.
pub(super) fn ask(data_dir: &Path, what: &str) -> Result<impl Read, AskError> {
    let mut stream = UnixStream::connect(path(data_dir)).map_err(|_| AskError::NoServer)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(AskError::Io)?;
    writeln!(stream, "{what}").map_err(AskError::Io)?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.by_ref().take(LINE_MAX).read_line(&mut line).map_err(AskError::Io)?;
    match line.trim_end().split_once(' ') {
        None if line == "ok\n" => Ok(reader),
        Some(("error", reason)) => Err(AskError::Refused(reason.to_owned())),
        _ => Err(AskError::Refused("no answer".to_owned())),
    }
}
