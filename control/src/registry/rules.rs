//! Who may subscribe to what a participant publishes, as the participant itself wants it.

use std::collections::{HashMap, HashSet};

use livekit_protocol as proto;

/// Everybody may subscribe to everything until the publisher says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// None: all participants, all tracks. Keys are identities or sids.
    restricted: Option<HashMap<String, Tracks>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tracks {
    All,
    These(HashSet<String>),
}

impl Rules {
    pub fn new(permission: proto::SubscriptionPermission) -> Rules {
        if permission.all_participants {
            return Rules::default();
        }
        let mut restricted = HashMap::new();
        for entry in permission.track_permissions {
            let tracks = if entry.all_tracks {
                Tracks::All
            } else {
                Tracks::These(entry.track_sids.into_iter().collect())
            };
            for key in [entry.participant_identity, entry.participant_sid] {
                if !key.is_empty() {
                    restricted.insert(key, tracks.clone());
                }
            }
        }
        Rules { restricted: Some(restricted) }
    }

    pub fn allows(&self, identity: &str, sid: &str, track_sid: &str) -> bool {
        let Some(restricted) = &self.restricted else { return true };
        [identity, sid].into_iter().filter_map(|key| restricted.get(key)).any(|tracks| match tracks {
            Tracks::All => true,
            Tracks::These(these) => these.contains(track_sid),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_named_may_subscribe_once_the_publisher_restricts() {
        let all = Rules::default();
        assert!(all.allows("bob", "PA_b", "TR_1"));
        let some = Rules::new(proto::SubscriptionPermission {
            all_participants: false,
            track_permissions: vec![
                proto::TrackPermission {
                    participant_identity: "bob".into(),
                    all_tracks: true,
                    ..Default::default()
                },
                proto::TrackPermission {
                    participant_sid: "PA_c".into(),
                    track_sids: vec!["TR_1".into()],
                    ..Default::default()
                },
            ],
        });
        assert!(some.allows("bob", "PA_b", "TR_2"));
        assert!(some.allows("carol", "PA_c", "TR_1"));
        assert!(!some.allows("carol", "PA_c", "TR_2"));
        assert!(!some.allows("dave", "PA_d", "TR_1"));
    }
}
