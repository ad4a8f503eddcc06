//! A picture on a page, such as a signature that was drawn: what is on the page stays as it is, and so do the file's bytes.
//!
//! The picture is content of the page and not an annotation: it is printed, and readers cannot switch it off. Where the
//! document is tagged it becomes a figure with a text; elsewhere the text stands beside it.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use lopdf::{Dictionary, Document, Object, Stream};

use super::structure;
use super::update::{Unfit, Update, text};

/// Nodes between a page and the root of the page tree.
const PARENTS_MAX: usize = 64;
/// Content of a page that is read for its balance, in bytes.
const CONTENT_MAX: usize = 64 << 20;
/// Most brackets of graphics states that a page may leave open.
const OPEN_MAX: usize = 1000;
/// A4 would be kinder; this is what readers take for a page without a size.
const LETTER: [f64; 4] = [0.0, 0.0, 612.0, 792.0];

/// Parts of the page as it is shown, from its top left corner: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A picture, pixel by pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    pub width: u32,
    pub height: u32,
    /// Red, green, blue, opacity.
    pub rgba: Vec<u8>,
    /// What people hear who do not see it.
    pub alt: String,
}

/// Puts `drawing` onto page `number` (from 1; the last without one), as large as fits into `area` and in the middle of it.
pub fn stamp(pdf: &[u8], drawing: &Drawing, number: Option<u32>, area: Area) -> Result<Vec<u8>, Unfit> {
    let mut update = Update::open(pdf)?;
    let pages = update.doc.get_pages();
    let number = number.or_else(|| pages.keys().next_back().copied()).ok_or(Unfit::NoPage)?;
    let (page_id, mut page) = update.page(number)?;
    let view = View::of(&update, &page)?;
    let (matrix, bounds) = view.place(area, f64::from(drawing.width), f64::from(drawing.height));

    let mut resources = inherited(&update, &page, b"Resources")
        .and_then(|resources| update.dictionary(&resources))
        .unwrap_or_default();
    let mut pictures =
        resources.get(b"XObject").ok().and_then(|entry| update.dictionary(entry)).unwrap_or_default();
    let picture = picture(&mut update, drawing);
    let name = free_name(&pictures);
    pictures.set(name.as_bytes(), Object::Reference(picture));
    resources.set("XObject", Object::Dictionary(pictures));
    page.set("Resources", Object::Dictionary(resources));

    let alt = text(&drawing.alt);
    let tag = match structure::figure(&mut update, page_id, &mut page, alt.clone(), bounds) {
        Some(mark) => format!("/Figure <</MCID {mark}>>"),
        None => {
            let mut beside = Dictionary::new();
            beside.set("Alt", alt);
            let mut written = b"/Span ".to_vec();
            super::update::write(&mut written, &Object::Dictionary(beside), 0);
            String::from_utf8_lossy(&written).into_owned()
        }
    };
    let contents = contents(&update, &page);
    let open = left_open(&update, &contents).saturating_add(1);
    let matrix = matrix.map(number_text).join(" ");
    let before = update.add(&Object::Stream(Stream::new(Dictionary::new(), b"q\n".to_vec())));
    let after = format!("\n{}{tag} BDC\nq {matrix} cm /{name} Do Q\nEMC\n", "Q\n".repeat(open));
    let after = update.add(&Object::Stream(Stream::new(Dictionary::new(), after.into_bytes())));
    let mut all = vec![Object::Reference(before)];
    all.extend(contents);
    all.push(Object::Reference(after));
    page.set("Contents", Object::Array(all));
    update.set(page_id, &Object::Dictionary(page));

    let stamped = update.finish();
    // Whoever reads the new file finds the same pages and the picture on its page, or nobody gets it.
    let again = Document::load_mem(&stamped).map_err(|_| Unfit::Unreadable)?;
    let there = again.get_object(picture).and_then(Object::as_stream).is_ok();
    if !there || again.get_pages() != pages || again.xref_recovery.is_some() {
        return Err(Unfit::Unreadable);
    }
    Ok(stamped)
}

