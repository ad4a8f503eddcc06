//! The API key of a server that was given none: made at the first start, kept in `data_dir/keys.toml`.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chevet_config::{Config, Secret, Sources};
use rand::distr::{Alphanumeric, SampleString};

/// Random characters of a generated secret: 43 of 62 letters are 256 bits.
const SECRET_CHARS: usize = 43;
const KEY_CHARS: usize = 12;

/// Where a generated key is kept.
pub fn file(config: &Config) -> PathBuf {
    config.server.data_dir.join("keys.toml")
}

/// The API keys to use: those configured, else those kept, else one made now.
pub fn keys(config: &Config) -> anyhow::Result<BTreeMap<String, Secret>> {
    if !config.keys.is_empty() {
        return Ok(config.keys.clone());
    }
    let path = file(config);
    match read(&path)? {
        Some(keys) => Ok(keys),
        None => {
            create(&path).with_context(|| format!("cannot keep the API key in {}", path.display()))?;
            tracing::info!(file = %path.display(), "made an API key; the file holds it");
            read(&path)?.with_context(|| format!("{} vanished", path.display()))
        }
    }
}

/// The secret by which the clinic of this server uses the control plane: made at the first start, in
/// `data_dir/clinic-control.secret`.
pub fn clinic(config: &Config) -> anyhow::Result<Secret> {
    let path = config.server.data_dir.join("clinic-control.secret");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let secret = text.trim();
            anyhow::ensure!(
                secret.len() >= SECRET_CHARS,
                "{} is spoilt: remove it, and another is made",
                path.display()
            );
            Ok(Secret::new(secret))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let secret = Alphanumeric.sample_string(&mut rand::rng(), SECRET_CHARS);
            write_new(&path, &secret)
                .with_context(|| format!("cannot keep a secret in {}", path.display()))?;
            Ok(Secret::new(secret))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn read(path: &Path) -> anyhow::Result<Option<BTreeMap<String, Secret>>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    // A settings file with one section: the same reader, the same refusals.
    let loaded = Sources::default().load_text(Some((path, &text)))?;
    anyhow::ensure!(
        !loaded.config.keys.is_empty(),
        "{} holds no key: remove it, or write one",
        path.display()
    );
    Ok(Some(loaded.config.keys))
}

fn create(path: &Path) -> std::io::Result<()> {
    let mut random = rand::rng();
    let key = format!("CH{}", Alphanumeric.sample_string(&mut random, KEY_CHARS));
    let secret = Alphanumeric.sample_string(&mut random, SECRET_CHARS);
    write_new(path, &format!("# Made by `chevet` at its first start.\n[keys]\n{key} = \"{secret}\"\n"))
}

/// A file that only the user can read, in a folder that only the user can enter.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let folder: PathBuf = path.parent().map(Path::to_path_buf).unwrap_or_default();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("chevet-secrets-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn the_first_start_makes_a_key_that_only_the_user_can_read_and_the_next_finds_it() {
        let folder = folder("first");
        let mut config = Config::default();
        config.server.data_dir = folder.join("data");
        let made = keys(&config).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&config.server.data_dir.join("keys.toml")), 0o600);
        assert_eq!(mode(&config.server.data_dir), 0o700);
        assert!(made.values().all(|secret| secret.expose().len() == SECRET_CHARS) && made.len() == 1);
        assert_eq!(keys(&config).unwrap(), made);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_clinics_secret_is_made_once_for_the_user_only_and_a_spoilt_one_is_not_replaced() {
        let mut config = Config::default();
        config.server.data_dir = folder("clinic");
        let made = clinic(&config).unwrap();
        let path = config.server.data_dir.join("clinic-control.secret");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(clinic(&config).unwrap(), made);
        std::fs::write(&path, "short").unwrap();
        assert!(clinic(&config).is_err());
        std::fs::remove_dir_all(&config.server.data_dir).unwrap();
    }

    #[test]
    fn a_configured_key_leaves_the_disk_alone() {
        let mut config = Config::dev();
        config.server.data_dir = folder("none");
        assert_eq!(keys(&config).unwrap(), config.keys);
        assert!(!config.server.data_dir.exists());
    }

    #[test]
    fn a_key_file_that_was_spoilt_is_refused_and_not_replaced() {
        let mut config = Config::default();
        config.server.data_dir = folder("spoilt");
        std::fs::create_dir_all(&config.server.data_dir).unwrap();
        let path = config.server.data_dir.join("keys.toml");
        for text in ["", "[keys]\nCHabc = \"short\"\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(keys(&config).is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::remove_dir_all(&config.server.data_dir).unwrap();
    }
}
