//! Sending one event at a time to one receiver.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::WebhookCounts;
use crate::settings::WebhookConfig;
use crate::tokens::{Claims, Tokens};

/// The receiver has this long to look at the token.
const TOKEN_LIFE: Duration = Duration::from_secs(300);

pub(super) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

pub(super) fn client() -> HttpClient {
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
        // The provider supports the default TLS versions; an empty root set would only fail the requests.
        .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_tls_config(empty_tls()));
    Client::builder(TokioExecutor::new()).build(builder.https_or_http().enable_http1().build())
}

fn empty_tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

pub(super) struct Lane {
    pub url: String,
    pub config: WebhookConfig,
    pub tokens: Arc<Tokens>,
    pub client: HttpClient,
    pub counts: Arc<WebhookCounts>,
}

impl Lane {
    pub async fn run(self, mut queue: mpsc::Receiver<Bytes>) {
        while let Some(body) = queue.recv().await {
            self.deliver(body).await;
        }
    }

    async fn deliver(&self, body: Bytes) {
        let mut waits = self.config.backoff.iter();
        loop {
            let why = match tokio::time::timeout(self.config.timeout, self.post(body.clone())).await {
                Ok(Ok(status)) if status.is_success() => {
                    self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Ok(Ok(status)) => status.to_string(),
                Ok(Err(error)) => error,
                Err(_) => "timeout".to_owned(),
            };
            let Some(&wait) = waits.next() else {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(url = %self.url, why, "webhook given up");
                return;
            };
            self.counts.retried.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(url = %self.url, why, "webhook will be tried again");
            tokio::time::sleep(wait).await;
        }
    }

    /// The token holds the hash of the body, so the signature covers both.
    async fn post(&self, body: Bytes) -> Result<StatusCode, String> {
        let sha256 = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&body));
        let claims = Claims { iss: self.config.api_key.clone(), sha256, ..Claims::default() };
        let token = self.tokens.issue(claims, TOKEN_LIFE).ok_or("unknown API key")?;
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, "application/webhook+json")
            .header(AUTHORIZATION, token)
            .header(USER_AGENT, concat!("chevet/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| error.to_string())?;
        Ok(response.status())
    }
}
