//! Which encoding of a track a subscriber receives.

use crate::api::{LayerReason, Quality, SubscriptionSettings};

/// What is known of one encoding, lowest quality first in every list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingState {
    pub quality: Quality,
    /// Pixels, 0 when unknown.
    pub width: u32,
    pub height: u32,
    /// Packets of it arrived lately.
    pub live: bool,
}

/// A place may be this much larger than an encoding and still be filled by it: layouts round, and a tile of 364 lines
/// should not cost a step to 720.
const HEIGHT_TOLERANCE_PERCENT: u32 = 10;

/// The encoding to aim at, as an index into `encodings`, and why.
pub fn choose(
    encodings: &[EncodingState],
    settings: &SubscriptionSettings,
    muted: bool,
) -> (Option<usize>, LayerReason) {
    if !settings.enabled {
        return (None, LayerReason::Disabled);
    }
    if muted {
        return (None, LayerReason::Muted);
    }
    if encodings.len() <= 1 {
        return (encodings.first().map(|_| 0), LayerReason::OnlyOne);
    }
    let (wanted, reason) = wanted(encodings, settings);
    if encodings.get(wanted).is_some_and(|encoding| encoding.live) {
        return (Some(wanted), reason);
    }
    // A publisher drops encodings when its uplink or its processor is short: the next lower that arrives, else the
    // next higher, else the wanted one, whose key frame is then awaited.
    let lower = (0..wanted).rev().find(|&i| encodings.get(i).is_some_and(|e| e.live));
    let higher = || (wanted + 1..encodings.len()).find(|&i| encodings.get(i).is_some_and(|e| e.live));
    match lower.or_else(higher) {
        Some(index) => (Some(index), LayerReason::NotArriving),
        None => (Some(wanted), reason),
    }
}

/// The highest encoding that arrives and is not above this one, which it is if none arrives.
pub fn at_most(encodings: &[EncodingState], highest: usize) -> usize {
    (0..=highest).rev().find(|&index| encodings.get(index).is_some_and(|e| e.live)).unwrap_or(highest)
}

/// The encoding asked for, live or not.
pub fn wanted(encodings: &[EncodingState], settings: &SubscriptionSettings) -> (usize, LayerReason) {
    let top = encodings.len().saturating_sub(1);
    // Portrait pictures are described by their encoded size, so compare the sides that correspond.
    let asked = settings.height.min(if settings.width > 0 { settings.width } else { settings.height });
    if settings.height > 0 && encodings.iter().all(|e| e.height > 0) {
        let fits = encodings.iter().position(|e| {
            let shorter = if e.width > 0 { e.width.min(e.height) } else { e.height };
            shorter.saturating_mul(100 + HEIGHT_TOLERANCE_PERCENT) >= asked.saturating_mul(100)
        });
        return match fits {
            Some(index) if index < top => (index, LayerReason::FitsSize),
            _ => (top, LayerReason::AsAsked),
        };
    }
    // A quality that the track does not have counts as the next lower, else as the next higher.
    let index = encodings.iter().rposition(|e| e.quality <= settings.quality).unwrap_or(0);
    (index, LayerReason::AsAsked)
}

/// The highest temporal layer that keeps within the frames per second asked for, None for all. `rates` are cumulative.
pub fn temporal_limit(rates: &[f32], fps: u32) -> Option<u8> {
    // A camera's 15 measures as 15.4 at times.
    let allowed = fps as f32 * 1.15;
    if fps == 0 || rates.last().is_none_or(|all| *all <= allowed) {
        return None;
    }
    let limit = rates.iter().rposition(|rate| *rate <= allowed).unwrap_or(0);
    u8::try_from(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_above_the_rate_asked_for_are_left_out_by_temporal_layer() {
        let rates = [7.5, 15.2, 30.1];
        assert_eq!(temporal_limit(&rates, 0), None);
        assert_eq!(temporal_limit(&rates, 30), None);
        assert_eq!(temporal_limit(&rates, 15), Some(1));
        assert_eq!(temporal_limit(&rates, 10), Some(0));
        assert_eq!(temporal_limit(&rates, 5), Some(0));
        assert_eq!(temporal_limit(&[], 15), None);
    }

    fn three(live: [bool; 3]) -> Vec<EncodingState> {
        [(Quality::Low, 320, 180), (Quality::Medium, 640, 360), (Quality::High, 1280, 720)]
            .into_iter()
            .zip(live)
            .map(|((quality, width, height), live)| EncodingState { quality, width, height, live })
            .collect()
    }

    fn sized(width: u32, height: u32) -> SubscriptionSettings {
        SubscriptionSettings { width, height, ..Default::default() }
    }

    #[test]
    fn a_subscriber_gets_the_quality_it_asks_for() {
        for (quality, index) in [(Quality::Low, 0), (Quality::Medium, 1), (Quality::High, 2)] {
            let settings = SubscriptionSettings { quality, ..Default::default() };
            assert_eq!(choose(&three([true; 3]), &settings, false), (Some(index), LayerReason::AsAsked));
        }
    }

    #[test]
    fn a_small_tile_gets_the_smallest_encoding_that_fills_it() {
        assert_eq!(choose(&three([true; 3]), &sized(160, 90), false), (Some(0), LayerReason::FitsSize));
        assert_eq!(choose(&three([true; 3]), &sized(640, 364), false), (Some(1), LayerReason::FitsSize));
        assert_eq!(choose(&three([true; 3]), &sized(1920, 1080), false), (Some(2), LayerReason::AsAsked));
    }

    #[test]
    fn an_encoding_that_does_not_arrive_is_replaced_by_the_next_lower_else_the_next_higher() {
        let settings = SubscriptionSettings::default();
        assert_eq!(
            choose(&three([true, true, false]), &settings, false),
            (Some(1), LayerReason::NotArriving)
        );
        let low = SubscriptionSettings { quality: Quality::Low, ..settings };
        assert_eq!(choose(&three([false, true, true]), &low, false), (Some(1), LayerReason::NotArriving));
        assert_eq!(choose(&three([false; 3]), &settings, false), (Some(2), LayerReason::AsAsked));
    }

    #[test]
    fn nothing_is_sent_while_paused_or_muted() {
        let paused = SubscriptionSettings { enabled: false, ..Default::default() };
        assert_eq!(choose(&three([true; 3]), &paused, false), (None, LayerReason::Disabled));
        assert_eq!(choose(&three([true; 3]), &Default::default(), true), (None, LayerReason::Muted));
    }

    #[test]
    fn a_quality_that_the_track_lacks_counts_as_its_neighbour() {
        let two: Vec<_> = three([true; 3]).into_iter().take(2).collect();
        assert_eq!(choose(&two, &Default::default(), false).0, Some(1));
        let upper: Vec<_> = three([true; 3]).into_iter().skip(1).collect();
        let low = SubscriptionSettings { quality: Quality::Low, ..Default::default() };
        assert_eq!(choose(&upper, &low, false).0, Some(0));
    }
}
