//! A ZIP writer for a stream: files one after the other, stored as they are (PDFs and photos do not shrink), the same bytes
//! for the same files. PKWARE APPNOTE 6.3.10, without Zip64: sizes stay far below 4 GiB.

use jiff::civil::DateTime;

/// What has been written so far.
#[derive(Debug)]
pub struct Zip {
    central: Vec<u8>,
    count: u16,
    offset: u32,
    time: u16,
    date: u16,
}

/// More or larger files than a ZIP without Zip64 can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much for one ZIP")]
pub struct TooMuch;

const UTF8_NAMES: u16 = 1 << 11;
const VERSION: u16 = 20;
/// Version 2.0, made on Unix: readers take the mode of files from it.
const MADE_BY: u16 = (3 << 8) | VERSION;
const MODE: u32 = 0o100_644 << 16;

impl Zip {
    /// `at`: the time of every file, local.
    pub fn new(at: DateTime) -> Zip {
        let number = |value: i16| u16::try_from(value).unwrap_or_default();
        let year = number(at.year()).saturating_sub(1980).min(127);
        let date = (year << 9) | (number(at.month().into()) << 5) | number(at.day().into());
        let time = (number(at.hour().into()) << 11)
            | (number(at.minute().into()) << 5)
            | (number(at.second().into()) / 2);
        Zip { central: Vec::new(), count: 0, offset: 0, time, date }
    }

    /// The bytes of one more file, to be sent on.
    pub fn file(&mut self, name: &str, content: &[u8]) -> Result<Vec<u8>, TooMuch> {
        let size = u32::try_from(content.len()).map_err(|_| TooMuch)?;
        let length = u16::try_from(name.len()).map_err(|_| TooMuch)?;
        let crc = crc32fast::hash(content);
        let mut common = Vec::new();
        for word in [VERSION, UTF8_NAMES, 0, self.time, self.date] {
            common.extend(word.to_le_bytes());
        }
        for word in [crc, size, size] {
            common.extend(word.to_le_bytes());
        }
        for word in [length, 0] {
            common.extend(word.to_le_bytes());
        }
        let local = [b"PK\x03\x04".as_slice(), &common, name.as_bytes(), content].concat();
        self.central.extend(b"PK\x01\x02");
        self.central.extend(MADE_BY.to_le_bytes());
        self.central.extend(&common);
        for word in [0_u16, 0, 0] {
            self.central.extend(word.to_le_bytes());
        }
        self.central.extend(MODE.to_le_bytes());
        self.central.extend(self.offset.to_le_bytes());
        self.central.extend(name.as_bytes());
        self.count = self.count.checked_add(1).ok_or(TooMuch)?;
        let written = u32::try_from(local.len()).map_err(|_| TooMuch)?;
        self.offset = self.offset.checked_add(written).ok_or(TooMuch)?;
        Ok(local)
    }

    /// What stands at the end.
    pub fn finish(self) -> Result<Vec<u8>, TooMuch> {
        let size = u32::try_from(self.central.len()).map_err(|_| TooMuch)?;
        let mut end = self.central;
        end.extend(b"PK\x05\x06");
        for word in [0, 0, self.count, self.count] {
            end.extend(word.to_le_bytes());
        }
        end.extend(size.to_le_bytes());
        end.extend(self.offset.to_le_bytes());
        end.extend(0_u16.to_le_bytes());
        Ok(end)
    }
}
