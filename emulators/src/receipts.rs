//! Delivery receipts, as each gateway sends them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use crate::script::ReceiptPlan;
use crate::state::{Standing, State};

/// How long a message is under way.
const DELAY: Duration = Duration::from_millis(300);
/// The receiver may be starting anew.
const TRIES: u32 = 5;

/// Where the receipt of a message goes.
pub(crate) enum Target {
    Signed { callback: Option<String>, reference: String },
    Ovh,
    Twilio { callback: Option<String> },
}

/// Lets a message that was taken arrive, or not, and tells its sender.
pub(crate) fn follow(state: &State, number: u64, target: Target) {
    let plan = state.with(|world| world.script.receipts);
    if plan == ReceiptPlan::None {
        return;
    }
    let state = state.clone();
    tokio::spawn(async move {
        tokio::time::sleep(DELAY).await;
        let arrives = plan != ReceiptPlan::Failed;
        state.set_standing(number, if arrives { Standing::Delivered } else { Standing::Undelivered });
        let outcomes = if plan == ReceiptPlan::Repeated { vec![true, true, false] } else { vec![arrives] };
        for arrives in outcomes {
            if let Some(request) = request(&state, number, &target, arrives, plan == ReceiptPlan::Forged) {
                send(request).await;
            }
        }
    });
}

fn request(
    state: &State,
    number: u64,
    target: &Target,
    arrives: bool,
    forged: bool,
) -> Option<Request<Bytes>> {
    let secret = if forged { "another secret" } else { state.secrets.sms.as_str() };
    match target {
        Target::Signed { callback, reference } => {
            let status = if arrives { "delivered" } else { "failed" };
            let body = json!({ "reference": reference, "status": status, "reason": "absent" }).to_string();
            let id = format!("rcpt_{number}");
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let signature = STANDARD.encode(hmac::sign(&key, format!("{id}.{now}.{body}").as_bytes()));
            Request::post(callback.as_deref()?)
                .header(CONTENT_TYPE, "application/json")
                .header("webhook-id", id)
                .header("webhook-timestamp", now)
                .header("webhook-signature", format!("v1,{signature}"))
                .body(Bytes::from(body))
                .ok()
        }
        Target::Ovh => {
            let base = state.with(|world| world.ovh_callback.clone())?;
            let base = if forged { format!("{base}x") } else { base };
            Request::get(format!("{base}?id={number}&ptt=0")).body(Bytes::new()).ok()
        }
        Target::Twilio { callback } => {
            let url = callback.as_deref()?;
            let mut fields = vec![
                ("MessageSid", format!("SM{number:032x}")),
                ("MessageStatus", if arrives { "delivered" } else { "undelivered" }.to_owned()),
            ];
            if !arrives {
                fields.push(("ErrorCode", "30003".to_owned()));
            }
            fields.sort();
            let signed = fields.iter().fold(url.to_owned(), |text, (name, value)| text + name + value);
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
            let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            Request::post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("x-twilio-signature", signature)
                .body(Bytes::from(body))
                .ok()
        }
    }
}

async fn send(request: Request<Bytes>) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    for attempt in 0..TRIES {
        match client.request(request.clone().map(Full::new)).await {
            Ok(answer) if !answer.status().is_server_error() => {
                if !answer.status().is_success() {
                    tracing::debug!(status = answer.status().as_u16(), "a receipt was refused");
                }
                return;
            }
            _ => tokio::time::sleep(Duration::from_millis(200 << attempt)).await,
        }
    }
}
