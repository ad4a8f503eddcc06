//! What somebody sends to support about their device: words of ours and numbers, so that no name can be among them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DeviceClass, ParticipantRole, Verdict, words};
use crate::ids::{ConsultationId, ParticipantId, SupportId};
use crate::store::{IndexKey, Indexes, Record, Sealing};

words! {
    BrowserFamily { Chrome, Firefox, Safari, Edge, Samsung, Opera, Webview, Other }
    SystemFamily { Ios, Ipados, Android, Windows, Macos, Linux, Chromeos, Other }
    /// Where the help button was pressed.
    DiagnosticPage { Link, Check, Waiting, Call, End, Documents, Login, List, Form, Admin, Other }
    PermissionState { Granted, Denied, Prompt, Unknown }
    CandidateType { Host, Srflx, Prflx, Relay }
    TransportWord { Udp, Tcp, Tls }
    ConnectionWord { New, Checking, Connected, Completed, Disconnected, Failed, Closed }
    ClientEvent {
        PageOpened, LinkOpened, ConsentGiven, CheckStarted, CheckDone, Waiting, Admitted, CallJoined, CallLeft, Reconnecting,
        Reconnected, AudioOnly, VideoResumed, CameraOn, CameraOff, MicrophoneOn, MicrophoneOff, PageHidden, PageVisible,
        DocumentSent, DocumentOpened,
    }
    /// Who sent a bundle.
    BundleMaker { Guest, Account }
}

/// What goes wrong in a browser. Besides these, `code` may be any code of a problem.
pub const CLIENT_ERRORS: [&str; 20] = [
    "camera_denied",
    "microphone_denied",
    "camera_busy",
    "microphone_busy",
    "camera_missing",
    "microphone_missing",
    "silent_microphone",
    "overconstrained",
    "ice_failed",
    "dtls_failed",
    "websocket_closed",
    "e2ee_unavailable",
    "old_browser",
    "in_app_browser",
    "autoplay_blocked",
    "taken_over",
    "upload_failed",
    "download_failed",
    "network_offline",
    "script_error",
];

const QUALITY_MAX: usize = 120;
const ERRORS_MAX: usize = 50;
const TIMELINE_MAX: usize = 100;
const CANDIDATES_MAX: usize = 16;
/// A day before the sending.
const SECONDS_BACK: i32 = 86_400;
/// No counter of a browser is above it: ten gigabits, in kilobits.
const NUMBER_MAX: u32 = 10_000_000;

