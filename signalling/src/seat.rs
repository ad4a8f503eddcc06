//! A seat in the registry and the media worker of its room, as a session's [`House`].

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use chevet_control::Control;
use chevet_control::media::Overloaded;
use chevet_control::registry::{MediaTrack, Refused, Seat, Snapshot};
use chevet_control::sid;
use chevet_sfu_io::api::{
    Candidate, Command, DataTrackId, Fingerprint, IceCredentials, MemberId, SubscriptionId, TrackId,
    TransportId,
};
use chevet_sfu_io::ufrag_for;
use livekit_protocol as proto;
use rand::Rng;
use rand::distr::Alphanumeric;

use crate::session::House;

/// 24 alphanumeric characters: 142 bits, where RFC 8445 5.3 asks for 128.
const PASSWORD_LEN: usize = 24;

/// The attribute of a participant that says `first` where its camera comes before others on poor lines.
const PICTURE: &str = "chevet.picture";

#[derive(Debug)]
pub(crate) struct SeatHouse {
    pub seat: Seat,
    control: Control,
}

impl SeatHouse {
    pub fn new(control: Control, seat: Seat) -> SeatHouse {
        SeatHouse { seat, control }
    }
}

impl House for SeatHouse {
    fn member(&self) -> MemberId {
        self.seat.member
    }

    fn command(&mut self, command: Command) -> Result<(), Overloaded> {
        self.control.media().command(self.seat.worker, command)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.control.media().fingerprint()
    }

    fn candidates(&self) -> Vec<Candidate> {
        self.control.media().candidates(self.seat.worker)
    }

    fn new_transport(&mut self) -> TransportId {
        self.control.ids().transport()
    }

    fn new_track(&mut self) -> TrackId {
        self.control.ids().track()
    }

    fn new_subscription(&mut self) -> SubscriptionId {
        self.control.ids().subscription()
    }

    fn new_data_track(&mut self) -> DataTrackId {
        self.control.ids().data_track()
    }

    fn new_credentials(&mut self) -> IceCredentials {
        let mut rng = rand::rng();
        let ufrag = ufrag_for(self.seat.worker, rng.random());
        let pwd = (0..PASSWORD_LEN).map(|_| char::from(rng.sample(Alphanumeric))).collect();
        IceCredentials { ufrag, pwd }
    }

    fn new_track_sid(&mut self, kind: proto::TrackType, source: proto::TrackSource) -> String {
        sid::track(kind, source)
    }

    fn new_data_track_sid(&mut self) -> String {
        sid::data_track()
    }

    fn random(&mut self) -> u64 {
        rand::rng().random()
    }

    fn unix_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn snapshot(&self) -> Option<Snapshot> {
        self.seat.snapshot()
    }

    fn permission(&self) -> proto::ParticipantPermission {
        self.seat.permission()
    }

    fn comes_first(&self) -> bool {
        let info = self.seat.participant();
        info.is_some_and(|info| info.attributes.get(PICTURE).is_some_and(|value| value == "first"))
    }

    fn refresh_token(&self) -> Option<String> {
        self.seat.refresh_token()
    }

    fn set_active(&mut self) {
        self.seat.set_active();
    }

    fn connection_lost(&mut self) {
        self.seat.connection_lost();
    }

    fn connection_restored(&mut self) {
        self.seat.connection_restored();
    }

    fn may_publish(&self, source: proto::TrackSource) -> Result<(), Refused> {
        self.seat.may_publish(source)
    }

    fn publish(&mut self, info: proto::TrackInfo, media: Vec<MediaTrack>) -> Result<(), Refused> {
        self.seat.publish(info, media)
    }

    fn update_track(&mut self, info: &proto::TrackInfo) -> Result<(), Refused> {
        self.seat.update_track(&info.sid, |known| *known = info.clone()).map(|_| ())
    }

    fn unpublish(&mut self, track_sid: &str) -> Result<(), Refused> {
        self.seat.unpublish(track_sid)
    }

    fn publish_data_track(&mut self, info: proto::DataTrackInfo, track: DataTrackId) -> Result<(), Refused> {
        self.seat.publish_data_track(info, track)
    }

    fn unpublish_data_track(&mut self, track: DataTrackId) -> Result<proto::DataTrackInfo, Refused> {
        self.seat.unpublish_data_track(track)
    }

    fn update_metadata(
        &mut self,
        name: &str,
        metadata: &str,
        attributes: &HashMap<String, String>,
    ) -> Result<(), Refused> {
        self.seat.update_metadata(name, metadata, attributes)
    }

    fn set_subscription_permission(&mut self, permission: proto::SubscriptionPermission) {
        self.seat.set_subscription_permission(permission);
    }

    fn set_subscribed(&mut self, track: TrackId, subscribed: bool) {
        self.seat.set_subscribed(track, subscribed);
    }
}
