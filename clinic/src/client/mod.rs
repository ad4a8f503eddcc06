//! Requests to other services by HTTP: bounded in time and size, TLS by rustls with the public authorities.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Sends requests. Clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why nothing came back. The words are stable and hold nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// It may have arrived all the same.
    #[error("timeout")]
    Timeout,
    #[error("unreachable")]
    Unreachable,
    #[error("bad-answer")]
    BadAnswer,
}

impl HttpClient {
    /// `timeout`: for the whole exchange.
    pub fn new(timeout: Duration) -> HttpClient {
        let builder = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())
            // The provider supports the default TLS versions; an empty root set would only fail the requests.
            .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_tls_config(empty_tls()));
        let connector = builder.https_or_http().enable_http1().build();
        HttpClient { inner: Client::builder(TokioExecutor::new()).build(connector), timeout }
    }

    pub async fn send(&self, request: Request<Bytes>) -> Result<Answer, ClientError> {
        let exchange = async {
            let answer =
                self.inner.request(request.map(Full::new)).await.map_err(|_| ClientError::Unreachable)?;
            let (head, body) = answer.into_parts();
            let body =
                Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|_| ClientError::BadAnswer)?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(ClientError::Timeout))
    }
}

fn empty_tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
