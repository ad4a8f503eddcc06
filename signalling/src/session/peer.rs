//! One peer connection as signalling knows it.

use chevet_sfu_io::api::{
    Candidate, Command, DataChannels, DtlsRole, Fingerprint, IceCredentials, TransportConfig, TransportId,
};
use chevet_sfu_io::sdp::{LocalEnd, RemoteDescription, Setup};

use super::House;

#[derive(Debug)]
pub(super) struct Peer {
    pub id: TransportId,
    pub local: IceCredentials,
    /// `o=` line.
    origin: u64,
    version: u64,
    remote: Option<Remote>,
    pub connected: bool,
}

#[derive(Debug)]
struct Remote {
    ice: IceCredentials,
    fingerprint: Fingerprint,
    role: DtlsRole,
}

/// The peer came with another certificate: another peer connection behind the same session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AnotherPeer;

impl Peer {
    /// Makes the transport; the command goes into `commands`.
    pub fn open<H: House>(
        house: &mut H,
        commands: &mut Vec<Command>,
        data: DataChannels,
        data_downstream: bool,
    ) -> Peer {
        let id = house.new_transport();
        let local = house.new_credentials();
        // 62 bits: JSEP wants the number to fit a signed 64-bit integer, twice over for safety.
        let origin = house.random() >> 2;
        let member = house.member();
        let config = TransportConfig { member, ice: local.clone(), data, data_downstream };
        commands.push(Command::OpenTransport { transport: id, config });
        Peer { id, local, origin, version: 0, remote: None, connected: false }
    }

    /// Takes the transport part of a description.
    pub fn describe<H: House>(
        &mut self,
        house: &mut H,
        commands: &mut Vec<Command>,
        remote: &RemoteDescription,
        is_offer: bool,
    ) -> Result<DtlsRole, AnotherPeer> {
        let role = match (&self.remote, remote.setup) {
            // The roles stay for the life of the DTLS association (RFC 8842 5).
            (Some(known), _) => known.role,
            (None, Setup::ActPass | Setup::Active) => DtlsRole::Server,
            (None, Setup::Passive) => DtlsRole::Client,
        };
        let restarted = match &self.remote {
            Some(known) if known.fingerprint != remote.fingerprint => return Err(AnotherPeer),
            Some(known) => known.ice != remote.ice,
            None => false,
        };
        // An ICE restart by the peer wants new credentials of ours in the answer, even from a lite agent (RFC 8445 9).
        if restarted && is_offer {
            self.restart(house, commands);
        }
        if restarted || self.remote.is_none() {
            commands.push(Command::SetRemote {
                transport: self.id,
                ice: remote.ice.clone(),
                fingerprint: remote.fingerprint,
                role,
            });
            self.remote = Some(Remote { ice: remote.ice.clone(), fingerprint: remote.fingerprint, role });
        }
        Ok(role)
    }

    pub fn restart<H: House>(&mut self, house: &mut H, commands: &mut Vec<Command>) {
        self.local = house.new_credentials();
        commands.push(Command::RestartIce { transport: self.id, ice: self.local.clone() });
    }

    /// Our end for the next description.
    pub fn next_end<'a>(
        &'a mut self,
        fingerprint: &'a Fingerprint,
        candidates: &'a [Candidate],
    ) -> LocalEnd<'a> {
        self.version = self.version.saturating_add(1);
        LocalEnd { ice: &self.local, fingerprint, candidates, session: self.origin, version: self.version }
    }
}
