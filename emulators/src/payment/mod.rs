//! Payment providers that take no money: one of its own way, one that speaks like Stripe, one like PayZen, on one port. The
//! hosted page has three buttons; notices are signed as the real ones are, and can be made to come twice, late, with a wrong
//! signature, with another amount, or followed by one that is out of order.

mod notice;
mod own;
mod page;
mod payzen;
mod stripe;

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Orders that are kept; the oldest goes.
const ORDERS_MAX: usize = 500;

/// What is wrong with one notice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Twice,
    WrongSignature,
    /// Milliseconds.
    Late(u64),
    /// Another amount, in cents.
    Amount(u64),
    Currency(String),
    /// A refusal of the same order comes after it.
    Reordered,
    /// It gets lost.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Open,
    Paid,
    Failed,
    /// By the merchant, or by the buyer who went back.
    Closed,
}

/// In whose way the order was made.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Own { notify_url: String },
    Stripe { key: String },
    Payzen { shop: String, password: String },
}

/// An order, as tests and the list see it.
#[derive(Clone, Debug, Serialize)]
pub struct Order {
    pub reference: String,
    /// The merchant's name for it.
    pub order: String,
    pub amount_cents: u64,
    pub currency: String,
    pub title: String,
    pub state: OrderState,
    pub refunded_cents: u64,
    /// Key and cents of each.
    refunds: Vec<(String, u64)>,
    /// Idempotency key.
    #[serde(skip)]
    key: String,
    back_url: String,
    cancel_url: String,
    #[serde(skip)]
    way: Way,
}

impl Order {
    /// What the money is called once it came.
    fn transaction(&self) -> String {
        match self.way {
            Way::Own { .. } => self.reference.clone(),
            Way::Stripe { .. } => self.reference.replacen("cs_test_", "pi_", 1),
            Way::Payzen { .. } => self.reference.chars().rev().collect(),
        }
    }

    /// Notes a refund; the same key again is the same refund. Gives its name. `None`: not paid, or more than is left.
    fn refund(&mut self, key: &str, cents: u64) -> Option<String> {
        if let Some(at) = self.refunds.iter().position(|(known, _)| known == key && !key.is_empty()) {
            return Some(self.refund_name(at));
        }
        let left = self.amount_cents.saturating_sub(self.refunded_cents);
        if self.state != OrderState::Paid || cents == 0 || cents > left {
            return None;
        }
        self.refunded_cents += cents;
        self.refunds.push((key.to_owned(), cents));
        Some(self.refund_name(self.refunds.len() - 1))
    }

    fn refund_name(&self, at: usize) -> String {
        format!("re_{}_{at}", self.transaction())
    }
}

struct Inner {
    orders: VecDeque<Order>,
    faults: VecDeque<Fault>,
    /// Of Stripe, by API key: where notices go and what signs them.
    endpoints: HashMap<String, (String, String)>,
    /// Of PayZen, by shop: where notices go.
    shops: HashMap<String, String>,
}

struct World {
    base: String,
    secret: String,
    now: Box<dyn Fn() -> i64 + Send + Sync>,
    inner: Mutex<Inner>,
}

type Shared = State<Arc<World>>;

impl World {
    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn page(&self, reference: &str) -> String {
        format!("{}/pay/{reference}", self.base)
    }

    fn order(&self, reference: &str) -> Option<Order> {
        self.with(|inner| inner.orders.iter().find(|order| order.reference == reference).cloned())
    }

    fn change<T>(&self, found: impl Fn(&Order) -> bool, change: impl FnOnce(&mut Order) -> T) -> Option<T> {
        self.with(|inner| inner.orders.iter_mut().find(|order| found(order)).map(change))
    }

