//! The services outside: what is configured, how they answered lately, and a try on demand.

use axum::extract::State;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::health::Adapter;
use super::require;
use crate::Clinic;
use crate::audit::{Action as Audited, ActorKind, Event, Outcome};
use crate::client::HttpClient;
use crate::documents::clamd;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Code, Path, Problem, SignedIn};
use crate::limits::Rate;
use crate::messages::settings::GatewayConfig;
use crate::messages::{self, Channel};
use crate::model::{Professional, Provider};
use crate::outbox::Message;

/// Tries by one administrator.
const TRIES: Rate = Rate::per_minute(6);
/// For a service that has no limit of its own.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// How a service outside stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdapterBody {
    name: Adapter,
    configured: bool,
    /// Which one of its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_success_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_failure_at: Option<Timestamp>,
    /// A stable word.
    last_failure_code: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Adapters {
    /// The start of the server: of the time before nothing is known.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    items: Vec<AdapterBody>,
}

/// Which one is configured, as a word; `None`: none.
fn kind(clinic: &Clinic, adapter: Adapter) -> Option<String> {
    let config = clinic.config();
    let word = match adapter {
        Adapter::Mail => config.mail.as_ref().map(|_| "smtp"),
        Adapter::Sms => config.sms.as_ref().map(|sms| match sms.gateway {
            GatewayConfig::Http { .. } => "http",
            GatewayConfig::Ovh { .. } => "ovh",
            GatewayConfig::Twilio { .. } => "twilio",
        }),
        Adapter::Psc => clinic.psc().map(|_| "oidc"),
        Adapter::Cps => clinic.cps().map(|_| "mtls"),
        Adapter::Clamd => config.documents.clamd.as_ref().map(|address| match address {
            clamd::ClamdAddress::Tcp(_) => "tcp",
            clamd::ClamdAddress::Unix(_) => "unix",
        }),
        Adapter::Timestamp => config.seal.tsa.as_ref().map(|_| "rfc3161"),
        Adapter::Payment => {
            let words = config.payment.providers().into_iter().map(|provider| match provider {
                Provider::Stripe => "stripe",
                Provider::Payzen => "payzen",
                Provider::Emulator => "emulator",
                Provider::None => "none",
            });
            let all = words.collect::<Vec<_>>().join(",");
            return (!all.is_empty()).then_some(all);
        }
    };
    word.map(str::to_owned)
}

/// The services outside, and how they answered since the server started.
#[utoipa::path(get, path = "/api/v1/admin/adapters", tag = "administration", security(("session" = [])), responses(
    (status = 200, description = "All of them, configured or not", body = Adapters),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
) -> Result<axum::Json<Adapters>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    let items = Adapter::ALL.into_iter().map(|name| {
        let (last, kind) = (clinic.health().of(name), kind(&clinic, name));
        let (last_failure_at, last_failure_code) = last.failure.unzip();
        AdapterBody {
            name,
            configured: kind.is_some(),
            kind,
            last_success_at: last.success,
            last_failure_at,
            last_failure_code,
        }
    });
    Ok(axum::Json(Adapters { since: clinic.health().since(), items: items.collect() }))
}

/// What a try gave.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tried {
    name: Adapter,
    ok: bool,
    /// A stable word.
    code: String,
    took_ms: u64,
}

