//! What is handed to the professional: the ZIP with everything, and the single exports in it.

mod routes;
pub mod verify;
mod zip;

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use routes::{Api, router};
pub use zip::{TooMuch, Zip};

use crate::crypto::secret::hex;
use crate::report::Dossier;

/// A file of the export, as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub path: String,
    pub bytes: usize,
    /// Hexadecimal.
    pub sha256: String,
}

/// The ZIP while it is written: files in the order they are given, then the page that checks them, then the manifest.
/// Nothing is kept but the list, so that it can be streamed.
#[derive(Debug)]
pub struct Archive {
    zip: Zip,
    listed: Vec<Listed>,
    consultation: String,
    report_version: u32,
    at: jiff::Timestamp,
}

impl Archive {
    /// Times in the ZIP are those of the dossier: the same dossier gives the same bytes.
    pub fn new(dossier: &Dossier) -> Archive {
        Archive {
            zip: Zip::new(dossier.words().local(dossier.at)),
            listed: Vec::new(),
            consultation: dossier.consultation.id.to_string(),
            report_version: dossier.version,
            at: dossier.at,
        }
    }

    /// Adds a file and gives the bytes to send. A path that was used gets a number.
    pub fn add(&mut self, path: &str, content: &[u8]) -> Result<Vec<u8>, TooMuch> {
        let path = self.free(path);
        let bytes = self.zip.file(&path, content)?;
        self.listed.push(Listed { path, bytes: content.len(), sha256: hex(&Sha256::digest(content)) });
        Ok(bytes)
    }

    fn free(&self, path: &str) -> String {
        let taken = |path: &str| self.listed.iter().any(|file| file.path.eq_ignore_ascii_case(path));
        if !taken(path) {
            return path.to_owned();
        }
        let (stem, end) = match path.rsplit_once('.') {
            Some((stem, end)) if !end.contains('/') => (stem, format!(".{end}")),
            _ => (path, String::new()),
        };
        let numbered = (2_u32..).map(|number| format!("{stem}-{number}{end}"));
        numbered.take(1000).find(|path| !taken(path)).unwrap_or_else(|| path.to_owned())
    }

    /// The page, the manifest and the end of the ZIP.
    pub fn finish(mut self) -> Result<Vec<u8>, TooMuch> {
        let mut bytes = self.add("verify.html", verify::page().as_bytes())?;
        let manifest = serde_json::json!({
            "format": "chevet-export",
            "format_version": 1,
            "consultation": self.consultation,
            "report_version": self.report_version,
            "made_at": self.at,
            "files": self.listed,
        });
        let mut text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        text.push(b'\n');
        bytes.extend(self.zip.file("manifest.json", &text)?);
        bytes.extend(self.zip.finish()?);
        Ok(bytes)
    }
}

/// A file name fit for every system and for a path in a ZIP: no folders, no reserved characters, no leading dot.
pub fn file_name(name: &str) -> String {
    let kept = name
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    let clean: String = kept.map(|c| if "/\\:*?\"<>|".contains(c) { '-' } else { c }).take(100).collect();
    let clean = clean.trim_matches(|c| c == '.' || c == ' ');
    if clean.is_empty() { "document".to_owned() } else { clean.to_owned() }
}

#[cfg(test)]
mod tests;
