//! What is inside a PDF: pages, signatures, and whether it would do something when it is opened.
//!
//! No PDF is ever written anew, so a signed one keeps its bytes. The search follows no table of contents, which could lie:
//! it looks at every object, at every name in the file (also ones with `#61` in place of a letter), and into every compressed
//! stream, within limits.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::sniff::find;

/// Most pages.
pub const PAGES_MAX: usize = 60;
/// Most bytes that all compressed streams of a file may grow to.
const UNPACKED_MAX: u64 = 256 << 20;
/// Most bytes of a stream that holds objects; each counts eightfold, for objects are kept.
const OBJECTS_MAX: usize = 16 << 20;
/// Most streams, and actions at opening, that are looked at.
const STREAMS_MAX: usize = 10_000;
const ACTIONS_MAX: usize = 100;
/// Longest description of a stream, in bytes.
const DICTIONARY_MAX: usize = 16 << 10;
/// Names that make a file act, hide another or be unreadable. Long enough not to appear in compressed bytes by chance.
const ACTIVE: [&[u8]; 6] =
    [b"Launch", b"JavaScript", b"EmbeddedFile", b"EmbeddedFiles", b"RichMedia", b"Encrypt"];

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub pages: usize,
    pub signed: bool,
    /// It would act, holds other files, is encrypted, or grows beyond what can be looked at.
    pub active: bool,
}

/// Looks through a PDF. Takes up to a second for the largest.
pub fn inspect(bytes: &[u8]) -> Findings {
    let mut findings = Findings::default();
    let mut objects = plain_objects(bytes);
    let mut packed = Vec::new();
    let mut left = UNPACKED_MAX;
    findings.active |= has_active_name(bytes);
    let mut streams = 0;
    for (at, _) in bytes.windows(6).enumerate().filter(|(_, window)| *window == b"stream") {
        let before = bytes.get(..at).unwrap_or_default();
        if before.ends_with(b"end") {
            continue;
        }
        let after = bytes.get(at + 6..).unwrap_or_default();
        let data = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n"));
        let data = data.or_else(|| after.strip_prefix(b"\r"));
        let Some(data) = data else { continue };
        streams += 1;
        let near = before.get(at.saturating_sub(DICTIONARY_MAX)..).unwrap_or_default();
        let from = near.windows(3).rposition(|window| window == b"obj").filter(|_| streams <= STREAMS_MAX);
        let Some(from) = from else {
            findings.active = true;
            continue;
        };
        let dictionary = near.get(from..).unwrap_or_default();
        match unpack(dictionary, data, &mut left) {
            Unpacked::Objects(plain) => packed.push((dictionary, plain)),
            Unpacked::Content { active } => findings.active |= active,
            Unpacked::Suspect => findings.active = true,
        }
    }
    for (dictionary, plain) in &packed {
        findings.active |= has_active_name(plain);
        match packed_objects(dictionary, plain) {
            Some(found) => objects.extend(found),
            None => findings.active = true,
        }
    }
    let pages: BTreeSet<u64> = objects.iter().filter(|o| is_page(&o.text)).map(|o| o.number).collect();
    findings.pages = pages.len();
    findings.signed = objects.iter().any(|o| has_name(&o.text, b"ByteRange"));
    findings.active |= objects.iter().any(|object| has_name(&object.text, b"JS"));
    let texts = packed.iter().map(|(_, plain)| plain.as_slice()).chain([bytes]);
    findings.active |= texts.into_iter().any(|text| !opens_quietly(text, &objects));
    findings
}

struct Object<'a> {
    number: u64,
    /// Without the bytes of its stream.
    text: Cow<'a, [u8]>,
}

/// Objects that stand in the file as they are.
fn plain_objects(bytes: &[u8]) -> Vec<Object<'_>> {
    let starts: Vec<usize> = bytes
        .windows(3)
        .enumerate()
        .filter(|(at, window)| *window == b"obj" && !bytes.get(..*at).unwrap_or_default().ends_with(b"end"))
        .map(|(at, _)| at)
        .collect();
    let mut objects = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(bytes.len());
        let text = bytes.get(start + 3..end).unwrap_or_default();
        let text = text.get(..find(text, b"stream").unwrap_or(text.len())).unwrap_or_default();
        let head = bytes.get(start.saturating_sub(30)..*start).unwrap_or_default();
        let mut words = head.split(u8::is_ascii_whitespace).rev().filter(|word| !word.is_empty());
        let _generation = words.next();
        let number = words.next().and_then(number).unwrap_or(u64::MAX);
        objects.push(Object { number, text: Cow::Borrowed(text) });
    }
    objects
}

/// Digits at the end of a word: `endobj12` has none in front that count.
fn number(word: &[u8]) -> Option<u64> {
    let digits = word.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    std::str::from_utf8(word.get(digits..)?).ok()?.parse().ok()
}

