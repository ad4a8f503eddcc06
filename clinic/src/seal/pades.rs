//! PAdES B-B and B-T (ETSI EN 319 142-1): a signature field without a place on the page, and the bytes that it signs.

use std::ops::Range;

use aws_lc_rs::digest;
use jiff::Timestamp;
use lopdf::{Dictionary, Object};

use super::cms;
use super::der::{Reader, SEQUENCE, oid};
use super::tsa::{self, Authorities, Told};
use super::update::{Unfit, Update, text};
use crate::crypto::secret::hex;

/// Signatures of one PDF that are looked at.
const SIGNATURES_MAX: usize = 16;
/// How far a signature's dictionary is looked through, on both sides, in bytes.
const DICTIONARY_MAX: usize = 4096;
/// What stands in the file until the ranges are known; they are never longer.
const RANGE_BLANK: &[u8] = b"/ByteRange [0 0000000000 0000000000 0000000000]";

/// A PDF with a signature that is still blank.
pub struct Prepared {
    bytes: Vec<u8>,
    /// Between the brackets of `Contents`.
    blank: Range<usize>,
    /// SHA-256 of everything else.
    pub digest: Vec<u8>,
}

/// Adds the field for a seal by `name` at `at`, with room for `room` bytes of signature.
pub fn prepare(pdf: &[u8], name: &str, at: Timestamp, room: usize) -> Result<Prepared, Unfit> {
    let mut update = Update::open(pdf)?;
    let (root_id, mut root) = update.root()?;
    let (page_id, mut page) = update.page(1)?;
    let (signature_id, field_id) = (update.reserve(), update.reserve());

    let mut signature = b"<</Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached ".to_vec();
    signature.extend_from_slice(RANGE_BLANK);
    signature.extend_from_slice(b" /Contents <");
    let before_blank = signature.len();
    signature.resize(before_blank.saturating_add(room.saturating_mul(2)), b'0');
    signature.extend_from_slice(b"> /Name ");
    if let Object::String(words, _) = text(name) {
        signature.extend_from_slice(format!("<{}>", hex(&words)).as_bytes());
    }
    // The time that is claimed; a signing time among the attributes is not allowed beside it.
    signature.extend_from_slice(format!(" /M ({})>>", at.strftime("D:%Y%m%d%H%M%S+00'00'")).as_bytes());
    update.set_raw(signature_id, signature);

    let mut field = Dictionary::new();
    field.set("Type", Object::Name(b"Annot".to_vec()));
    field.set("Subtype", Object::Name(b"Widget".to_vec()));
    field.set("FT", Object::Name(b"Sig".to_vec()));
    field.set("T", text(&format!("Sceau {}", signature_id.0)));
    field.set("TU", text("Sceau électronique du document"));
    field.set("Contents", text("Sceau électronique du document"));
    field.set("V", Object::Reference(signature_id));
    field.set("P", Object::Reference(page_id));
    // Without a place on the page: no appearance (PDF/A-2, 6.3.3) and no tag (PDF/UA-1, 7.18.1) is asked for.
    field.set("Rect", Object::Array(vec![0.into(), 0.into(), 0.into(), 0.into()]));
    // Print and locked.
    field.set("F", 132);
    update.set(field_id, &Object::Dictionary(field));

    let mut annotations = update.array(&page, b"Annots");
    annotations.push(Object::Reference(field_id));
    page.set("Annots", Object::Array(annotations));
    update.set(page_id, &Object::Dictionary(page));

    let mut form = root.get(b"AcroForm").ok().and_then(|form| update.dictionary(form)).unwrap_or_default();
    let mut fields = update.array(&form, b"Fields");
    fields.push(Object::Reference(field_id));
    form.set("Fields", Object::Array(fields));
    // There are signatures; whoever writes must append.
    form.set("SigFlags", 3);
    let form = update.add(&Object::Dictionary(form));
    root.set("AcroForm", Object::Reference(form));
    update.set(root_id, &Object::Dictionary(root));
    blank(update.finish(), pdf.len(), room).ok_or(Unfit::Unreadable)
}

/// Finds the blanks in what was added, fills in the ranges and hashes them.
fn blank(mut bytes: Vec<u8>, added: usize, room: usize) -> Option<Prepared> {
    let range_at = find(bytes.get(added..)?, RANGE_BLANK)?.checked_add(added)?;
    let contents = b" /Contents <";
    let start = range_at.checked_add(RANGE_BLANK.len())?.checked_add(contents.len())?;
    let end = start.checked_add(room.checked_mul(2)?)?;
    // The brackets belong to the gap.
    let (before, after) = (start.checked_sub(1)?, end.checked_add(1)?);
    let rest = bytes.len().checked_sub(after)?;
    let range = format!("/ByteRange [0 {before} {after} {rest}");
    let range = format!("{range:<width$}]", width = RANGE_BLANK.len().checked_sub(1)?);
    bytes.get_mut(range_at..range_at.checked_add(RANGE_BLANK.len())?)?.copy_from_slice(range.as_bytes());
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(bytes.get(..before)?);
    hash.update(bytes.get(after..)?);
    Some(Prepared { blank: start..end, digest: hash.finish().as_ref().to_vec(), bytes })
}

impl Prepared {
    /// Writes the signature into its place. `None` if it is too long for it.
    pub fn fill(mut self, signature: &[u8]) -> Option<Vec<u8>> {
        let text = hex(signature);
        let place = self.bytes.get_mut(self.blank)?.get_mut(..text.len())?;
        place.copy_from_slice(text.as_bytes());
        Some(self.bytes)
    }
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window == word)
}

