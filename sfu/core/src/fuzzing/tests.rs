use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        const TELLING: [u8; 12] = [0, 1, 2, 0x0f, 0x10, 0x7f, 0x80, 0x81, 0xbe, 0xde, 0xfe, 0xff];
        if self.below(2) == 0 { TELLING[self.below(TELLING.len())] } else { self.next() as u8 }
    }
}

fn mutate(random: &mut Random, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let len = random.below((input.len() - at).min(40) + 1);
        match random.below(9) {
            0 | 1 if at < input.len() => input[at] = random.byte(),
            2 if at < input.len() => input[at] ^= 1 << random.below(8),
            3 => input.truncate(at),
            4 => drop(input.drain(at..at + len)),
            5 => {
                let copy = input[at..at + len].to_vec();
                input.splice(at..at, copy);
            }
            6 => {
                let filler = vec![random.byte(); random.below(300)];
                input.splice(at..at, filler);
            }
            7 if at + 2 <= input.len() => {
                let length = random.below(input.len() * 2) as u16;
                input[at..at + 2].copy_from_slice(&length.to_be_bytes());
            }
            8 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {}
        }
    }
    input.truncate(1500.max(seeds.iter().map(Vec::len).max().unwrap_or(0) * 2));
    // A STUN header that fits, or nearly nothing gets past it.
    if input.len() >= 20 && input[4..8] == [0x21, 0x12, 0xa4, 0x42] && random.below(4) != 0 {
        input.truncate(input.len() & !3);
        let length = (input.len() - 20) as u16;
        input[2..4].copy_from_slice(&length.to_be_bytes());
    }
}

#[test]
fn no_parser_panics_on_mutated_input() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        let rounds = match target.name {
            // Long texts in a parser with many small parts.
            "sdp" => 10_000,
            _ => 40_000,
        };
        let mut random = Random(0x5eed);
        for seed in &seeds {
            (target.run)(seed);
        }
        for _ in 0..rounds {
            let mut input = seeds[random.below(seeds.len())].clone();
            mutate(&mut random, &mut input, &seeds);
            if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
                panic!("{} on {input:02x?}", target.name);
            }
        }
    }
}

#[test]
fn the_seeds_get_past_the_first_check() {
    let reached = |name: &str, run: fn(&[u8]) -> bool| {
        let target = TARGETS.iter().find(|target| target.name == name).unwrap();
        (target.seeds)().iter().filter(|seed| run(seed)).count()
    };
    assert_eq!(reached("rtp", |seed| RtpHeader::parse(seed, &extension_map()).is_ok()), 3);
    assert_eq!(reached("stun", |seed| stun::Unverified::parse(seed).is_ok()), 2);
    assert_eq!(reached("dcep", |seed| dcep::parse(seed).is_some()), 4);
    assert_eq!(reached("envelope", |seed| Envelope::parse(seed).is_ok()), 2);
    assert_eq!(reached("sdp", |seed| sdp::parse(std::str::from_utf8(seed).unwrap()).is_ok()), 3);
    let opened = |seed: &[u8]| {
        let (mut input, _) = contexts(profile(seed[0]), &[7; 88], DtlsRole::Server).unwrap();
        let mut packet = seed[1..].to_vec();
        match RtpHeader::parse(&packet, &extension_map()) {
            Ok(header) if seed[0] & 4 == 0 => input.open_rtp(&mut packet, &header).is_ok(),
            _ => input.open_rtcp(&mut packet).is_ok(),
        }
    };
    assert_eq!(reached("srtp", opened), 6);
}