/// Objects of an object stream: pairs of number and place, then the objects.
fn packed_objects<'a>(dictionary: &[u8], plain: &'a [u8]) -> Option<Vec<Object<'a>>> {
    let first = usize::try_from(value(dictionary, b"First")?).ok()?;
    let mut numbers = plain.get(..first)?.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut places = Vec::new();
    while let (Some(id), Some(place)) = (numbers.next(), numbers.next()) {
        places.push((number(id)?, first.checked_add(usize::try_from(number(place)?).ok()?)?));
    }
    let ends = places.iter().skip(1).map(|(_, at)| *at).chain([plain.len()]).collect::<Vec<_>>();
    let object = |((number, from), to): (&(u64, usize), usize)| {
        Some(Object { number: *number, text: Cow::Borrowed(plain.get(*from..to)?) })
    };
    places.iter().zip(ends).map(object).collect()
}

enum Unpacked {
    Objects(Vec<u8>),
    Content {
        active: bool,
    },
    /// Holds objects in a way that cannot be looked into, or too much.
    Suspect,
}

fn unpack(dictionary: &[u8], data: &[u8], left: &mut u64) -> Unpacked {
    let holds_objects =
        has_name(dictionary, b"ObjStm") || (has_name(dictionary, b"First") && has_name(dictionary, b"N"));
    let flate = has_name(dictionary, b"FlateDecode") || has_name(dictionary, b"Fl");
    let others = [
        &b"LZWDecode"[..],
        b"LZW",
        b"ASCIIHexDecode",
        b"AHx",
        b"ASCII85Decode",
        b"A85",
        b"RunLengthDecode",
        b"RL",
    ];
    let mixed = others.iter().any(|name| has_name(dictionary, name)) || has_name(dictionary, b"DecodeParms");
    if holds_objects {
        if mixed {
            return Unpacked::Suspect;
        }
        let mut plain = Vec::new();
        if flate {
            let limit = (*left).min(OBJECTS_MAX as u64);
            // What a broken stream gives until it breaks is what readers see of it.
            let _ = ZlibDecoder::new(data).take(limit).read_to_end(&mut plain);
        } else {
            let end = find(data, b"endstream").unwrap_or(data.len());
            plain.extend_from_slice(data.get(..end.min(OBJECTS_MAX)).unwrap_or_default());
        }
        if plain.len() >= OBJECTS_MAX {
            return Unpacked::Suspect;
        }
        *left = left.saturating_sub(plain.len() as u64 * 8);
        return if *left == 0 { Unpacked::Suspect } else { Unpacked::Objects(plain) };
    }
    if !flate {
        return Unpacked::Content { active: false };
    }
    // Streams that say they are something else are looked through as well, a piece at a time.
    let mut reader = ZlibDecoder::new(data);
    let (mut piece, mut kept) = (vec![0; 64 << 10], Vec::new());
    loop {
        let Ok(count) = reader.read(&mut piece) else { return Unpacked::Content { active: false } };
        if count == 0 {
            return Unpacked::Content { active: false };
        }
        *left = left.saturating_sub(count as u64);
        if *left == 0 {
            return Unpacked::Suspect;
        }
        kept.extend_from_slice(piece.get(..count).unwrap_or_default());
        if has_active_name(&kept) {
            return Unpacked::Content { active: true };
        }
        // A name may be cut in two; written in full escapes it is three times as long.
        let cut = kept.len().saturating_sub(64);
        kept.drain(..cut);
    }
}

