//! A room as an operator reads it: what is forwarded to whom, at which layer, and why.

use std::time::Instant;

use crate::api::{
    EncodingReport, MemberReport, RoomReport, SubscriptionReport, TrackReport, TransportReport,
};
use crate::room::{Layer, Peer, Subscription, Track, World};
use crate::transport::Channel;

impl World {
    pub fn report(&mut self, room: usize, now: Instant) -> RoomReport {
        let mut report = RoomReport::default();
        let Some(room) = self.rooms.get(room) else { return report };
        for &index in &room.members {
            // Members of other workers are in the reports of those.
            let Some(member) = self.members.get(index).filter(|member| member.remote.is_none()) else {
                continue;
            };
            let peers = || member.peers.iter().filter_map(|&peer| self.peers.get(peer));
            report.members.push(MemberReport {
                member: member.id,
                transports: peers().map(|peer| transport(peer, &self.subscriptions)).collect(),
                quality: member.quality,
                data_queued_bytes: peers()
                    .map(|peer| {
                        Channel::ALL
                            .iter()
                            .map(|&channel| peer.transport.buffered(channel) as u64)
                            .sum::<u64>()
                    })
                    .sum(),
            });
            for &track in &member.tracks {
                if let Some(track) = self.tracks.get_mut(track) {
                    report.tracks.push(self::track(track, member.id, now));
                }
            }
            let subscriptions = peers().flat_map(|peer| peer.subscriptions.iter());
            for subscription in subscriptions.filter_map(|&index| self.subscriptions.get(index)) {
                let Some(track) = self.tracks.get(subscription.track) else { continue };
                report.subscriptions.push(self::subscription(subscription, track, member.id));
            }
        }
        report
    }
}

fn transport(peer: &Peer, subscriptions: &slab::Slab<Subscription>) -> TransportReport {
    let media = peer
        .subscriptions
        .iter()
        .filter_map(|&index| subscriptions.get(index)?.egress.receiver_view().rtt)
        .max();
    let round_trip = media.or_else(|| peer.transport.data_round_trip());
    TransportReport {
        transport: peer.id,
        connected: peer.connected,
        protocol: peer.transport.path().map(|path| if path.tcp == 0 { "udp" } else { "tcp" }),
        srtp_profile: peer.transport.srtp_profile(),
        round_trip_ms: round_trip.map(|round_trip| round_trip.as_secs_f32() * 1000.0),
        estimate_bits_per_second: peer.downlink.as_ref().and_then(|line| line.estimator.estimate()),
        line: peer.downlink.as_ref().map(|line| line.estimator.state()).unwrap_or_default(),
        redundant_sound: peer.downlink.as_ref().is_none_or(|line| line.is_redundant()),
    }
}

fn track(track: &mut Track, member: crate::api::MemberId, now: Instant) -> TrackReport {
    TrackReport {
        track: track.id,
        member,
        codec: track.config.codec,
        muted: track.config.muted,
        encodings: track.layers.iter_mut().map(|layer| encoding(layer, now)).collect(),
    }
}

fn encoding(layer: &mut Layer, now: Instant) -> EncodingReport {
    let requests = layer.key_frame_requests;
    let quality = layer.encoding.quality;
    let Some(ingress) = layer.ingress.as_mut() else {
        return EncodingReport {
            quality,
            live: false,
            packets: 0,
            lost: 0,
            bits_per_second: 0,
            jitter_ms: 0.0,
            key_frames: 0,
            key_frame_requests: requests,
        };
    };
    let seen = ingress.statistics();
    EncodingReport {
        quality,
        live: ingress.live(now),
        packets: seen.packets,
        lost: seen.lost,
        bits_per_second: ingress.bitrate(now),
        jitter_ms: seen.jitter_ms,
        key_frames: seen.key_frames,
        key_frame_requests: requests,
    }
}

fn subscription(
    subscription: &Subscription,
    track: &Track,
    member: crate::api::MemberId,
) -> SubscriptionReport {
    let quality = |layer: Option<usize>| {
        layer.and_then(|layer| track.layers.get(layer)).map(|layer| layer.encoding.quality)
    };
    SubscriptionReport {
        subscription: subscription.id,
        track: track.id,
        member,
        packets: subscription.egress.packets(),
        retransmitted: subscription.egress.retransmitted(),
        forwarded: quality(subscription.egress.current()),
        target: quality(subscription.target),
        reason: subscription.reason,
    }
}
