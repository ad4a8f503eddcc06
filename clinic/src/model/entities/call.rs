//! What happens around a call: consents, device checks, incidents.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DeviceClass, words};
use crate::crypto::DataKeyId;
use crate::ids::{CheckId, ConsentId, ConsultationId, IncidentId, ParticipantId};
use crate::store::{IndexKey, Indexes, Record, Sealing};

words! {
    Decision { Accepted, Refused }
    GivenBy { Patient, Representative, Professional }
    Verdict { Green, Orange, Red }
    IncidentKind {
        PatientDisconnected, ProfessionalDisconnected, ReconnectFailed, AudioOnlySwitch, VideoSuspendedBandwidth,
        CameraDenied, MicrophoneDenied, TurnTcpFallback, E2eeUnsupported, ServerRestart, UploadFailed,
    }
}

/// A consent, with the text that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub id: ConsentId,
    pub consultation: ConsultationId,
    pub participant: ParticipantId,
    pub text_version: String,
    /// Hexadecimal.
    pub text_sha256: String,
    pub decision: Decision,
    pub given_by: GivenBy,
    #[serde(default)]
    pub representative_name: Option<String>,
    pub at: Timestamp,
    #[serde(default)]
    pub device: Option<DeviceClass>,
}

/// Whether a device and its network will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCheck {
    pub id: CheckId,
    pub consultation: ConsultationId,
    pub participant: ParticipantId,
    pub at: Timestamp,
    /// Name and major version.
    pub browser: String,
    pub os: String,
    /// `ok`, `denied`, `busy`, `absent`, `silent`.
    pub camera: String,
    pub microphone: String,
    pub websocket: bool,
    #[serde(default)]
    pub udp: Option<bool>,
    #[serde(default)]
    pub tcp: bool,
    #[serde(default)]
    pub rtt_ms: Option<u32>,
    /// In tenths of a percent.
    #[serde(default)]
    pub loss_permille: Option<u32>,
    #[serde(default)]
    pub up_kbps: Option<u32>,
    #[serde(default)]
    pub down_kbps: Option<u32>,
    pub verdict: Verdict,
}

/// A technical incident, for the report: found by the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    pub consultation: ConsultationId,
    pub at: Timestamp,
    pub kind: IncidentKind,
    #[serde(default)]
    pub participant: Option<ParticipantId>,
    /// Open while absent.
    #[serde(default)]
    pub duration_s: Option<u32>,
    #[serde(default)]
    pub detail: Option<String>,
}

macro_rules! of_a_consultation {
    ($($type:ident $collection:literal),+) => {
        $(
            impl Record for $type {
                const COLLECTION: &'static str = $collection;

                fn id(&self) -> String {
                    self.id.to_string()
                }

                fn sealing(&self) -> Sealing {
                    Sealing::Data(DataKeyId::new(self.consultation.as_str()))
                }

                fn index(&self, indexes: &mut Indexes) {
                    indexes.add("consultation", IndexKey::new().text(self.consultation.as_str()).time(self.at));
                }
            }
        )+
    };
}

of_a_consultation!(Consent "consent", DeviceCheck "device_check", Incident "incident");