/// All names of a text, with their escapes resolved.
fn names(text: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, &[u8])> + Clone {
    let starts = text.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
    starts.map(|start| {
        let rest = text.get(start..).unwrap_or_default();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"()<>[]{}/%\0".contains(byte);
        let end = rest.iter().take(128).position(ends).unwrap_or(rest.len().min(128));
        let (raw, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        (unescape(raw), after)
    })
}

fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'#') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((first, after)) = rest.split_first() {
        let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match (*first, digit(after.first()), digit(after.get(1))) {
            (b'#', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(out)
}

fn has_name(text: &[u8], wanted: &[u8]) -> bool {
    names(text).any(|(name, _)| *name == *wanted)
}

fn has_active_name(text: &[u8]) -> bool {
    names(text).any(|(name, _)| ACTIVE.iter().any(|active| *name == **active))
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

/// The number after a name.
fn value(text: &[u8], wanted: &[u8]) -> Option<u64> {
    let (_, after) = names(text).find(|(name, _)| **name == *wanted)?;
    let after = trimmed(after);
    let end = after.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
    std::str::from_utf8(after.get(..end)?).ok()?.parse().ok()
}

fn is_page(text: &[u8]) -> bool {
    let mut after_type = names(text).filter(|(name, _)| **name == *b"Type").map(|(_, after)| trimmed(after));
    after_type.any(|after| {
        names(after).next().is_some_and(|(name, _)| *name == *b"Page" && after.starts_with(b"/"))
    })
}

/// A file may open at a page; it may not do anything else when it opens.
fn opens_quietly(text: &[u8], objects: &[Object<'_>]) -> bool {
    let mut actions =
        names(text).filter(|(name, _)| **name == *b"OpenAction").map(|(_, after)| trimmed(after));
    if actions.clone().nth(ACTIONS_MAX).is_some() {
        return false;
    }
    actions.all(|action| {
        let end = action.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or_default();
        if end == 0 {
            return is_quiet(action);
        }
        let wanted = action.get(..end).and_then(number);
        let mut found = objects.iter().filter(|object| Some(object.number) == wanted).peekable();
        found.peek().is_some() && found.all(|object| is_quiet(trimmed(&object.text)))
    })
}

/// A place in the file, or an action that goes to one and to nothing after it.
fn is_quiet(action: &[u8]) -> bool {
    let body = action.get(..find(action, b">>").unwrap_or(action.len())).unwrap_or_default();
    action.starts_with(b"[")
        || (action.starts_with(b"<<") && has_name(body, b"GoTo") && !has_name(body, b"Next"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    /// A PDF of one page, with more in its catalogue and more objects.
    pub fn pdf(catalogue: &str, more: &[u8]) -> Vec<u8> {
        let mut out = format!("%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R {catalogue} >>\nendobj\n")
            .into_bytes();
        out.extend(b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n");
        out.extend(b"3 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\n");
        out.extend(more);
        out.extend(b"\ntrailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n");
        out
    }

    /// `text` as object 9 in a compressed object stream.
    pub fn packed(text: &str) -> Vec<u8> {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(format!("9 0 {text}").as_bytes()).unwrap();
        let data = zlib.finish().unwrap();
        let mut out = format!(
            "8 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length {} >>\nstream\n",
            data.len()
        )
        .into_bytes();
        out.extend(data);
        out.extend(b"\nendstream\nendobj\n");
        out
    }

    #[test]
    fn a_plain_file_is_quiet_wherever_it_opens() {
        for catalogue in [
            "",
            "/OpenAction [3 0 R /Fit]",
            "/OpenAction << /S /GoTo /D [3 0 R /Fit] >>",
            "/OpenAction 9 0 R",
        ] {
            let found = inspect(&pdf(catalogue, &packed("<< /S /GoTo /D [3 0 R /Fit] >>")));
            assert_eq!(found, Findings { pages: 1, signed: false, active: false }, "{catalogue}");
        }
    }

    #[test]
    fn what_acts_is_found_also_escaped_and_inside_compressed_objects() {
        for action in [
            "<< /S /JavaScript /JS (app.alert\\(1\\)) >>",
            "<< /S /J#61vaScript >>",
            "<< /S /Launch /F (cmd.exe) >>",
            "<< /Type /EmbeddedFile >>",
            "<< /Subtype /RichMedia >>",
            "<< /S /Rendition /JS 4 0 R >>",
        ] {
            assert!(inspect(&pdf(&format!("/A {action}"), b"")).active, "{action}");
            assert!(inspect(&pdf("", &packed(action))).active, "packed {action}");
        }
        for catalogue in
            ["/OpenAction << /S /URI /URI (http://x) >>", "/OpenAction 9 0 R", "/OpenAction 77 0 R"]
        {
            assert!(inspect(&pdf(catalogue, &packed("<< /S /SubmitForm >>"))).active, "{catalogue}");
        }
        assert!(inspect(&pdf("", b"trailer << /Encrypt 5 0 R >>")).active);
    }

    #[test]
    fn a_signature_and_the_pages_are_counted() {
        let signed = pdf("", b"7 0 obj\n<< /Type /Sig /ByteRange [0 10 20 30] >>\nendobj\n");
        assert!(inspect(&signed).signed);
        let many: String = (100..161).map(|n| format!("{n} 0 obj\n<< /Type /Page >>\nendobj\n")).collect();
        assert_eq!(inspect(&pdf("", many.as_bytes())).pages, 62);
    }

    #[test]
    fn a_stream_that_grows_without_end_is_no_reading_without_end() {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![0; 1 << 20];
        for _ in 0..=(UNPACKED_MAX >> 20) {
            zlib.write_all(&zeros).unwrap();
        }
        let mut bomb = b"5 0 obj\n<< /Filter /FlateDecode >>\nstream\n".to_vec();
        bomb.extend(zlib.finish().unwrap());
        assert!(inspect(&pdf("", &bomb)).active);
    }
}
