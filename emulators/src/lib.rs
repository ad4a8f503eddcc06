//! The world outside of a clinic, in one process and on loopback only: a mail relay that keeps what it takes, gateways for
//! short messages that answer by a script and send delivery receipts, and a page that shows both; a provider that speaks like
//! Pro Santé Connect, an authority that issues cards, a virus scanner, and providers that take no money.
//!
//! For `serve --dev` and for tests. Nothing here reaches another machine, and nothing of it is part of a release.

pub mod cards;
mod clamd;
mod page;
pub mod payment;
pub mod psc;
mod receipts;
mod script;
mod sms;
mod smtp;
mod state;
pub mod tsa;

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use script::{Answer, ReceiptPlan, Script};
pub use state::{Mail, Sms, Standing};

use state::State;

/// The emulators, running. Dropping them stops them.
#[derive(Debug)]
pub struct Emulators {
    state: State,
    smtp: SocketAddr,
    sms: SocketAddr,
    clamd: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

/// The secrets that both sides know, made anew for each start.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub user: String,
    pub password: String,
    /// Of all three gateways, and of the signature of receipts.
    pub sms: String,
    pub consumer_key: String,
}

impl Emulators {
    /// Starts all of them on ports that the system picks.
    pub async fn start() -> std::io::Result<Emulators> {
        let state = State::new();
        let smtp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sms = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let clamd = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let clamd_addr = clamd.local_addr()?;
        let (smtp_addr, sms_addr) = (smtp.local_addr()?, sms.local_addr()?);
        let gateways = sms::router(state.clone());
        let tasks = vec![
            tokio::spawn(smtp::serve(smtp, state.clone(), smtp::Security::Plain)),
            tokio::spawn(clamd::serve(clamd)),
            tokio::spawn(async move {
                // Ends with the task only.
                let _ = axum::serve(sms, gateways).await;
            }),
        ];
        Ok(Emulators { state, smtp: smtp_addr, sms: sms_addr, clamd: clamd_addr, tasks })
    }

    /// A further mail relay that speaks TLS: `implicit` from the first byte, else by STARTTLS and only for users that log
    /// in. Its certificate, for `localhost`, comes back as PEM.
    pub async fn secure_relay(&mut self, implicit: bool) -> std::io::Result<(SocketAddr, String)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (acceptor, pem) = smtp::certificate().map_err(std::io::Error::other)?;
        let security =
            if implicit { smtp::Security::Implicit(acceptor) } else { smtp::Security::StartTls(acceptor) };
        self.tasks.push(tokio::spawn(smtp::serve(listener, self.state.clone(), security)));
        Ok((address, pem))
    }

    /// Where the mail relay listens, without TLS.
    pub fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    /// Where the virus scanner listens.
    pub fn clamd(&self) -> SocketAddr {
        self.clamd
    }

    /// Base of a gateway that takes `POST /messages` with JSON or a form: `to`, `text`, `from`, `reference`, `callback`.
    pub fn http_gateway(&self) -> String {
        format!("http://{}/messages", self.sms)
    }

    /// Base of OVH's API.
    pub fn ovh(&self) -> String {
        format!("http://{}/1.0", self.sms)
    }

    /// Base of Twilio's API.
    pub fn twilio(&self) -> String {
        format!("http://{}", self.sms)
    }

    pub fn secrets(&self) -> &Secrets {
        &self.state.secrets
    }

    /// Where OVH sends its receipts: in its console, not in requests.
    pub fn set_ovh_callback(&self, url: &str) {
        self.state.with(|world| world.ovh_callback = Some(url.to_owned()));
    }

    /// What happens next, in order; afterwards everything is taken.
    pub fn script(&self, change: impl FnOnce(&mut Script)) {
        self.state.with(|world| change(&mut world.script));
    }

    /// The mails that were taken, the oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state.with(|world| world.mails.iter().cloned().collect())
    }

    /// The requests to send a short message, refused ones too, the oldest first.
    pub fn sms(&self) -> Vec<Sms> {
        self.state.with(|world| world.sms.iter().cloned().collect())
    }

    /// `/dev/outbox`: the page, the same as JSON, and the script. For a listener on loopback.
    pub fn router(&self) -> Router {
        page::router(self.state.clone())
    }
}

impl Drop for Emulators {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
