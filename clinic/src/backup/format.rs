//! The file: a magic line, frames, the summary, SHA-256 of all that, HMAC-SHA-256 of the hash under the instance key.

use std::io::{Read, Write};

use sha2::{Digest, Sha256};

use super::{BackupError, Summary};
use crate::crypto::{Key, same};

const MAGIC: &[u8] = b"CHEVET-CLINIC-BACKUP-1\n";
/// Longest part of a frame, in bytes: a bound against damaged lengths.
const PART_MAX: u32 = 128 << 20;

/// One thing in a backup.
pub(super) enum Frame {
    Key { id: String, wrapped: Vec<u8> },
    Row { key: Vec<u8>, value: Vec<u8> },
    Blob { name: String, sealed: Vec<u8> },
}

pub(super) struct Writer<W> {
    out: W,
    digest: Sha256,
}

impl<W: Write> Writer<W> {
    pub fn start(out: W) -> std::io::Result<Writer<W>> {
        let mut writer = Writer { out, digest: Sha256::new() };
        writer.bytes(MAGIC)?;
        Ok(writer)
    }

    fn bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }

    fn part(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| std::io::Error::other("a part is too long"))?;
        self.bytes(&length.to_be_bytes())?;
        self.bytes(bytes)
    }

    pub fn frame(&mut self, frame: &Frame) -> std::io::Result<()> {
        let (tag, first, second) = match frame {
            Frame::Key { id, wrapped } => (b'K', id.as_bytes(), wrapped),
            Frame::Row { key, value } => (b'R', key.as_slice(), value),
            Frame::Blob { name, sealed } => (b'B', name.as_bytes(), sealed),
        };
        self.bytes(&[tag])?;
        self.part(first)?;
        self.part(second)
    }

    pub fn finish(mut self, summary: &Summary, key: &Key) -> std::io::Result<()> {
        self.bytes(b"E")?;
        self.part(&serde_json::to_vec(summary)?)?;
        let digest = self.digest.finalize();
        self.out.write_all(&digest)?;
        self.out.write_all(&key.mac(&digest))?;
        self.out.flush()
    }
}

pub(super) struct Reader<R> {
    from: R,
    digest: Sha256,
    summary: Option<Summary>,
    seen: Summary,
}

impl<R: Read> Reader<R> {
    pub fn start(from: R) -> Result<Reader<R>, BackupError> {
        let mut reader = Reader { from, digest: Sha256::new(), summary: None, seen: Summary::default() };
        let mut magic = [0; MAGIC.len()];
        reader.bytes(&mut magic)?;
        if magic == MAGIC { Ok(reader) } else { Err(BackupError::Damaged) }
    }

    fn bytes(&mut self, into: &mut [u8]) -> Result<(), BackupError> {
        self.from.read_exact(into).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => BackupError::Damaged,
            _ => error.into(),
        })?;
        self.digest.update(&*into);
        Ok(())
    }

    fn part(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut length = [0; 4];
        self.bytes(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > PART_MAX {
            return Err(BackupError::Damaged);
        }
        // Read in pieces: a damaged length does not reserve memory that the file cannot fill.
        let mut part = Vec::new();
        let mut left = length as usize;
        while left > 0 {
            let step = left.min(1 << 20);
            let start = part.len();
            part.resize(start + step, 0);
            self.bytes(part.get_mut(start..).unwrap_or_default())?;
            left -= step;
        }
        Ok(part)
    }

    fn text(&mut self) -> Result<String, BackupError> {
        String::from_utf8(self.part()?).map_err(|_| BackupError::Damaged)
    }

    /// `None` at the end.
    pub fn frame(&mut self) -> Result<Option<Frame>, BackupError> {
        let mut tag = [0];
        self.bytes(&mut tag)?;
        Ok(Some(match &tag {
            b"K" => {
                self.seen.keys += 1;
                Frame::Key { id: self.text()?, wrapped: self.part()? }
            }
            b"R" => {
                self.seen.rows += 1;
                Frame::Row { key: self.part()?, value: self.part()? }
            }
            b"B" => {
                self.seen.blobs += 1;
                Frame::Blob { name: self.text()?, sealed: self.part()? }
            }
            b"E" => {
                let summary = serde_json::from_slice(&self.part()?).map_err(|_| BackupError::Damaged)?;
                self.summary = Some(summary);
                return Ok(None);
            }
            _ => return Err(BackupError::Damaged),
        }))
    }
}

/// A file that is whole.
pub(super) struct Checked {
    pub summary: Summary,
    digest: [u8; 32],
    signature: [u8; 32],
}

impl Checked {
    pub fn is_signed_by(&self, key: &Key) -> bool {
        same(&key.mac(&self.digest), &self.signature)
    }
}

/// Reads a whole file and compares its checksum and counts.
pub(super) fn check(from: impl Read) -> Result<Checked, BackupError> {
    let mut reader = Reader::start(from)?;
    while reader.frame()?.is_some() {}
    let digest: [u8; 32] = reader.digest.clone().finalize().into();
    let (mut stored, mut signature) = ([0; 32], [0; 32]);
    reader.bytes(&mut stored)?;
    reader.bytes(&mut signature)?;
    let trailing = reader.from.read(&mut [0])? > 0;
    match reader.summary {
        Some(summary) if summary == reader.seen && stored == digest && !trailing => {
            Ok(Checked { summary, digest, signature })
        }
        _ => Err(BackupError::Damaged),
    }
}
