//! Mails by SMTP (RFC 5321).

mod compose;

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error as SmtpError};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::kinds::Kind;
use super::settings::{MailConfig, MailTls};
use crate::outbox::{Deliver, DeliveryError, Message, Receipt};

pub use compose::{Sender, compose};

/// For each command of the exchange.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends mails by one relay.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
}

/// The settings cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailConfigError {
    #[error("clinic.mail.from is no address to send from")]
    From,
    #[error("clinic.mail.reply_to is no address")]
    ReplyTo,
    #[error("clinic.mail.ca_file holds no certificate")]
    Authority,
    #[error("clinic.mail.server cannot be reached by TLS under this name")]
    Server,
}

impl Smtp {
    /// `organisation`: how mails sign.
    pub fn new(config: &MailConfig, organisation: &str) -> Result<Smtp, MailConfigError> {
        let from: Mailbox = config.from.parse().map_err(|_| MailConfigError::From)?;
        let reply_to = match config.reply_to.as_str() {
            "" => None,
            text => Some(text.parse::<Mailbox>().map_err(|_| MailConfigError::ReplyTo)?),
        };
        let domain = from.email.domain().to_owned();
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.server)
            .port(config.port)
            .tls(tls(config)?)
            .timeout(Some(TIMEOUT))
            .hello_name(ClientId::Domain(domain.clone()));
        let builder = login(builder, config);
        let sender = Sender { from, reply_to, domain, organisation: organisation.to_owned() };
        Ok(Smtp { transport: builder.build(), sender })
    }
}

fn tls(config: &MailConfig) -> Result<Tls, MailConfigError> {
    if config.tls == MailTls::Off {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(config.server.clone());
    if let Some(pem) = &config.ca_pem {
        let authority = Certificate::from_pem(pem).map_err(|_| MailConfigError::Authority)?;
        parameters = parameters.add_root_certificate(authority);
    }
    let parameters = parameters.build_rustls().map_err(|_| MailConfigError::Server)?;
    Ok(match config.tls {
        MailTls::StartTls => Tls::Required(parameters),
        MailTls::Implicit => Tls::Wrapper(parameters),
        MailTls::Off => Tls::None,
    })
}

fn login(builder: AsyncSmtpTransportBuilder, config: &MailConfig) -> AsyncSmtpTransportBuilder {
    match &config.login {
        None => builder,
        Some((user, password)) => {
            builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()))
        }
    }
}

#[async_trait]
impl Deliver for Smtp {
    async fn deliver(&self, message: &Message) -> Result<Receipt, DeliveryError> {
        let permanent = |reason: &str| DeliveryError::Permanent(reason.to_owned());
        let kind = Kind::read(&message.template, &message.data).ok_or_else(|| permanent("text-missing"))?;
        let to: Address = message.destination.parse().map_err(|_| permanent("address-invalid"))?;
        let bytes =
            compose(&kind, message, &to, &self.sender).map_err(|error| permanent(&error.to_string()))?;
        let envelope = Envelope::new(Some(self.sender.from.email.clone()), vec![to])
            .map_err(|_| permanent("address-invalid"))?;
        self.transport.send_raw(&envelope, &bytes).await.map_err(|error| classified(&error))?;
        // Mail has no receipt: taken by the relay is the last that is known, unless a bounce says otherwise.
        Ok(Receipt { provider_id: None, delivered: false })
    }
}

/// A relay's permanent refusal is one of this mail, unless it is about us: a login to be mended is tried again.
fn classified(error: &SmtpError) -> DeliveryError {
    let temporary = |reason: String| DeliveryError::Temporary { reason, retry_in: None };
    match error.status().map(u16::from) {
        Some(code @ (500..=504 | 521 | 523 | 530 | 534 | 535 | 538)) => temporary(format!("smtp-{code}")),
        Some(code) if error.is_permanent() => DeliveryError::Permanent(format!("smtp-{code}")),
        Some(code) => temporary(format!("smtp-{code}")),
        None if error.is_timeout() => temporary("smtp-timeout".to_owned()),
        None if is_tls(error) => temporary("smtp-tls".to_owned()),
        None => temporary("smtp-unreachable".to_owned()),
    }
}

/// True when no secure connection came about: a certificate that is not trusted comes as an error of the connection.
fn is_tls(error: &SmtpError) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        let wrapped = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if wrapped.is_some_and(|wrapped| wrapped.is::<rustls::Error>()) {
            return true;
        }
        cause = inner.source();
    }
    error.is_tls()
}
