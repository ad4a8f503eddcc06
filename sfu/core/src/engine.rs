//! The loop's one value.

use crate::api::Path;

/// One datagram as the sockets received it; decrypted in place.
pub struct Datagram<'a> {
    pub path: Path,
    pub bytes: &'a mut [u8],
}

/// Datagrams to send, packed one behind the other. A run goes to one address; a run longer than its segment is sent
/// as several datagrams of `segment` bytes, the last one possibly shorter (UDP GSO).
#[derive(Debug, Default)]
pub struct Outbound {
    pub(crate) bytes: Vec<u8>,
    pub(crate) runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub path: Path,
    pub start: usize,
    pub len: usize,
    pub segment: usize,
}

impl Outbound {
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The bytes of one of the runs.
    pub fn bytes_of(&self, run: &Run) -> &[u8] {
        self.bytes.get(run.start..run.start.saturating_add(run.len)).unwrap_or(&[])
    }
}

/// Where the engine's datagrams go: the sockets, or the simulated network of the tests. Sending never fails as far as
/// the engine can tell; losses are the sender's to count.
pub trait Transmit {
    fn send(&mut self, outbound: &Outbound);
}