/// An entry of the page, or of whatever it inherits from.
fn inherited(update: &Update<'_>, page: &Dictionary, key: &[u8]) -> Option<Object> {
    let mut node = page.clone();
    for _ in 0..PARENTS_MAX {
        if let Ok(entry) = node.get(key) {
            return Some(entry.clone());
        }
        node = update.dictionary(node.get(b"Parent").ok()?)?;
    }
    None
}

/// What of a page is shown, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
struct View {
    /// Left, bottom, right, top, in the units of the page.
    shown: [f64; 4],
    /// Quarters of a turn, clockwise.
    turns: i64,
}

impl View {
    fn of(update: &Update<'_>, page: &Dictionary) -> Result<View, Unfit> {
        let rectangle = |key: &[u8]| rectangle(update, &inherited(update, page, key)?);
        let paper = rectangle(b"MediaBox").unwrap_or(LETTER);
        let crop = rectangle(b"CropBox").unwrap_or(paper);
        let shown =
            [crop[0].max(paper[0]), crop[1].max(paper[1]), crop[2].min(paper[2]), crop[3].min(paper[3])];
        if shown[2] - shown[0] < 1.0 || shown[3] - shown[1] < 1.0 {
            return Err(Unfit::Unreadable);
        }
        let degrees = inherited(update, page, b"Rotate");
        let degrees = degrees.and_then(|entry| update.integer(&entry)).unwrap_or(0);
        Ok(View { shown, turns: degrees.div_euclid(90).rem_euclid(4) })
    }

    /// The matrix that puts the unit square of a picture of this size into the area, and its bounds on the page.
    fn place(&self, area: Area, width: f64, height: f64) -> ([f64; 6], [f64; 4]) {
        let [left, bottom, right, top] = self.shown;
        let (w, h) = (right - left, top - bottom);
        let upright = self.turns % 2 == 0;
        let (shown_w, shown_h) = if upright { (w, h) } else { (h, w) };
        let (room_w, room_h) = (area.width * shown_w, area.height * shown_h);
        let scale = (room_w / width).min(room_h / height);
        let (dw, dh) = (width * scale, height * scale);
        // As it is shown, from the bottom left corner.
        let u = area.x * shown_w + (room_w - dw) / 2.0;
        let v = shown_h - area.y * shown_h - room_h + (room_h - dh) / 2.0;
        // From there to the page.
        let [a, b, c, d, e, f] = match self.turns {
            1 => [0.0, 1.0, -1.0, 0.0, right, bottom],
            2 => [-1.0, 0.0, 0.0, -1.0, right, top],
            3 => [0.0, -1.0, 1.0, 0.0, left, top],
            _ => [1.0, 0.0, 0.0, 1.0, left, bottom],
        };
        let matrix = [a * dw, b * dw, c * dh, d * dh, a * u + c * v + e, b * u + d * v + f];
        let (x, y) = (matrix[4], matrix[5]);
        let (x2, y2) = (x + matrix[0] + matrix[2], y + matrix[1] + matrix[3]);
        (matrix, [x.min(x2), y.min(y2), x.max(x2), y.max(y2)])
    }
}

/// Left, bottom, right, top, whichever corners are named.
fn rectangle(update: &Update<'_>, object: &Object) -> Option<[f64; 4]> {
    let (_, object) = update.doc.dereference(object).ok()?;
    let sides: Vec<f64> = object.as_array().ok()?.iter().map_while(|side| update.number(side)).collect();
    let [a, b, c, d] = <[f64; 4]>::try_from(sides).ok()?;
    // Larger pages than any reader shows are a mistake or worse.
    let sane = [a, b, c, d].iter().all(|side| side.is_finite() && side.abs() < 1e6);
    sane.then(|| [a.min(c), b.min(d), a.max(c), b.max(d)])
}

/// Without exponent, and no longer than it needs to be.
pub(super) fn number_text(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    // Into memory: nothing to fail.
    let _ = zlib.write_all(bytes);
    zlib.finish().unwrap_or_default()
}

