//! What a check of device and network found, before somebody waits.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::guest::{GuestBody, change};
use super::incidents;
use super::input::Fields;
use crate::Clinic;
use crate::http::problem::ProblemBody;
use crate::http::{Guest, Json, Problem};
use crate::ids::CheckId;
use crate::model::{DeviceCheck, IncidentKind, Verdict};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceReport {
    /// Name and major version.
    browser: String,
    os: String,
    /// `ok`, `denied`, `busy`, `absent` or `silent`.
    camera: String,
    microphone: String,
    websocket: bool,
    /// Not given: nobody tried, the call will show it.
    #[serde(default)]
    udp: Option<bool>,
    #[serde(default)]
    tcp: bool,
    #[serde(default)]
    rtt_ms: Option<u32>,
    /// In tenths of a percent.
    #[serde(default)]
    loss_permille: Option<u32>,
    #[serde(default)]
    up_kbps: Option<u32>,
    #[serde(default)]
    down_kbps: Option<u32>,
}

impl DeviceReport {
    /// Green: picture and sound; orange: it will be poor; red: better the telephone.
    fn verdict(&self) -> Verdict {
        let slow = |kbps: Option<u32>, least: u32| kbps.is_some_and(|kbps| kbps < least);
        let lossy = self.loss_permille.unwrap_or(0);
        let no_udp = self.udp == Some(false);
        let lost = !self.websocket || (no_udp && !self.tcp);
        if lost || slow(self.up_kbps, 40) || slow(self.down_kbps, 40) || self.microphone != "ok" {
            Verdict::Red
        } else if slow(self.up_kbps, 300)
            || slow(self.down_kbps, 300)
            || lossy > 50
            || self.rtt_ms.unwrap_or(0) > 400
            || no_udp
            || self.camera != "ok"
        {
            Verdict::Orange
        } else {
            Verdict::Green
        }
    }
}

/// Keeps what a check of device and network found; the professional sees the verdict.
#[utoipa::path(post, path = "/p/v1/device-check", tag = "guest", request_body = DeviceReport, security(("guest" = [])), responses(
    (status = 200, description = "Noted", body = GuestBody),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Refused as it is", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn device_check(
    State(clinic): State<Clinic>,
    guest: Guest,
    Json(report): Json<DeviceReport>,
) -> Result<Response, Problem> {
    let now = clinic.clock().now();
    let mut fields = Fields::new("");
    let state = |text: &str| ["ok", "denied", "busy", "absent", "silent"].contains(&text).then_some(());
    fields.check("camera", "unknown", state(&report.camera));
    fields.check("microphone", "unknown", state(&report.microphone));
    let short = |text: &str| (text.len() <= 60 && !text.chars().any(char::is_control)).then_some(());
    fields.check("browser", "invalid", short(&report.browser));
    fields.check("os", "invalid", short(&report.os));
    fields.done(Some(()))?;
    let verdict = report.verdict();
    change(&clinic, &guest, |tx, consultation, seat| {
        for (found, kind) in [
            (report.camera == "denied", IncidentKind::CameraDenied),
            (report.microphone == "denied", IncidentKind::MicrophoneDenied),
            (report.udp == Some(false) && report.tcp, IncidentKind::TurnTcpFallback),
        ] {
            if found {
                incidents::once(tx, now, consultation, kind, &seat.id)?;
            }
        }
        let check = DeviceCheck {
            id: CheckId::new(now),
            consultation: consultation.id.clone(),
            participant: seat.value.id,
            at: now,
            browser: report.browser,
            os: report.os,
            camera: report.camera,
            microphone: report.microphone,
            websocket: report.websocket,
            udp: report.udp,
            tcp: report.tcp,
            rtt_ms: report.rtt_ms,
            loss_permille: report.loss_permille,
            up_kbps: report.up_kbps,
            down_kbps: report.down_kbps,
            verdict,
        };
        tx.insert(&check)?;
        Ok(())
    })
    .await
}
