//! The configuration in the words of each part.

use std::collections::BTreeMap;
use std::time::Duration;

use chevet_config::{Config, Secret};
use chevet_control::settings::{ControlConfig, Limits, RoomDefaults, WebhookConfig};
use chevet_sfu_io::SfuConfig;

pub fn sfu(config: &Config) -> SfuConfig {
    let rtc = &config.rtc;
    SfuConfig {
        workers: rtc.workers.into(),
        bind: rtc.bind,
        udp_port: rtc.udp_port,
        tcp_port: rtc.tcp_port,
        advertise: rtc.advertise.clone(),
        ..SfuConfig::default()
    }
}

pub fn control(config: &Config, keys: &BTreeMap<String, Secret>, public_url: String) -> ControlConfig {
    let Config { room, limits, webhooks, dev, .. } = config;
    let signer = if webhooks.api_key.is_empty() {
        keys.keys().next().cloned().unwrap_or_default()
    } else {
        webhooks.api_key.clone()
    };
    ControlConfig {
        keys: keys.iter().map(|(key, secret)| (key.clone(), secret.expose().to_owned())).collect(),
        dev: *dev,
        public_url,
        room: RoomDefaults {
            auto_create: room.auto_create,
            empty_timeout_s: seconds(room.empty_timeout),
            departure_timeout_s: seconds(room.departure_timeout),
            max_participants: room.max_participants,
            remote_unmute: room.enable_remote_unmute,
            ..RoomDefaults::default()
        },
        limits: Limits {
            room_name_chars: chars(limits.name_chars),
            identity_chars: chars(limits.name_chars),
            name_chars: chars(limits.name_chars),
            metadata_bytes: limits.metadata.as_usize(),
            attributes_bytes: limits.attributes.as_usize(),
            rooms: chars(limits.rooms),
            body_bytes: limits.request_body.as_usize(),
            ..Limits::default()
        },
        webhooks: (!webhooks.urls.is_empty()).then(|| WebhookConfig::new(webhooks.urls.clone(), signer)),
        ..ControlConfig::default()
    }
}

/// Timers of rooms count whole seconds; half a second is not silently none.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

fn chars(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_signs_webhooks_unless_one_is_named() {
        let mut config = Config::dev();
        config.keys.insert("another".into(), Secret::new("x"));
        config.webhooks.urls = vec!["http://127.0.0.1:1/".into()];
        let signer = |config: &Config| control(config, &config.keys, String::new()).webhooks.unwrap().api_key;
        assert_eq!(signer(&config), "another");
        config.webhooks.api_key = "devkey".into();
        assert_eq!(signer(&config), "devkey");
    }

    #[test]
    fn the_defaults_of_the_file_are_the_defaults_of_the_parts() {
        let config = Config::default();
        let ours = control(&config, &config.keys, String::new());
        let theirs = ControlConfig::default();
        assert_eq!(format!("{:?}", ours.room), format!("{:?}", theirs.room));
        assert_eq!(ours.limits.metadata_bytes, theirs.limits.metadata_bytes);
        assert_eq!(ours.limits.body_bytes, theirs.limits.body_bytes);
        assert_eq!(sfu(&config).udp_port, SfuConfig::default().udp_port);
        assert_eq!(seconds(Duration::from_millis(500)), 1);
    }
}
