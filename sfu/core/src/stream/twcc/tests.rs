use proptest::prelude::*;

use super::*;

/// A reader of its own, straight from the draft. Gives the base, the feedback count, and the arrival of each number in
/// ticks since the reference time's zero.
fn decode(packet: &[u8]) -> (u16, u8, Vec<Option<i64>>) {
    assert_eq!(packet[0] & 0xdf, 0x8f);
    assert_eq!(packet[1], 205);
    assert_eq!(packet.len(), 4 * (1 + usize::from(u16::from_be_bytes([packet[2], packet[3]]))));
    let padding = if packet[0] & 0x20 != 0 { usize::from(*packet.last().unwrap()) } else { 0 };
    let base = u16::from_be_bytes([packet[12], packet[13]]);
    let count = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
    let reference = i64::from(u32::from_be_bytes([0, packet[16], packet[17], packet[18]]));
    let mut at = 20;
    let mut statuses = Vec::new();
    while statuses.len() < count {
        let chunk = u16::from_be_bytes([packet[at], packet[at + 1]]);
        at += 2;
        if chunk & 0x8000 == 0 {
            statuses.extend(std::iter::repeat_n(chunk >> 13, usize::from(chunk & 0x1fff)));
        } else if chunk & 0x4000 == 0 {
            statuses.extend((0..14).map(|place| chunk >> (13 - place) & 1));
        } else {
            statuses.extend((0..7).map(|place| chunk >> (12 - 2 * place) & 3));
        }
    }
    statuses.truncate(count);
    let mut time = reference * 256;
    let arrivals = statuses
        .iter()
        .map(|status| match status {
            0 => None,
            1 => {
                time += i64::from(packet[at]);
                at += 1;
                Some(time)
            }
            2 => {
                time += i64::from(i16::from_be_bytes([packet[at], packet[at + 1]]));
                at += 2;
                Some(time)
            }
            other => panic!("status {other}"),
        })
        .collect();
    assert_eq!(at + padding, packet.len());
    (base, packet[19], arrivals)
}

fn all_reports(recorder: &mut ArrivalRecorder, now: Instant) -> Vec<(u16, u8, Vec<Option<i64>>)> {
    let mut reports = Vec::new();
    let mut out = Vec::new();
    while recorder.feedback(now, 1, 2, &mut out) {
        reports.push(decode(&out));
        out.clear();
    }
    reports
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_report_is_due_after_the_interval_and_not_before() {
    let start = Instant::now();
    let mut recorder = ArrivalRecorder::new(start);
    assert_eq!(recorder.next_deadline(), None);
    recorder.on_packet(start + ms(5), 10);
    assert_eq!(recorder.next_deadline(), Some(start + ms(105)));
    assert!(all_reports(&mut recorder, start + ms(104)).is_empty());
    let reports = all_reports(&mut recorder, start + ms(105));
    assert_eq!(reports, [(10, 0, vec![Some(20)])]);
    assert_eq!(recorder.next_deadline(), None);
}

#[test]
fn losses_and_the_wrap_are_told_and_the_feedback_count_grows() {
    let start = Instant::now();
    let mut recorder = ArrivalRecorder::new(start);
    recorder.on_packet(start, 65_534);
    recorder.on_packet(start + ms(1), 1);
    assert_eq!(
        all_reports(&mut recorder, start + ms(200)),
        [(65_534, 0, vec![Some(0), None, None, Some(4)])]
    );
    recorder.on_packet(start + ms(300), 4);
    assert_eq!(all_reports(&mut recorder, start + ms(500)), [(2, 1, vec![None, None, Some(1200)])]);
}

#[test]
fn a_late_packet_is_told_after_all() {
    let start = Instant::now();
    let mut recorder = ArrivalRecorder::new(start);
    recorder.on_packet(start, 1);
    recorder.on_packet(start, 3);
    all_reports(&mut recorder, start + ms(100));
    recorder.on_packet(start + ms(120), 2);
    assert_eq!(all_reports(&mut recorder, start + ms(220)), [(2, 1, vec![Some(480), Some(0)])]);
}

#[test]
fn a_pause_longer_than_a_delta_can_say_begins_another_report() {
    let start = Instant::now();
    let mut recorder = ArrivalRecorder::new(start);
    recorder.on_packet(start, 1);
    recorder.on_packet(start + ms(20_000), 2);
    let reports = all_reports(&mut recorder, start + ms(20_100));
    assert_eq!(reports, [(1, 0, vec![Some(0)]), (2, 1, vec![Some(80_000)])]);
}

#[test]
fn a_jump_of_the_numbers_does_not_tell_of_a_thousand_losses() {
    let start = Instant::now();
    let mut recorder = ArrivalRecorder::new(start);
    recorder.on_packet(start, 1);
    all_reports(&mut recorder, start + ms(100));
    recorder.on_packet(start + ms(110), 20_000);
    assert_eq!(all_reports(&mut recorder, start + ms(300)), [(20_000, 1, vec![Some(440)])]);
}

#[test]
fn a_report_fits_a_datagram() {
    let start = Instant::now();
    let mut recorder = ArrivalRecorder::new(start);
    for n in 0..1000u16 {
        // Alternately 70 ms ahead and back: every delta takes two bytes.
        recorder.on_packet(start + ms(100 + u64::from(n % 2) * 70), n);
    }
    let mut out = Vec::new();
    while recorder.feedback(start + ms(300), 1, 2, &mut out) {
        assert!(out.len() <= 1200, "{}", out.len());
        out.clear();
    }
}

proptest! {
    #[test]
    fn what_is_reported_is_what_was_recorded(
        first: u16,
        packets in proptest::collection::vec((0u16..4, 0u64..90, 0u8..10, any::<bool>()), 1..600),
    ) {
        let start = Instant::now();
        let mut recorder = ArrivalRecorder::new(start);
        let mut arrivals = std::collections::BTreeMap::new();
        let mut told = std::collections::BTreeMap::new();
        let (mut now, mut number, mut counts) = (start, 70_000 + u64::from(first), 0u8);
        let mut held = None;
        let mut reports = Vec::new();
        for (skip, pause, hold, tell) in packets {
            now += Duration::from_millis(pause / 3);
            number += 1 + u64::from(skip);
            let mut arrive = |number: u64| {
                recorder.on_packet(now, number as u16);
                arrivals.insert(number, (now - start).as_micros() as i64 / 250);
            };
            if hold == 0 && held.is_none() {
                held = Some(number);
            } else {
                arrive(number);
                if let Some(late) = held.take_if(|late| number - *late > 5) {
                    arrive(late);
                }
            }
            if tell {
                reports.extend(all_reports(&mut recorder, now));
            }
        }
        reports.extend(all_reports(&mut recorder, now + FEEDBACK_INTERVAL));
        let mut place = 70_000 + u64::from(first);
        for (base, count, statuses) in reports {
            prop_assert_eq!(count, counts);
            counts = counts.wrapping_add(1);
            let base = crate::wire::sequence::nearest(place, base);
            place = base;
            for (number, status) in (base..).zip(statuses) {
                if let Some(tick) = status {
                    told.insert(number, tick);
                }
            }
        }
        prop_assert_eq!(told, arrivals);
    }
}
