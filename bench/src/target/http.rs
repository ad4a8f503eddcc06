//! Plain HTTP to the servers under load: readiness, and Janus' API.

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Keeps connections alive between requests.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Http {
    pub fn new() -> Http {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Http { client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    async fn send(&self, method: Method, url: &str, body: Bytes) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let response = self.client.request(request).await.with_context(|| format!("no answer from {url}"))?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    pub async fn status(&self, url: &str) -> anyhow::Result<StatusCode> {
        Ok(self.send(Method::GET, url, Bytes::new()).await?.0)
    }

    pub async fn get(&self, url: &str) -> anyhow::Result<Value> {
        json(url, self.send(Method::GET, url, Bytes::new()).await?)
    }

    pub async fn post(&self, url: &str, body: &Value) -> anyhow::Result<Value> {
        json(url, self.send(Method::POST, url, body.to_string().into()).await?)
    }
}

fn json(url: &str, (status, body): (StatusCode, Bytes)) -> anyhow::Result<Value> {
    if !status.is_success() {
        bail!("{url} answers {status}: {}", String::from_utf8_lossy(&body));
    }
    serde_json::from_slice(&body).with_context(|| format!("{url} answers no JSON"))
}
