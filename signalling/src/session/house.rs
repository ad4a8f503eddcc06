//! What a session asks of the rest of the server. All calls return at once.

use std::collections::HashMap;

use chevet_control::media::Overloaded;
use chevet_control::registry::{MediaTrack, Refused, Snapshot};
use chevet_sfu_io::api::{
    Candidate, Command, DataTrackId, Fingerprint, IceCredentials, MemberId, SubscriptionId, TrackId,
    TransportId,
};
use livekit_protocol as proto;

/// The registry, the media server, identifiers and randomness, as one participant reaches them. In the server it is a
/// seat in the registry ([`crate::seat::SeatHouse`]); in tests a table of fixed answers.
pub trait House {
    fn member(&self) -> MemberId;

    fn command(&mut self, command: Command) -> Result<(), Overloaded>;
    fn fingerprint(&self) -> Fingerprint;
    fn candidates(&self) -> Vec<Candidate>;

    fn new_transport(&mut self) -> TransportId;
    fn new_track(&mut self) -> TrackId;
    fn new_subscription(&mut self) -> SubscriptionId;
    fn new_data_track(&mut self) -> DataTrackId;
    /// Unused in the process, with a user name fragment that names the member's worker.
    fn new_credentials(&mut self) -> IceCredentials;
    fn new_track_sid(&mut self, kind: proto::TrackType, source: proto::TrackSource) -> String;
    fn new_data_track_sid(&mut self) -> String;
    fn random(&mut self) -> u64;
    /// Milliseconds since 1970.
    fn unix_ms(&self) -> i64;

    fn snapshot(&self) -> Option<Snapshot>;
    fn permission(&self) -> proto::ParticipantPermission;
    /// The camera's picture comes before others on poor lines.
    fn comes_first(&self) -> bool;
    fn refresh_token(&self) -> Option<String>;
    fn set_active(&mut self);
    fn connection_lost(&mut self);
    /// A new socket is attached. It may have come before the loss of the old one was noticed.
    fn connection_restored(&mut self);
    fn may_publish(&self, source: proto::TrackSource) -> Result<(), Refused>;
    fn publish(&mut self, info: proto::TrackInfo, media: Vec<MediaTrack>) -> Result<(), Refused>;
    /// Replaces what is told about a published track.
    fn update_track(&mut self, info: &proto::TrackInfo) -> Result<(), Refused>;
    fn unpublish(&mut self, track_sid: &str) -> Result<(), Refused>;
    fn publish_data_track(&mut self, info: proto::DataTrackInfo, track: DataTrackId) -> Result<(), Refused>;
    fn unpublish_data_track(&mut self, track: DataTrackId) -> Result<proto::DataTrackInfo, Refused>;
    fn update_metadata(
        &mut self,
        name: &str,
        metadata: &str,
        attributes: &HashMap<String, String>,
    ) -> Result<(), Refused>;
    fn set_subscription_permission(&mut self, permission: proto::SubscriptionPermission);
    fn set_subscribed(&mut self, track: TrackId, subscribed: bool);
}
