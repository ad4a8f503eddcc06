//! The file of the instance key: one line, made at the first start, readable by the server's user only.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{KEY_BYTES, Key};

/// What the line starts with: format and version.
const PREFIX: &str = "chevet-clinic-key-1 ";

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(
        "{path} is missing; the store was made with the key it held: put the key back, the data cannot be read without"
    )]
    Missing { path: PathBuf },
    #[error(
        "{path} can be read or changed by others (mode {mode:03o}): `chmod 600` it, and consider who saw it"
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{path} does not hold a key of this program")]
    Malformed { path: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

/// The root of all keys of one installation.
#[derive(Clone, Debug)]
pub struct InstanceKey(Key);

impl InstanceKey {
    /// For tests, and for what lives in memory only.
    pub fn random() -> InstanceKey {
        InstanceKey(Key::random())
    }

    /// Reads the key. A missing file is made only when `may_create`: never beside a store that needs the lost key.
    pub fn open(path: &Path, may_create: bool) -> Result<InstanceKey, KeyFileError> {
        match read(path) {
            Err(KeyFileError::Missing { .. }) if may_create => {
                create(path).map_err(|source| KeyFileError::Io { path: path.to_owned(), source })?;
                read(path)
            }
            other => other,
        }
    }

    pub(crate) fn derive(&self, purpose: &str) -> Key {
        self.0.derive(purpose, &[])
    }
}

fn read(path: &Path) -> Result<InstanceKey, KeyFileError> {
    let io = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => KeyFileError::Missing { path: path.to_owned() },
        _ => KeyFileError::Io { path: path.to_owned(), source },
    };
    let mut file = File::open(path).map_err(io)?;
    // Asked of the open file, so that it cannot be exchanged between the question and the reading.
    let mode = file.metadata().map_err(io)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    let malformed = || KeyFileError::Malformed { path: path.to_owned() };
    Read::by_ref(&mut file).take(1024).read_to_string(&mut text).map_err(|_| malformed())?;
    let encoded = text.trim_end().strip_prefix(PREFIX).ok_or_else(malformed)?;
    let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).map_err(|_| malformed())?);
    let bytes: [u8; KEY_BYTES] = decoded.as_slice().try_into().map_err(|_| malformed())?;
    Ok(InstanceKey(Key::new(bytes)))
}

fn create(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let key = Key::random();
    let text = Zeroizing::new(format!("{PREFIX}{}\n", URL_SAFE_NO_PAD.encode(key.as_bytes())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // The name is in the folder: it has to last as well.
    File::open(&folder)?.sync_all()
}
