//! An administrator sets up a professional's online payment: asked for, configured, tested, enabled, disabled.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::accounts::write_to;
use super::provider::{Credentials, Order, ProviderError, provider_of};
use crate::Clinic;
use crate::admin::require_admin;
use crate::audit::{Action as Audited, ActorKind, Event};
use crate::consultations::display_name;
use crate::http::problem::ProblemBody;
use crate::http::{Code, Json, PageBody, PageQuery, Path, Problem, Query, SignedIn, etag};
use crate::ids::{AccountId, PaymentAccountId, PaymentId};
use crate::messages;
use crate::model::{Account, PaymentAccount, PaymentAccountStatus as Status, Professional, Provider};
use crate::store::{IndexKey, Query as Find, Tx, Versioned};

/// A test asks for one euro that nobody pays.
const TEST_CENTS: u32 = 100;

/// A payment account. What is in its keys is never told.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentAccountBody {
    id: PaymentAccountId,
    professional_id: AccountId,
    professional: String,
    status: Status,
    /// `none` until it is configured.
    provider: Provider,
    /// What can be chosen on this server.
    providers: Vec<Provider>,
    /// What the provider is to be given for its notices; absent until it is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    enabled_at: Option<Timestamp>,
}

/// `stripe` and the like, as in addresses.
pub(super) fn word(provider: Provider) -> &'static str {
    match provider {
        Provider::Stripe => "stripe",
        Provider::Payzen => "payzen",
        Provider::Emulator => "emulator",
        Provider::None => "none",
    }
}

/// Where a provider sends its notices about an account.
pub(super) fn webhook_url(clinic: &Clinic, account: &PaymentAccount) -> String {
    let base = &clinic.config().public_url;
    format!("{base}/api/v1/payment-events/{}/{}", word(account.provider), account.id)
}

fn body(clinic: &Clinic, account: &PaymentAccount) -> Result<PaymentAccountBody, Problem> {
    let professional = clinic.store().get::<Professional>(&account.professional)?;
    let configured = account.provider != Provider::None;
    Ok(PaymentAccountBody {
        id: account.id.clone(),
        professional_id: account.professional.clone(),
        professional: professional.map(|one| display_name(&one)).unwrap_or_default(),
        status: account.status,
        provider: account.provider,
        providers: clinic.config().payment.providers(),
        webhook_url: configured.then(|| webhook_url(clinic, account)),
        requested_at: account.requested_at,
        enabled_at: account.enabled_at,
    })
}

fn find(tx: &Tx<'_>, id: &str) -> Result<Versioned<PaymentAccount>, Problem> {
    let id: PaymentAccountId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    tx.get::<PaymentAccount>(&id)?.ok_or(Problem::new(Code::NotFound))
}

fn answer(clinic: &Clinic, account: &Versioned<PaymentAccount>) -> Result<Response, Problem> {
    Ok(([etag(account.version)], axum::Json(body(clinic, account)?)).into_response())
}

fn refused(account: &PaymentAccount) -> Problem {
    let word = match account.status {
        Status::Requested => "requested",
        Status::Configured => "configured",
        Status::Tested => "tested",
        Status::Enabled => "enabled",
        Status::Disabled => "disabled",
    };
    Problem::new(Code::InvalidTransition).and_field("/status", word)
}

