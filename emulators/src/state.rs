//! What was taken so far: the last few hundred of each, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::Secrets;
use crate::script::Script;

/// Mails and short messages that are kept.
const KEPT_MAX: usize = 500;

/// A mail that the relay took.
#[derive(Clone, Debug, Serialize)]
pub struct Mail {
    pub number: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Of the envelope.
    pub from: String,
    /// Of the envelope.
    pub to: Vec<String>,
    pub subject: String,
    pub message_id: String,
    pub text: String,
    pub html: String,
    /// The calendar entry, with its method in the part's type.
    pub calendar: Option<String>,
    pub calendar_method: Option<String>,
    /// The user that logged in, if any.
    pub user: Option<String>,
    pub tls: bool,
    /// As it came.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

/// A request to send a short message.
#[derive(Clone, Debug, Serialize)]
pub struct Sms {
    pub number: u64,
    pub at: u64,
    /// `http`, `ovh`, `twilio`.
    pub protocol: &'static str,
    pub to: String,
    pub from: String,
    pub text: String,
    /// The sender's own name for it, the same for all tries.
    pub reference: String,
    pub standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The gateway said no.
    Refused,
    Taken,
    Delivered,
    Undelivered,
}

#[derive(Debug)]
pub(crate) struct World {
    pub mails: VecDeque<Mail>,
    pub sms: VecDeque<Sms>,
    pub script: Script,
    pub ovh_callback: Option<String>,
    count: u64,
}

/// Shared by all emulators. Clones are handles.
#[derive(Clone, Debug)]
pub(crate) struct State {
    world: Arc<Mutex<World>>,
    pub secrets: Arc<Secrets>,
}

impl State {
    pub fn new() -> State {
        let secret = || format!("{:032x}", rand::random::<u128>());
        let secrets =
            Secrets { user: "chevet".to_owned(), password: secret(), sms: secret(), consumer_key: secret() };
        let world = World {
            mails: VecDeque::new(),
            sms: VecDeque::new(),
            script: Script::default(),
            ovh_callback: None,
            count: 0,
        };
        State { world: Arc::new(Mutex::new(world)), secrets: Arc::new(secrets) }
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn keep_mail(&self, mut mail: Mail) {
        self.with(|world| {
            (mail.number, mail.at) = world.next();
            push(&mut world.mails, mail);
        });
    }

    /// Gives its number.
    pub fn keep_sms(&self, mut sms: Sms) -> u64 {
        self.with(|world| {
            (sms.number, sms.at) = world.next();
            let number = sms.number;
            push(&mut world.sms, sms);
            number
        })
    }

    pub fn set_standing(&self, number: u64, standing: Standing) {
        self.with(|world| {
            if let Some(sms) = world.sms.iter_mut().find(|sms| sms.number == number) {
                sms.standing = standing;
            }
        });
    }
}

impl World {
    fn next(&mut self) -> (u64, u64) {
        self.count += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (self.count, u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }
}

fn push<T>(list: &mut VecDeque<T>, one: T) {
    if list.len() == KEPT_MAX {
        list.pop_front();
    }
    list.push_back(one);
}