/// The picture, with a mask for what is not opaque.
fn picture(update: &mut Update<'_>, drawing: &Drawing) -> lopdf::ObjectId {
    let image = |space: &[u8], samples: &[u8]| {
        let mut entries = Dictionary::new();
        entries.set("Type", Object::Name(b"XObject".to_vec()));
        entries.set("Subtype", Object::Name(b"Image".to_vec()));
        entries.set("Width", i64::from(drawing.width));
        entries.set("Height", i64::from(drawing.height));
        entries.set("ColorSpace", Object::Name(space.to_vec()));
        entries.set("BitsPerComponent", 8);
        entries.set("Filter", Object::Name(b"FlateDecode".to_vec()));
        Stream::new(entries, packed(samples))
    };
    let pixels = || drawing.rgba.chunks_exact(4);
    let color: Vec<u8> = pixels().flat_map(|pixel| pixel.iter().copied().take(3)).collect();
    let opacity: Vec<u8> = pixels().filter_map(|pixel| pixel.last().copied()).collect();
    let mut picture = image(b"DeviceRGB", &color);
    if opacity.iter().any(|value| *value != u8::MAX) {
        let mask = update.add(&Object::Stream(image(b"DeviceGray", &opacity)));
        picture.dict.set("SMask", Object::Reference(mask));
    }
    update.add(&Object::Stream(picture))
}

/// A name that no picture of the page has.
fn free_name(pictures: &Dictionary) -> String {
    let mut name = "Stamp".to_owned();
    let mut count = 0_u32;
    while pictures.has(name.as_bytes()) {
        count = count.saturating_add(1);
        name = format!("Stamp{count}");
    }
    name
}

/// The streams of a page.
fn contents(update: &Update<'_>, page: &Dictionary) -> Vec<Object> {
    let Ok(entry) = page.get(b"Contents") else { return Vec::new() };
    match update.doc.dereference(entry) {
        Ok((_, Object::Array(streams))) => streams.clone(),
        Ok((Some(_), Object::Stream(_))) => vec![entry.clone()],
        _ => Vec::new(),
    }
}

/// How many graphics states the content leaves saved. What cannot be read counts as balanced.
fn left_open(update: &Update<'_>, contents: &[Object]) -> usize {
    let mut all = Vec::new();
    for part in contents {
        let Ok((_, Object::Stream(stream))) = update.doc.dereference(part) else { continue };
        let room = CONTENT_MAX.saturating_sub(all.len());
        let Ok(plain) = stream.decompressed_content_with_limit(room) else { return 0 };
        all.extend_from_slice(&plain);
        all.push(b'\n');
    }
    open_states(&all).min(OPEN_MAX)
}

/// Counts `q` against `Q`, outside of texts, comments and pictures in the content.
fn open_states(content: &[u8]) -> usize {
    let mut rest = content;
    let mut open = 0_usize;
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b'(' => behind_text(after),
            b'%' => behind(after, |byte| matches!(byte, b'\n' | b'\r')),
            b'/' => {
                let end = after.iter().position(|byte| !is_regular(*byte)).unwrap_or(after.len());
                after.get(end..).unwrap_or_default()
            }
            byte if is_regular(byte) => {
                let end = rest.iter().position(|byte| !is_regular(*byte)).unwrap_or(rest.len());
                let (word, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                match word {
                    b"q" => open = open.saturating_add(1),
                    b"Q" => open = open.saturating_sub(1),
                    _ => {}
                }
                if word == b"ID" { behind_picture(after) } else { after }
            }
            _ => after,
        };
    }
    open
}

fn is_regular(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && byte != 0 && !b"()<>[]{}/%".contains(&byte)
}

fn behind(rest: &[u8], ends: impl Fn(u8) -> bool) -> &[u8] {
    let end = rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len());
    rest.get(end..).unwrap_or_default()
}

fn behind_text(mut rest: &[u8]) -> &[u8] {
    let mut depth = 1_usize;
    while depth > 0 {
        let Some((&first, after)) = rest.split_first() else { return &[] };
        rest = after;
        match first {
            b'\\' => rest = after.get(1..).unwrap_or_default(),
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    rest
}

/// To behind the `EI` that ends the samples of a picture in the content.
fn behind_picture(rest: &[u8]) -> &[u8] {
    let end = rest.windows(4).position(|window| {
        matches!(window, [before, b'E', b'I', after]
            if before.is_ascii_whitespace() && after.is_ascii_whitespace())
    });
    end.and_then(|end| rest.get(end.saturating_add(3)..)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
