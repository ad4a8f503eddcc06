//! The whole way through the engine: a datagram in, datagrams to fifty subscribers out.

use chevet_sfu_core::engine::Counters;
use chevet_sfu_core::transport::srtp::SrtpProfile;

use crate::measure::end;
use crate::media::Negotiated;
use crate::rig::Rig;

pub const SUBSCRIBERS: u64 = 50;

/// Counts every path, and tells which SRTP profile the handshakes agreed on.
pub fn run() -> anyhow::Result<SrtpProfile> {
    let mut rig = Rig::new(SUBSCRIBERS, Negotiated::Everything)?;
    let profile = rig.profile();
    forwarded(&mut rig, "burst", 60, 6, Rig::burst);
    forwarded(&mut rig, "spaced", 60, 6, Rig::spaced);
    forwarded(&mut rig, "audio", 200, 1, Rig::audio);

    let before = *rig.counters();
    (0..20).for_each(|_| rig.nacked());
    let answered = since(&rig, before, |counters| counters.retransmitted);
    assert_eq!(answered, 20 * SUBSCRIBERS, "every NACK is answered by one packet");
    end("nack", answered);

    let before = *rig.counters();
    (0..20).for_each(|round| rig.transport_feedback(round));
    end("transport-feedback", since(&rig, before, |counters| counters.transport_feedback_received));

    (0..20).for_each(|_| rig.receiver_reports());
    end("receiver-report", 20 * SUBSCRIBERS);

    (0..5).for_each(|_| rig.second());
    end("second", 5 * SUBSCRIBERS);
    assert_eq!(rig.drops(), 0, "the engine dropped something");

    let mut rig = Rig::new(SUBSCRIBERS, Negotiated::Little)?;
    forwarded(&mut rig, "burst-plain", 60, 6, Rig::burst);
    forwarded(&mut rig, "spaced-plain", 60, 6, Rig::spaced);
    assert_eq!(rig.drops(), 0, "the engine dropped something");
    Ok(profile)
}

/// Instructions for each packet to each subscriber.
fn forwarded(rig: &mut Rig, name: &str, rounds: u64, packets: u64, round: impl Fn(&mut Rig)) {
    let before = *rig.counters();
    (0..rounds).for_each(|_| round(rig));
    let forwarded = since(rig, before, |counters| counters.media_forwarded);
    assert_eq!(forwarded, rounds * packets * SUBSCRIBERS, "{name}: not all is forwarded to all");
    end(name, forwarded);
}

fn since(rig: &Rig, before: Counters, field: impl Fn(&Counters) -> u64) -> u64 {
    field(rig.counters()) - field(&before)
}