/// A diagnosis of a device. Every member but `page` may be absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Diagnostic {
    pub page: DiagnosticPage,
    /// From somebody who is logged in: in which it happened. Guests have only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub consultation_id: Option<ConsultationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser: Option<BrowserVersion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<SystemVersion>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<DeviceCounts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice: Option<Ice>,
    /// At most 120.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<QualitySample>,
    /// At most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorSeen>,
    /// At most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<EventSeen>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BrowserVersion {
    pub family: BrowserFamily,
    #[serde(default)]
    pub major: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemVersion {
    pub family: SystemFamily,
    #[serde(default)]
    pub major: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<PermissionState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microphone: Option<PermissionState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<PermissionState>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceCounts {
    #[serde(default)]
    pub cameras: u8,
    #[serde(default)]
    pub microphones: u8,
    #[serde(default)]
    pub speakers: u8,
}

/// What the network let through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub websocket: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_udp: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_tcp: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_tls: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_permille: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_kbps: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_kbps: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// Kinds of addresses, never an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ice {
    #[serde(default)]
    pub local: Vec<CandidateType>,
    #[serde(default)]
    pub remote: Vec<CandidateType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ConnectionWord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QualitySample {
    /// Seconds before the sending: -86400 to 0.
    pub at_s: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_permille: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_kbps: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_kbps: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorSeen {
    pub at_s: i32,
    /// A word of the list, or the code of a problem of this API.
    pub code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSeen {
    pub at_s: i32,
    pub event: ClientEvent,
}

impl Diagnostic {
    /// What is out of its bounds, as JSON pointer and word. `is_problem`: the text is the code of a problem.
    pub fn faults(&self, is_problem: impl Fn(&str) -> bool) -> Vec<(String, &'static str)> {
        let mut faults = Vec::new();
        let lists = [
            ("/quality", self.quality.len() > QUALITY_MAX),
            ("/errors", self.errors.len() > ERRORS_MAX),
            ("/timeline", self.timeline.len() > TIMELINE_MAX),
            ("/ice/local", self.ice.as_ref().is_some_and(|ice| ice.local.len() > CANDIDATES_MAX)),
            ("/ice/remote", self.ice.as_ref().is_some_and(|ice| ice.remote.len() > CANDIDATES_MAX)),
        ];
        faults.extend(
            lists.into_iter().filter(|(_, long)| *long).map(|(pointer, _)| (pointer.to_owned(), "too-many")),
        );
        let mut number = |pointer: String, given: Option<u32>, most: u32| {
            if given.is_some_and(|given| given > most) {
                faults.push((pointer, "out-of-bounds"));
            }
        };
        if let Some(probe) = &self.probe {
            number("/probe/rtt_ms".to_owned(), probe.rtt_ms, NUMBER_MAX);
            number("/probe/jitter_ms".to_owned(), probe.jitter_ms, NUMBER_MAX);
            number("/probe/loss_permille".to_owned(), probe.loss_permille, 1000);
            number("/probe/up_kbps".to_owned(), probe.up_kbps, NUMBER_MAX);
            number("/probe/down_kbps".to_owned(), probe.down_kbps, NUMBER_MAX);
        }
        for (at, sample) in self.quality.iter().enumerate().take(QUALITY_MAX) {
            let all = [
                ("rtt_ms", sample.rtt_ms, NUMBER_MAX),
                ("loss_permille", sample.loss_permille, 1000),
                ("jitter_ms", sample.jitter_ms, NUMBER_MAX),
                ("up_kbps", sample.up_kbps, NUMBER_MAX),
                ("down_kbps", sample.down_kbps, NUMBER_MAX),
                ("fps", sample.fps, 1000),
                ("width", sample.width, 20_000),
                ("height", sample.height, 20_000),
            ];
            for (name, given, most) in all {
                number(format!("/quality/{at}/{name}"), given, most);
            }
        }
        let times = self.quality.iter().map(|one| one.at_s).enumerate().map(|(at, s)| ("quality", at, s));
        let errors = self.errors.iter().map(|one| one.at_s).enumerate().map(|(at, s)| ("errors", at, s));
        let events = self.timeline.iter().map(|one| one.at_s).enumerate().map(|(at, s)| ("timeline", at, s));
        let late = times.chain(errors).chain(events).filter(|(_, _, s)| !(-SECONDS_BACK..=0).contains(s));
        faults.extend(late.map(|(list, at, _)| (format!("/{list}/{at}/at_s"), "out-of-bounds")).take(10));
        let unknown = |code: &str| !CLIENT_ERRORS.contains(&code) && !is_problem(code);
        let errors = self.errors.iter().enumerate().filter(|(_, one)| unknown(&one.code));
        faults.extend(errors.map(|(at, _)| (format!("/errors/{at}/code"), "unknown")).take(10));
        faults
    }
}

/// A diagnosis with the code by which support finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportBundle {
    pub id: SupportId,
    /// Six letters and digits, to be read out on the telephone.
    pub code: String,
    pub made_at: Timestamp,
    pub expires_at: Timestamp,
    pub by: BundleMaker,
    #[serde(default)]
    pub role: Option<ParticipantRole>,
    #[serde(default)]
    pub consultation: Option<ConsultationId>,
    #[serde(default)]
    pub participant: Option<ParticipantId>,
    pub diagnostic: Diagnostic,
}

impl Record for SupportBundle {
    const COLLECTION: &'static str = "support_bundle";

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Instance
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.unique("code", IndexKey::new().text(&self.code));
        indexes.add("expires", IndexKey::new().time(self.expires_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<Diagnostic, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn a_diagnosis_takes_words_and_numbers_and_nothing_that_could_be_a_name() {
        assert!(read(json!({ "page": "call" })).is_ok());
        for told in [
            json!({}),
            json!({ "page": "Jeanne Martin" }),
            json!({ "page": "call", "note": "Jeanne Martin" }),
            json!({ "page": "call", "browser": { "family": "Jeanne" } }),
            json!({ "page": "call", "browser": { "family": "chrome", "label": "x" } }),
            json!({ "page": "call", "devices": { "cameras": "Caméra de Jeanne" } }),
            json!({ "page": "call", "ice": { "local": ["192.0.2.1"] } }),
            json!({ "page": "call", "timeline": [{ "at_s": 0, "event": "x" }] }),
            json!({ "page": "call", "probe": { "rtt_ms": "x" } }),
        ] {
            assert!(read(told.clone()).is_err(), "{told}");
        }
    }

    #[test]
    fn words_of_errors_and_numbers_out_of_bounds_are_found() {
        let told = json!({
            "page": "call",
            "probe": { "loss_permille": 1001 },
            "quality": [{ "at_s": 1 }, { "at_s": -5, "fps": 5000 }],
            "errors": [{ "at_s": -1, "code": "Jeanne" }, { "at_s": -1, "code": "link-expired" }, { "at_s": 0, "code": "ice_failed" }],
        });
        let faults = read(told).unwrap().faults(|code| code == "link-expired");
        let pointers: Vec<&str> = faults.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(pointers, ["/probe/loss_permille", "/quality/1/fps", "/quality/0/at_s", "/errors/0/code"]);
        let many: Vec<_> = (0..121).map(|_| json!({ "at_s": 0 })).collect();
        let told = read(json!({ "page": "call", "quality": many })).unwrap();
        assert_eq!(told.faults(|_| false), [("/quality".to_owned(), "too-many")]);
    }
}