    /// The same key is the same order.
    fn keep(&self, order: Order) -> Order {
        self.with(|inner| {
            let known = inner.orders.iter().find(|known| !order.key.is_empty() && known.key == order.key);
            if let Some(known) = known {
                return known.clone();
            }
            if inner.orders.len() == ORDERS_MAX {
                inner.orders.pop_front();
            }
            inner.orders.push_back(order.clone());
            order
        })
    }
}

fn random(prefix: &str) -> String {
    format!("{prefix}{:032x}", rand::random::<u128>())
}

/// The providers, running. Dropping them stops them.
pub struct Payments {
    world: Arc<World>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Payments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Payments")
    }
}

impl Drop for Payments {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Payments {
    /// On a port that the system picks, by the machine's clock.
    pub async fn start() -> std::io::Result<Payments> {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        Payments::start_at(move || i64::try_from(now()).unwrap_or(i64::MAX)).await
    }

    /// `now`: seconds since 1970, for signatures.
    pub async fn start_at(now: impl Fn() -> i64 + Send + Sync + 'static) -> std::io::Result<Payments> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let inner = Inner {
            orders: VecDeque::new(),
            faults: VecDeque::new(),
            endpoints: HashMap::new(),
            shops: HashMap::new(),
        };
        let world = Arc::new(World {
            base: format!("http://{address}"),
            secret: random("emu_"),
            now: Box::new(now),
            inner: Mutex::new(inner),
        });
        let router = Router::new()
            .route("/orders", post(own::create))
            .route("/orders/{reference}", get(own::read))
            .route("/orders/{reference}/refunds", post(own::refund))
            .route("/orders/{reference}/close", post(own::close))
            .route("/v1/webhook_endpoints", post(stripe::endpoint))
            .route("/v1/checkout/sessions", post(stripe::create))
            .route("/v1/checkout/sessions/{reference}", get(stripe::read))
            .route("/v1/checkout/sessions/{reference}/expire", post(stripe::expire))
            .route("/v1/refunds", post(stripe::refund))
            .route("/api-payment/V4/{*service}", post(payzen::call))
            .route("/pay/{reference}", get(page::show))
            .route("/pay/{reference}/{what}", post(page::press))
            .with_state(world.clone());
        let task = tokio::spawn(async move {
            // Ends with the task only.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Payments { world, task })
    }

    /// Base of all three APIs.
    pub fn url(&self) -> String {
        self.world.base.clone()
    }

    /// Of its own way: the bearer of requests, and what signs notices.
    pub fn secret(&self) -> String {
        self.world.secret.clone()
    }

    /// Where notices about a shop of PayZen go: in its back office, not in requests.
    pub fn set_shop(&self, shop: &str, notify_url: &str) {
        self.world.with(|inner| inner.shops.insert(shop.to_owned(), notify_url.to_owned()));
    }

    /// Where notices about a Stripe account go, and what signs them: as its dashboard does it.
    pub fn set_endpoint(&self, key: &str, notify_url: &str, secret: &str) {
        let endpoint = (notify_url.to_owned(), secret.to_owned());
        self.world.with(|inner| inner.endpoints.insert(key.to_owned(), endpoint));
    }

    /// What is wrong with the next notices, in order; afterwards they are right.
    pub fn next(&self, fault: Fault) {
        self.world.with(|inner| inner.faults.push_back(fault));
    }

    /// The orders, the oldest first.
    pub fn orders(&self) -> Vec<Order> {
        self.world.with(|inner| inner.orders.iter().cloned().collect())
    }

    /// As the buttons of the hosted page do: `pay`, `fail`, `cancel`. False when that is not possible any more.
    pub fn press(&self, reference: &str, what: &str) -> bool {
        page::settle(&self.world, reference, what)
    }

    /// `/dev/payments`: the orders as JSON, what goes wrong next, and where notices go. For a listener on loopback.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/dev/payments", get(page::list))
            .route("/dev/payments/faults", post(page::set_faults))
            .route("/dev/payments/shops", post(page::set_shop))
            .with_state(self.world.clone())
    }
}