/// What is found out about one signature of a PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// SHA-256 of the signer's certificate, hexadecimal; `None` if the signature is of a kind that is not read here.
    pub certificate: Option<String>,
    /// The bytes it signs are those that were signed.
    pub intact: bool,
    /// It signs the whole file: nothing was added behind.
    pub whole: bool,
    /// When the signer says it was made.
    pub signed_at: Option<Timestamp>,
    /// From a time stamp that belongs to this signature.
    pub time_stamp: Option<Told>,
}

/// Looks at every signature, in the order of the file.
pub fn check(pdf: &[u8], authorities: &Authorities) -> Vec<Found> {
    let word = b"/ByteRange";
    let mut found = Vec::new();
    let mut from = 0_usize;
    while let Some(at) = pdf.get(from..).and_then(|rest| find(rest, word)) {
        from = from.saturating_add(at).saturating_add(word.len());
        if let Some(range) = pdf.get(from..).and_then(byte_range) {
            found.push(Found { signed_at: claimed(pdf, from, range), ..check_one(pdf, range, authorities) });
        }
        if found.len() == SIGNATURES_MAX {
            break;
        }
    }
    found
}

fn byte_range(rest: &[u8]) -> Option<[usize; 4]> {
    let rest = rest.get(..rest.len().min(100))?.trim_ascii_start().strip_prefix(b"[")?;
    let end = rest.iter().position(|byte| *byte == b']')?;
    let inner = std::str::from_utf8(rest.get(..end)?).ok()?;
    let numbers: Vec<usize> = inner.split_ascii_whitespace().map_while(|part| part.parse().ok()).collect();
    numbers.try_into().ok()
}

/// The time in the signature's dictionary, which stands around `at` and around the signature itself.
fn claimed(pdf: &[u8], at: usize, [_, length, after, _]: [usize; 4]) -> Option<Timestamp> {
    let start = pdf.get(at.saturating_sub(DICTIONARY_MAX)..at)?;
    let start = start.windows(3).rposition(|word| word == b"obj").and_then(|from| start.get(from..))?;
    let before_gap = pdf.get(at..length.min(at.saturating_add(DICTIONARY_MAX))).unwrap_or_default();
    let behind = pdf.get(after..after.saturating_add(DICTIONARY_MAX).min(pdf.len())).unwrap_or_default();
    let behind = behind.get(..find(behind, b"endobj").unwrap_or(behind.len())).unwrap_or_default();
    [start, before_gap, behind].into_iter().find_map(date)
}

/// The value of `/M`: `(D:YYYYMMDDHHmmSS+HH'mm')`, or `Z` at the end.
pub(super) fn date(text: &[u8]) -> Option<Timestamp> {
    let mut rest = text;
    let value = loop {
        rest = rest.get(find(rest, b"/M")?.checked_add(2)?..)?;
        if let Some(value) = rest.trim_ascii_start().strip_prefix(b"(D:") {
            break value;
        }
    };
    let value = std::str::from_utf8(value.get(..value.iter().position(|byte| *byte == b')')?)?).ok()?;
    let (civil, zone) = value.split_at_checked(14)?;
    let civil = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", civil).ok()?;
    let zone = zone.replace('\'', "");
    let sign = match zone.as_bytes().first() {
        None | Some(b'Z') => 0,
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let part = |from: usize| zone.get(from..from.checked_add(2)?)?.parse::<i32>().ok();
    let seconds =
        (part(1).unwrap_or(0).checked_mul(60)?).checked_add(part(3).unwrap_or(0))?.checked_mul(60)?;
    let offset = jiff::tz::Offset::from_seconds(seconds.checked_mul(sign)?).ok()?;
    offset.to_timestamp(civil).ok()
}

fn check_one(pdf: &[u8], range: [usize; 4], authorities: &Authorities) -> Found {
    let nothing = Found { certificate: None, intact: false, whole: false, signed_at: None, time_stamp: None };
    let [start, length, after, rest] = range;
    let end = after.checked_add(rest);
    let whole = start == 0 && end == Some(pdf.len());
    let Some(contents) = gap(pdf, start.saturating_add(length), after) else {
        return Found { whole, ..nothing };
    };
    // What follows the signature is the rest of its place.
    let signature = Reader::new(&contents).take(SEQUENCE).map(|read| read.whole);
    let Some(signed) = signature.and_then(cms::check).filter(|signed| signed.content_type == oid::DATA)
    else {
        return Found { whole, ..nothing };
    };
    let mut hash = digest::Context::new(signed.digest_algorithm);
    let parts = [pdf.get(start..length), end.and_then(|end| pdf.get(after..end))];
    for part in parts.iter().flatten() {
        hash.update(part);
    }
    let intact = start == 0
        && parts.iter().all(Option::is_some)
        && signed.content.is_none()
        && hash.finish().as_ref() == signed.message_digest;
    let time_stamp = signed.time_stamp.and_then(|token| tsa::check(token, signed.signature, authorities));
    let certificate = Some(super::key::fingerprint(signed.certificate));
    Found { certificate, intact, whole, time_stamp, ..nothing }
}

/// The bytes of the signature: the gap holds its digits between brackets and nothing else.
fn gap(pdf: &[u8], from: usize, to: usize) -> Option<Vec<u8>> {
    let digits = pdf.get(from..to)?.strip_prefix(b"<")?.strip_suffix(b">")?;
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}
