//! Mutated files: whatever comes in, nothing panics, nothing is endless, and what comes out is readable.

use proptest::prelude::*;

use crate::fuzzing::{fuzz_pdf, paper, pdf_seeds};

fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    SEEDS.get_or_init(pdf_seeds)
}

/// A piece of one file in another, bytes turned over, words exchanged.
#[derive(Clone, Debug)]
enum Change {
    Flip(usize, u8),
    Cut(usize, usize),
    Double(usize, usize),
    Word(usize, usize, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let word = prop::sample::select(vec![
        "endobj",
        "obj",
        "stream",
        "/Type",
        "/Kids",
        "/Parent 3 0 R",
        "/Nums",
        "/K 7 0 R",
        "xref",
        "startxref",
        "<<",
        ">>",
        "[",
        "(",
        "9999999999",
        "-1",
        "/Length 99999999",
        "/Prev 9",
        "/ByteRange [0 9 9 9]",
        "/Filter /FlateDecode",
        "2 0 R",
        "/OpenAction 1 0 R",
        "/Size 1",
    ]);
    let at = any::<usize>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        (at(), 0..2000_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (at(), 0..2000_usize).prop_map(|(at, length)| Change::Double(at, length)),
        (at(), 0..30_usize, word).prop_map(|(at, length, word)| Change::Word(at, length, word)),
    ]
}

fn mutated(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        let total = bytes.len();
        let length = total.max(1);
        let span = |at: usize, span: usize| {
            let from = (at % length).min(total);
            from..(from + span).min(total)
        };
        match change {
            Change::Flip(at, byte) => {
                if let Some(found) = bytes.get_mut(at % length) {
                    *found = *byte;
                }
            }
            Change::Cut(at, count) => drop(bytes.drain(span(*at, *count))),
            Change::Double(at, count) => {
                let piece = bytes[span(*at, *count)].to_vec();
                let at = (at / 7) % length;
                bytes.splice(at.min(bytes.len())..at.min(bytes.len()), piece);
            }
            Change::Word(at, count, word) => {
                let span = span(*at, *count);
                bytes.splice(span, word.bytes());
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_mutated_file_breaks_whoever_reads_it(
        seed in 0..5_usize,
        changes in prop::collection::vec(change(), 1..12),
    ) {
        fuzz_pdf(&mutated(&seeds()[seed], &changes));
    }

    #[test]
    fn no_bytes_at_all_break_whoever_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        fuzz_pdf(&bytes);
        let mut dressed = b"%PDF-1.7\n".to_vec();
        dressed.extend(&bytes);
        dressed.extend(b"\nstartxref\n9\n%%EOF\n");
        fuzz_pdf(&dressed);
    }
}

#[test]
fn nesting_without_end_and_circles_are_refused_and_not_followed() {
    let deep = "[".repeat(100_000);
    let circle = [("/Parent 3 0 R /Resources 3 0 R", "q")];
    let kids = "/Pages 2 0 R /StructTreeRoot 5 0 R";
    let loops = ["<< /K 5 0 R /ParentTree 6 0 R >>", "<< /Kids [6 0 R 6 0 R 6 0 R 6 0 R] >>"];
    for bytes in [
        paper(&format!("/Deep {deep}"), &[("", "")], &[]),
        paper("", &[("", "(".repeat(100_000).as_str())], &[]),
        paper("", &[("", "q ".repeat(100_000).as_str())], &[]),
        paper("", &circle, &[]),
        paper(kids, &[("/StructParents 0", "")], &loops),
        paper(kids, &[("", "")], &loops),
        paper("", &[("/Contents 3 0 R /Rotate 9999999999 /MediaBox [1 2 3]", "")], &[]),
        paper("", &[("/MediaBox [0 0 1e30 1e30] /CropBox [9 0 R 0 1 1]", "")], &[]),
    ] {
        fuzz_pdf(&bytes);
    }
}
