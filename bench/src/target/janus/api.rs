//! Janus' HTTP API. One session with one long poll carries the handles of everybody: the least that this interface costs
//! the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::http::Http;

/// Of a request to a plugin that is answered at once or by an event.
const ANSWER: Duration = Duration::from_secs(10);

pub struct Gateway {
    http: Http,
    /// Of the session.
    url: String,
    handles: Mutex<HashMap<u64, mpsc::UnboundedSender<Value>>>,
    transactions: AtomicU64,
}

/// A handle of the VideoRoom plugin.
pub struct Attached {
    gateway: Arc<Gateway>,
    id: u64,
    events: mpsc::UnboundedReceiver<Value>,
}

impl Gateway {
    pub async fn open(http: Http, url: &str) -> anyhow::Result<Arc<Gateway>> {
        let created = http.post(url, &json!({ "janus": "create", "transaction": "0" })).await?;
        let session = created["data"]["id"].as_u64().with_context(|| format!("no session: {created}"))?;
        let gateway = Arc::new(Gateway {
            http,
            url: format!("{url}/{session}"),
            handles: Mutex::default(),
            transactions: AtomicU64::new(1),
        });
        tokio::spawn(poll(Arc::downgrade(&gateway)));
        Ok(gateway)
    }

    async fn post(&self, path: &str, mut body: Value) -> anyhow::Result<Value> {
        let transaction = self.transactions.fetch_add(1, Ordering::Relaxed);
        body["transaction"] = transaction.to_string().into();
        let answer = self.http.post(&format!("{}{path}", self.url), &body).await?;
        match answer["janus"].as_str() {
            Some("success" | "ack") => Ok(answer),
            _ => bail!("Janus refuses {}: {}", body["janus"], answer["error"]["reason"]),
        }
    }

    pub async fn attach(self: &Arc<Self>) -> anyhow::Result<Attached> {
        let attach = json!({ "janus": "attach", "plugin": "janus.plugin.videoroom" });
        let answer = self.post("", attach).await?;
        let id = answer["data"]["id"].as_u64().with_context(|| format!("no handle: {answer}"))?;
        let (sender, events) = mpsc::unbounded_channel();
        self.handles().insert(id, sender);
        Ok(Attached { gateway: self.clone(), id, events })
    }

    fn handles(&self) -> std::sync::MutexGuard<'_, HashMap<u64, mpsc::UnboundedSender<Value>>> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, event: Value) {
        if let Some(sender) = event["sender"].as_u64().and_then(|id| self.handles().get(&id).cloned()) {
            // Fails when its owner is about to detach.
            let _ = sender.send(event);
        }
    }
}

/// Fetches events until nobody needs them any more. It does not hold the gateway while it waits.
async fn poll(gateway: Weak<Gateway>) {
    loop {
        let Some((http, url)) = gateway.upgrade().map(|gateway| (gateway.http.clone(), gateway.url.clone()))
        else {
            return;
        };
        let answer = http.get(&format!("{url}?maxev=100")).await;
        let Some(gateway) = gateway.upgrade() else { return };
        match answer {
            Ok(Value::Array(events)) => events.into_iter().for_each(|event| gateway.deliver(event)),
            Ok(event) => gateway.deliver(event),
            Err(_) => {
                // All wait for events that will not come: their channels end.
                gateway.handles().clear();
                return;
            }
        }
    }
}

impl Attached {
    /// A message to the plugin, whose answer comes as an event. Some requests are answered at once: then that is returned.
    pub async fn say(&self, body: Value, jsep: Option<Value>) -> anyhow::Result<Value> {
        let mut message = json!({ "janus": "message", "body": body });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        self.gateway.post(&format!("/{}", self.id), message).await
    }

    /// A message and the plugin's answer to it.
    pub async fn ask(&mut self, body: Value) -> anyhow::Result<Value> {
        let answer = self.say(body, None).await?;
        let answer = match answer["janus"].as_str() {
            Some("success") => answer,
            _ => tokio::time::timeout(ANSWER, self.event()).await.context("Janus does not answer")??,
        };
        Ok(answer["plugindata"]["data"].clone())
    }

    /// The next event.
    pub async fn event(&mut self) -> anyhow::Result<Value> {
        self.events.recv().await.context("Janus does not answer any more")
    }

    /// Ends it with its peer connection.
    pub async fn detach(self) {
        // One that is gone already needs no detaching.
        let _ = self.gateway.post(&format!("/{}", self.id), json!({ "janus": "detach" })).await;
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.gateway.handles().remove(&self.id);
    }
}
