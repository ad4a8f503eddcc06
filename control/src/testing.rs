//! A media server that only writes down, and shortcuts for tests.

use std::sync::{Arc, Mutex, PoisonError};

use livekit_protocol as proto;

use crate::Control;
use crate::media::api::{Candidate, Command, Fingerprint, RoomId};
use crate::media::{Media, Overloaded, WorkerId, WorkerLoad};
use crate::registry::{JoinOptions, Joined, Notice, Seat};
use crate::settings::ControlConfig;
use crate::tokens::{Claims, VideoGrant};

#[derive(Default)]
pub struct Recorder {
    pub commands: Mutex<Vec<Command>>,
    /// To whom each of them was given.
    pub given_to: Mutex<Vec<WorkerId>>,
    pub full: std::sync::atomic::AtomicBool,
    pub load: Mutex<Vec<WorkerLoad>>,
    /// Where new members go; None: to their room's home.
    pub place: Mutex<Option<WorkerId>>,
}

impl Recorder {
    pub fn names(&self) -> Vec<String> {
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands
            .iter()
            .map(|command| {
                format!("{command:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned()
            })
            .collect()
    }
}

impl Media for Recorder {
    fn place_room(&self) -> WorkerId {
        WorkerId(0)
    }

    fn place_member(&self, _room: RoomId, home: WorkerId) -> WorkerId {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(home)
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint([7; 32])
    }

    fn candidates(&self, _worker: WorkerId) -> Vec<Candidate> {
        Vec::new()
    }

    fn command(&self, worker: WorkerId, command: Command) -> Result<(), Overloaded> {
        if self.full.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Overloaded);
        }
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command);
        self.given_to.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        Ok(())
    }

    fn load(&self) -> Vec<WorkerLoad> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn healthy(&self) -> bool {
        true
    }
}

pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub fn config() -> ControlConfig {
    ControlConfig {
        keys: [("key".to_owned(), SECRET.to_owned())].into(),
        public_url: "https://visio.example.org".into(),
        ..ControlConfig::default()
    }
}

pub fn control_with(config: ControlConfig) -> (Control, Arc<Recorder>) {
    let media = Arc::new(Recorder::default());
    (Control::new(config, media.clone()).expect("a good configuration"), media)
}

pub fn control() -> (Control, Arc<Recorder>) {
    control_with(config())
}

pub fn claims(room: &str, identity: &str) -> Claims {
    Claims {
        iss: "key".into(),
        sub: identity.into(),
        video: Some(VideoGrant { room_join: true, room: room.into(), ..VideoGrant::default() }),
        iat: Some(1000),
        ..Claims::default()
    }
}

pub fn join(control: &Control, room: &str, identity: &str) -> Joined {
    control.join(&claims(room, identity), JoinOptions::default()).expect("may join")
}

pub fn notices(seat: &mut Seat) -> Vec<Notice> {
    let mut taken = seat.notices.as_mut();
    std::iter::from_fn(|| taken.as_mut()?.try_recv().ok()).collect()
}

pub fn updates(seat: &mut Seat) -> Vec<proto::ParticipantInfo> {
    notices(seat)
        .into_iter()
        .filter_map(|notice| match notice {
            Notice::Update(infos) => Some(infos.to_vec()),
            _ => None,
        })
        .flatten()
        .collect()
}

pub fn camera(sid: &str) -> proto::TrackInfo {
    proto::TrackInfo {
        sid: sid.into(),
        r#type: proto::TrackType::Video as i32,
        source: proto::TrackSource::Camera as i32,
        mime_type: "video/VP8".into(),
        ..proto::TrackInfo::default()
    }
}