/// Finds, changes, audits.
async fn change(
    clinic: &Clinic,
    signed_in: &SignedIn,
    id: &str,
    event: Audited,
    reason: &'static str,
    f: impl FnOnce(&mut Tx<'_>, &mut PaymentAccount) -> Result<(), Problem>,
) -> Result<Versioned<PaymentAccount>, Problem> {
    let now = clinic.clock().now();
    let account = clinic
        .store()
        .write(|tx| {
            let mut account = find(tx, id)?;
            f(tx, &mut account.value)?;
            tx.update(&mut account)?;
            let mut event = Event::new(now, event).on(&account.id);
            event.reason = Some(reason.to_owned());
            tx.audit(&event.by(ActorKind::Account, Some(signed_in.id().to_string())))?;
            Ok::<_, Problem>(account)
        })
        .await?;
    clinic.outbox().wake();
    Ok(account)
}

/// The payment accounts, those asked for last first.
#[utoipa::path(get, path = "/api/v1/payment-accounts", tag = "payment", params(PageQuery), security(("session" = [])), responses(
    (status = 200, description = "The accounts", body = PageBody<PaymentAccountBody>),
    (status = 401, description = "A proof of presence is needed", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "Not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<PageBody<PaymentAccountBody>>, Problem> {
    require_admin(&clinic, &signed_in)?;
    let query = page.apply(Find::new("requested", IndexKey::new()).reverse())?;
    let found = clinic.store().list::<PaymentAccount>(&query)?;
    let items = found.items.iter().map(|account| body(&clinic, account)).collect::<Result<_, _>>()?;
    Ok(axum::Json(PageBody::new(items, found.next.as_ref())))
}

/// One payment account.
#[utoipa::path(get, path = "/api/v1/payment-accounts/{id}", tag = "payment", params(("id" = String, Path)), security(("session" = [])), responses(
    (status = 200, description = "The account", body = PaymentAccountBody),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn read(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    let id: PaymentAccountId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let account = clinic.store().get::<PaymentAccount>(&id)?.ok_or(Problem::new(Code::NotFound))?;
    answer(&clinic, &account)
}

/// Enters provider and keys. Whatever it was before, it has to be tested and enabled again.
#[utoipa::path(put, path = "/api/v1/payment-accounts/{id}/credentials", tag = "payment", params(("id" = String, Path)),
    request_body = Credentials, security(("session" = [])), responses(
    (status = 200, description = "Configured", body = PaymentAccountBody),
    (status = 404, description = "No such account, or not an administrator", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "These cannot be keys", body = ProblemBody, content_type = "application/problem+json"),
    (status = 501, description = "This server does not know the provider", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn configure(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    if !clinic.config().payment.providers().contains(&credentials.provider()) {
        return Err(Problem::new(Code::AdapterNotConfigured));
    }
    credentials.check()?;
    let account =
        change(&clinic, &signed_in, &id, Audited::AdminSettingChanged, "payment-configured", |_, account| {
            account.provider = credentials.provider();
            account.credentials =
                serde_json::to_value(&credentials).map_err(|_| Problem::new(Code::Internal))?;
            account.status = Status::Configured;
            Ok(())
        })
        .await?;
    answer(&clinic, &account)
}

/// Tries the keys: asks the provider for one euro, and closes that order again. Nobody pays.
#[utoipa::path(post, path = "/api/v1/payment-accounts/{id}/test", tag = "payment", params(("id" = String, Path)), security(("session" = [])), responses(
    (status = 200, description = "The provider takes these keys", body = PaymentAccountBody),
    (status = 409, description = "Not configured yet", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "The provider refuses these keys", body = ProblemBody, content_type = "application/problem+json"),
    (status = 503, description = "The provider does not answer", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn test(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    let id: PaymentAccountId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let before = clinic.store().get::<PaymentAccount>(&id)?.ok_or(Problem::new(Code::NotFound))?;
    if before.status == Status::Requested {
        return Err(refused(&before));
    }
    let provider = provider_of(&clinic.config().payment, &before)?;
    let now = clinic.clock().now();
    let back = format!("{}/p/v1/payments/back", clinic.config().public_url);
    let order = Order {
        // Of no payment: what is told about it is of no interest.
        payment: &PaymentId::new(now),
        attempt: 1,
        amount_cents: TEST_CENTS,
        currency: super::requests::CURRENCY,
        locale: &signed_in.account.locale,
        title: "Test",
        back_url: &back,
        cancel_url: &back,
        notify_url: &webhook_url(&clinic, &before),
        now,
        expires_at: now.saturating_add(SignedDuration::from_mins(45)).unwrap_or(Timestamp::MAX),
    };
    let made = provider.create(&order).await;
    let good = match &made {
        Ok(made) => {
            if let Err(error) = provider.close(&made.reference).await {
                tracing::warn!(%error, "the order of a test stays open at its provider");
            }
            true
        }
        Err(ProviderError::Unavailable) => return Err(Problem::new(Code::ProviderUnavailable)),
        Err(ProviderError::Credentials | ProviderError::Refused) => false,
    };
    let reason = if good { "payment-tested" } else { "payment-test-failed" };
    let account =
        change(&clinic, &signed_in, id.as_str(), Audited::AdminSettingChanged, reason, |_, account| {
            if account.credentials != before.credentials {
                return Err(Problem::new(Code::VersionConflict));
            }
            account.status = match (good, account.status) {
                (true, Status::Configured | Status::Disabled) => Status::Tested,
                (false, Status::Tested) => Status::Configured,
                (_, status) => status,
            };
            Ok(())
        })
        .await?;
    if good { answer(&clinic, &account) } else { Err(Problem::field("/credentials", "refused")) }
}

/// Switches online payment on for the professional, who is mailed. Only after a test.
#[utoipa::path(post, path = "/api/v1/payment-accounts/{id}/enable", tag = "payment", params(("id" = String, Path)), security(("session" = [])), responses(
    (status = 200, description = "On", body = PaymentAccountBody),
    (status = 409, description = "Not tested", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn enable(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    let now = clinic.clock().now();
    let account =
        change(&clinic, &signed_in, &id, Audited::PaymentAccountEnabled, "enabled", |tx, account| {
            match account.status {
                Status::Enabled => return Ok(()),
                Status::Tested => {}
                _ => return Err(refused(account)),
            }
            account.status = Status::Enabled;
            account.enabled_at = Some(now);
            account.enabled_by = Some(signed_in.id().clone());
            if let Some(owner) = tx.get::<Account>(&account.professional)? {
                let link = format!("{}/consultations", clinic.config().public_url);
                write_to(&clinic, tx, &owner, &account.id, messages::Kind::PaymentActivated { link })?;
            }
            Ok(())
        })
        .await?;
    answer(&clinic, &account)
}

/// Switches online payment off. What was asked for stays payable, what was paid can go back.
#[utoipa::path(post, path = "/api/v1/payment-accounts/{id}/disable", tag = "payment", params(("id" = String, Path)), security(("session" = [])), responses(
    (status = 200, description = "Off", body = PaymentAccountBody),
    (status = 409, description = "It was not on", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn disable(
    State(clinic): State<Clinic>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    require_admin(&clinic, &signed_in)?;
    let account =
        change(&clinic, &signed_in, &id, Audited::AdminSettingChanged, "payment-disabled", |_, account| {
            match account.status {
                Status::Enabled | Status::Disabled => account.status = Status::Disabled,
                _ => return Err(refused(account)),
            }
            Ok(())
        })
        .await?;
    answer(&clinic, &account)
}