/// Tries a service: mail and short message go to the administrator's own address and number, the others are asked something
/// that changes nothing.
#[utoipa::path(post, path = "/api/v1/admin/adapters/{name}/test", tag = "administration",
    params(("name" = String, Path, description = "As in the list")), security(("session" = [])), responses(
    (status = 200, description = "What came of it", body = Tried),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "No such adapter, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "No mobile number in one's profile", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "Too often", body = ProblemBody, content_type = "application/problem+json"),
    (status = 501, description = "Not configured on this server", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn test(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(name): Path<String>,
) -> Result<axum::Json<Tried>, Problem> {
    require(&clinic, &signed_in, Action::Administer)?;
    let adapter = Adapter::ALL.into_iter().find(|adapter| adapter.as_str() == name);
    let adapter = adapter.ok_or(Problem::new(Code::NotFound))?;
    if kind(&clinic, adapter).is_none() {
        return Err(Problem::new(Code::AdapterNotConfigured));
    }
    let now = clinic.clock().now();
    clinic.traffic().take(now, "adapter-test", signed_in.id().as_str(), TRIES)?;
    let begun = std::time::Instant::now();
    let outcome = attempt(&clinic, &signed_in, adapter).await?;
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (ok, code) = match outcome {
        Ok(word) => (true, word.to_owned()),
        Err(word) => (false, word),
    };
    let event = Event::new(now, Audited::AdminAdapterTested)
        .by(ActorKind::Account, Some(signed_in.id().to_string()))
        .on(adapter.as_str())
        .with(if ok { Outcome::Ok } else { Outcome::Failed }, &code);
    clinic.store().write(|tx| tx.audit(&event)).await?;
    Ok(axum::Json(Tried { name: adapter, ok, code, took_ms }))
}

type Attempt = Result<&'static str, String>;

async fn attempt(clinic: &Clinic, signed_in: &SignedIn, adapter: Adapter) -> Result<Attempt, Problem> {
    let attempt = match adapter {
        Adapter::Mail => send(clinic, signed_in, Channel::Email, signed_in.account.email.clone()).await,
        Adapter::Sms => {
            let professional = clinic.store().get::<Professional>(signed_in.id())?;
            let mobile = professional.and_then(|professional| professional.value.mobile);
            let mobile = mobile.ok_or_else(|| Problem::field("/mobile", "required"))?;
            send(clinic, signed_in, Channel::Sms, mobile).await
        }
        Adapter::Psc => match clinic.psc() {
            Some(psc) => psc.probe(clinic.clock().now()).await.map(|()| "reachable").map_err(str::to_owned),
            None => Err("adapter-not-configured".to_owned()),
        },
        Adapter::Cps => cards(clinic).await,
        Adapter::Clamd => scan(clinic).await,
        Adapter::Payment => payment(clinic).await,
        Adapter::Timestamp => match clinic.sealer().time_stamp_now().await {
            Some(Ok(_)) => Ok("stamped"),
            Some(Err(why)) => Err(why),
            None => Err("adapter-not-configured".to_owned()),
        },
    };
    // Mail, messages, the provider of identities and the time stamper note it by themselves.
    if matches!(adapter, Adapter::Cps | Adapter::Clamd | Adapter::Payment) {
        match &attempt {
            Ok(_) => clinic.health().worked(adapter),
            Err(why) => clinic.health().failed(adapter, why),
        }
    }
    Ok(attempt)
}

async fn send(clinic: &Clinic, signed_in: &SignedIn, channel: Channel, to: String) -> Attempt {
    let now = clinic.clock().now();
    let template = messages::Kind::TestMessage.template();
    let mut message = Message::new(now, channel, &template, signed_in.id());
    message.locale.clone_from(&signed_in.account.locale);
    message.destination = to;
    match clinic.outbox().try_once(&message).await {
        Some(Ok(_)) => Ok("sent"),
        Some(Err(why)) => Err(why.to_string()),
        None => Err("adapter-not-configured".to_owned()),
    }
}

/// The files hold what they must, and the listener listens.
async fn cards(clinic: &Clinic) -> Attempt {
    let (Some(listening), Some(config)) = (clinic.cps(), &clinic.config().cps) else {
        return Err("adapter-not-configured".to_owned());
    };
    if !listening.files_are_good(config, clinic.clock()) {
        return Err("files-unusable".to_owned());
    }
    match tokio::time::timeout(TIMEOUT, tokio::net::TcpStream::connect(listening.address)).await {
        Ok(Ok(_)) => Ok("listening"),
        _ => Err("not-listening".to_owned()),
    }
}

/// A text that nobody finds anything in.
async fn scan(clinic: &Clinic) -> Attempt {
    let Some(address) = &clinic.config().documents.clamd else {
        return Err("adapter-not-configured".to_owned());
    };
    match clamd::scan(address, b"nothing to be found here").await {
        Ok(clamd::Verdict::Clean) => Ok("clean"),
        Ok(clamd::Verdict::Infected) => Err("bad-answer".to_owned()),
        Err(clamd::ScanError::Io(_)) => Err("unreachable".to_owned()),
        Err(clamd::ScanError::Slow) => Err("timeout".to_owned()),
        Err(clamd::ScanError::NoVerdict) => Err("bad-answer".to_owned()),
    }
}

/// Any answer counts: keys are the professionals', and each account is tested on its own.
async fn payment(clinic: &Clinic) -> Attempt {
    let config = &clinic.config().payment;
    let emulator = config.emulator.as_ref().map(|emulator| emulator.url.clone());
    let client = HttpClient::new(TIMEOUT);
    for url in [config.stripe.clone(), config.payzen.clone(), emulator].into_iter().flatten() {
        let request = http::Request::get(url).body(Bytes::new()).map_err(|_| "bad-url".to_owned())?;
        client.send(request).await.map_err(|why| why.to_string())?;
    }
    Ok("reachable")
}
