//! Files that are handed over: `[clinic.documents]`.

/// Limits, and the virus scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// Largest file, in kB of 1024 bytes.
    pub file_kb: u32,
    /// Files of one consultation.
    pub files: u32,
    /// All files of a consultation, in kB.
    pub total_kb: u32,
    /// `host:port` or the path of a Unix socket. Empty: files are not scanned.
    pub clamd: String,
    /// A file is kept back while the scanner does not answer.
    pub scan_required: bool,
}

impl Default for Documents {
    fn default() -> Documents {
        Documents {
            file_kb: 10 << 10,
            files: 25,
            total_kb: 100 << 10,
            clamd: String::new(),
            scan_required: true,
        }
    }
}
