//! The packet path allocates nothing once it is warm, for every SRTP profile.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use chevet_sfu_core::api::{Codec, DtlsRole, Extension, MediaSettings};
use chevet_sfu_core::stream::SentLog;
use chevet_sfu_core::transport::srtp::{SrtpIn, SrtpOut, SrtpProfile, contexts};
use chevet_sfu_core::wire::codec::inspect;
use chevet_sfu_core::wire::rtcp::{self, Rtcp};
use chevet_sfu_core::wire::rtp::{ExtensionMap, OutHeader, RtpHeader, write_header};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more; it is not the one that is measured.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::Aes128CmSha1_80];

struct Path {
    map: ExtensionMap,
    publisher: SrtpOut,
    input: SrtpIn,
    output: SrtpOut,
    subscriber: SrtpIn,
    buffer: Vec<u8>,
    out: Vec<u8>,
    feedback: Vec<u8>,
    sent: SentLog,
}

impl Path {
    fn new(profile: SrtpProfile) -> Path {
        let (first, second) = ([3; 88], [4; 88]);
        let (_, publisher) = contexts(profile, &first, DtlsRole::Client).unwrap();
        let (input, _) = contexts(profile, &first, DtlsRole::Server).unwrap();
        let (_, output) = contexts(profile, &second, DtlsRole::Server).unwrap();
        let (subscriber, _) = contexts(profile, &second, DtlsRole::Client).unwrap();
        let extensions = vec![(1, Extension::Mid), (3, Extension::TransportCc)];
        let media = MediaSettings { extensions, ..MediaSettings::default() };
        Path {
            map: ExtensionMap::new(&media),
            publisher,
            input,
            output,
            subscriber,
            buffer: vec![0; 1500],
            out: vec![0; 1500],
            feedback: Vec::new(),
            sent: SentLog::default(),
        }
    }

    /// From a publisher to a subscriber, who complains about it.
    fn packet(&mut self, sequence: u64) {
        let mut fields = OutHeader {
            marker: false,
            payload_type: 96,
            sequence_number: sequence as u16,
            timestamp: 7,
            ssrc: 5,
            has_padding: false,
        };
        let header_len = write_header(&mut self.buffer, &fields, &[(1, b"0"), (3, &[1, 2])]).unwrap();
        self.buffer[header_len..1100].fill(0x10);
        let sealed =
            self.publisher.seal_rtp_in_place(&mut self.buffer, header_len, 1100, 5, sequence).unwrap();

        let received = &mut self.buffer[..sealed];
        let header = RtpHeader::parse(received, &self.map).unwrap();
        let (extended, len) = self.input.open_rtp(received, &header).unwrap();
        assert_eq!((extended, len), (sequence, 1100));
        let payload = &received[header.header_len..len];
        black_box(inspect(Codec::Vp8, payload));

        fields.ssrc = 6;
        let header_len = write_header(&mut self.out, &fields, &[(1, b"1"), (3, &[3, 4])]).unwrap();
        let sealed =
            self.output.seal_rtp_scatter(&mut self.out, header_len, payload, &[0, 2], 6, sequence).unwrap();
        self.sent.note(sequence as u16, sequence as u32, sealed);
        let header = RtpHeader::parse(&self.out[..sealed], &self.map).unwrap();
        self.subscriber.open_rtp(&mut self.out[..sealed], &header).unwrap();

        self.feedback.clear();
        rtcp::write_nack(&mut self.feedback, 1, 6, &[1, 2, 40]);
        rtcp::write_transport_cc(
            &mut self.feedback,
            (1, 2),
            sequence as u16,
            9,
            9,
            &[Some(1), None, Some(-1)],
        );
        self.publisher.seal_rtcp(&mut self.feedback, 0).unwrap();
        let len = self.input.open_rtcp(&mut self.feedback).unwrap();
        for packet in rtcp::packets(&self.feedback[..len]) {
            match packet {
                Rtcp::Nack { items, .. } => assert_eq!(items.count(), 3),
                Rtcp::TransportCc(view) => {
                    let next = (sequence as u16).wrapping_add(1);
                    let known = |arrival: &rtcp::Arrival| self.sent.take(arrival.sequence, next).is_some();
                    assert_eq!(view.arrivals().filter(known).count(), 1);
                }
                _ => panic!("another packet"),
            }
        }
    }
}

#[test]
fn the_packet_path_allocates_nothing_once_warm() {
    for profile in PROFILES {
        let mut path = Path::new(profile);
        (0..100).for_each(|sequence| path.packet(sequence));
        let before = ALLOCATIONS.get();
        (100..1100).for_each(|sequence| path.packet(sequence));
        assert_eq!(ALLOCATIONS.get() - before, 0, "{profile:?}");
    }
}

/// `cargo test --release -p chevet-sfu-core --test allocations -- --ignored --nocapture`
#[test]
#[ignore = "prints times, proves nothing"]
#[expect(clippy::disallowed_methods, reason = "reads the clock to measure")]
fn what_a_packet_costs() {
    const ROUNDS: u64 = 200_000;
    for profile in PROFILES {
        for size in [100, 1100] {
            let mut path = Path::new(profile);
            let fields = OutHeader {
                marker: false,
                payload_type: 96,
                sequence_number: 0,
                timestamp: 7,
                ssrc: 5,
                has_padding: false,
            };
            let elements: [(u8, &[u8]); 2] = [(1, b"0"), (3, &[1, 2])];
            let payload = vec![7u8; size];
            let timed = |name: &str, run: &mut dyn FnMut(u64)| {
                let start = std::time::Instant::now();
                (0..ROUNDS).for_each(run);
                let nanoseconds = start.elapsed().as_nanos() as u64 / ROUNDS;
                println!("{profile:?} {size} B {name}: {nanoseconds} ns");
            };
            let header_len = write_header(&mut path.out, &fields, &elements).unwrap();
            timed("header write", &mut |_| {
                black_box(write_header(&mut path.out, &fields, &elements));
            });
            timed("header parse", &mut |_| {
                black_box(RtpHeader::parse(&path.out, &path.map)).unwrap();
            });
            timed("seal out of place", &mut |sequence| {
                path.output.seal_rtp_scatter(&mut path.out, header_len, &payload, &[], 5, sequence).unwrap();
            });
            let len = header_len + size;
            timed("seal in place", &mut |sequence| {
                path.output.seal_rtp_in_place(&mut path.out, header_len, len, 5, sequence).unwrap();
            });
            let mut sealed = vec![vec![0; len + path.publisher.overhead()]; 20_000];
            for (sequence, packet) in sealed.iter_mut().enumerate() {
                let fields = OutHeader { sequence_number: sequence as u16, ..fields };
                write_header(packet, &fields, &elements).unwrap();
                path.publisher.seal_rtp_in_place(packet, header_len, len, 5, sequence as u64).unwrap();
            }
            let start = std::time::Instant::now();
            for packet in &mut sealed {
                let header = RtpHeader::parse(packet, &path.map).unwrap();
                path.input.open_rtp(packet, &header).unwrap();
            }
            println!("{profile:?} {size} B parse and open: {} ns", start.elapsed().as_nanos() / 20_000);
        }
    }
}
