//! Thin forms of ICE and SRTP until the real ones are in place.

pub mod ice {
    use std::time::Instant;

    use crate::api::{IceCredentials, Path};

    pub enum IceOutcome {
        Rejected,
        Answered,
    }

    pub struct IceLite {
        selected: Option<Path>,
    }

    impl IceLite {
        pub fn new(_local: IceCredentials) -> IceLite {
            IceLite { selected: None }
        }
        pub fn set_remote(&mut self, _remote: IceCredentials) {}
        pub fn restart(&mut self, _local: IceCredentials) {}
        pub fn on_request(
            &mut self,
            _now: Instant,
            path: Path,
            bytes: &[u8],
            _reply: &mut Vec<u8>,
        ) -> IceOutcome {
            if bytes.is_empty() {
                return IceOutcome::Rejected;
            }
            self.selected = Some(path);
            IceOutcome::Answered
        }
        pub fn selected(&self) -> Option<Path> {
            self.selected
        }
        pub fn forget(&mut self, path: Path) {
            if self.selected == Some(path) {
                self.selected = None;
            }
        }
    }
}

pub mod srtp {
    use dimpl::{KeyingMaterial, SrtpProfile};

    use crate::api::DtlsRole;

    pub struct SrtpIn {
        pub key: Vec<u8>,
    }

    pub struct SrtpOut {
        pub key: Vec<u8>,
    }

    pub fn contexts(
        _profile: SrtpProfile,
        material: &KeyingMaterial,
        role: DtlsRole,
    ) -> Option<((SrtpIn, SrtpOut), &'static str)> {
        let client = material.get(..16)?.to_vec();
        let server = material.get(16..32)?.to_vec();
        let (ours, theirs) = match role {
            DtlsRole::Client => (client, server),
            DtlsRole::Server => (server, client),
        };
        Some(((SrtpIn { key: theirs }, SrtpOut { key: ours }), "standin"))
    }
}
