//! Letters: the shipped font, shaping, line breaking, and what the font has no letter for.

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Feature, UnicodeBuffer, ttf_parser};

static REGULAR: &[u8] = include_bytes!("../../assets/fonts/AtkinsonHyperlegibleNext-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../assets/fonts/AtkinsonHyperlegibleNext-Bold.ttf");

/// A weight of the font, ready to measure and to draw with.
pub(super) struct Face {
    pub font: Font,
    shaper: rustybuzz::Face<'static>,
    units: f32,
}

/// Shaped text; lengths in parts of the font size.
pub(super) struct Shaped {
    pub glyphs: Vec<KrillaGlyph>,
    pub width: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

static FACES: LazyLock<Option<[Face; 2]>> = LazyLock::new(|| Some([Face::load(REGULAR)?, Face::load(BOLD)?]));

/// `None` only if the font in the tree is broken, which the tests would see.
pub(super) fn face(weight: Weight) -> Option<&'static Face> {
    let [regular, bold] = FACES.as_ref()?;
    Some(match weight {
        Weight::Regular => regular,
        Weight::Bold => bold,
    })
}

impl Face {
    fn load(bytes: &'static [u8]) -> Option<Face> {
        let shaper = rustybuzz::Face::from_slice(bytes, 0)?;
        let font = Font::new(bytes.into(), 0)?;
        Some(Face { units: font.units_per_em(), font, shaper })
    }

    fn has(&self, c: char) -> bool {
        self.shaper.glyph_index(c).is_some()
    }

    /// With kerning, without ligatures: each letter stays one, for whoever copies or searches the text.
    pub fn shape(&self, text: &str) -> Shaped {
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(Direction::LeftToRight);
        let off = |tag: &[u8; 4]| Feature::new(ttf_parser::Tag::from_bytes(tag), 0, ..);
        let output = rustybuzz::shape(&self.shaper, &[off(b"liga"), off(b"dlig"), off(b"clig")], buffer);
        let (infos, positions) = (output.glyph_infos(), output.glyph_positions());
        let mut glyphs = Vec::with_capacity(infos.len());
        let mut width = 0.0;
        for (at, (info, position)) in infos.iter().zip(positions).enumerate() {
            let start = usize::try_from(info.cluster).unwrap_or(text.len());
            let next = infos.iter().skip(at).find(|other| other.cluster != info.cluster);
            let end = next.map_or(text.len(), |other| usize::try_from(other.cluster).unwrap_or(text.len()));
            let em = |value: i32| f32::from(i16::try_from(value).unwrap_or(i16::MAX)) / self.units;
            width += em(position.x_advance);
            glyphs.push(KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                em(position.x_advance),
                em(position.x_offset),
                em(position.y_offset),
                em(position.y_advance),
                start..end,
                None,
            ));
        }
        Shaped { glyphs, width }
    }

    pub fn width(&self, text: &str, size: f32) -> f32 {
        self.shape(text).width * size
    }
}

/// What can be set of a text, with nothing lost in silence: marks that the font lacks are written in other words, unknown
/// letters as their code points. Control characters go, except for the ends of lines.
pub(super) fn settable(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let Some(face) = face(Weight::Regular) else { return String::new() };
    let mut out = String::with_capacity(text.len());
    let mut unknown = Vec::new();
    for c in text.nfc() {
        if face.has(c) && !c.is_control() {
            flush(&mut unknown, &mut out);
            out.push(c);
            continue;
        }
        let instead = match c {
            '\n' => "\n",
            '\t' => " ",
            // Spaces: narrow and figure spaces that do not break, then those that do.
            '\u{202f}' | '\u{2007}' => "\u{a0}",
            '\u{2000}'..='\u{200a}' => " ",
            '\u{2010}' | '\u{2011}' | '\u{2012}' | '\u{2212}' => "-",
            'µ' => "u",
            '→' => "->",
            '←' => "<-",
            '☐' => "[ ]",
            '☑' | '☒' | '✓' | '✔' => "[x]",
            '№' => "No",
            // Marks without a shape: soft hyphen, joiners, directions, variation selectors, byte order mark.
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => "",
            '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => "",
            c if c.is_control() => "",
            c => {
                unknown.push(c);
                continue;
            }
        };
        flush(&mut unknown, &mut out);
        out.push_str(instead);
    }
    flush(&mut unknown, &mut out);
    out
}

fn flush(unknown: &mut Vec<char>, out: &mut String) {
    if !unknown.is_empty() {
        let codes: Vec<String> = unknown.drain(..).map(|c| format!("U+{:04X}", u32::from(c))).collect();
        out.push_str(&format!("[{}]", codes.join(" ")));
    }
}

/// Breaks one paragraph (no line ends in it) into lines not wider than `width`. A line that goes on keeps its last space,
/// so that words stay parted when the text is read or copied; a word without a space where it was cut has none.
pub(super) fn lines(text: &str, face: &Face, size: f32, width: f32) -> Vec<String> {
    // Who wants lines of the text's own splits them before: no font has a sign for their end.
    let text = text.replace('\n', " ");
    let mut lines = Vec::new();
    let mut line = String::new();
    let fits = |text: &str| face.width(text.trim_end_matches(' '), size) <= width;
    for word in text.split_inclusive(' ') {
        let longer = format!("{line}{word}");
        if fits(&longer) {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        let mut rest = word;
        while !fits(rest) {
            let cut = cut(rest, &fits);
            let Some((head, tail)) = rest.split_at_checked(cut).filter(|(head, _)| !head.is_empty()) else {
                break;
            };
            lines.push(head.to_owned());
            rest = tail;
        }
        line = rest.to_owned();
    }
    if !line.trim().is_empty() || lines.is_empty() {
        lines.push(line);
    }
    if let Some(last) = lines.last_mut() {
        last.truncate(last.trim_end_matches(' ').len());
    }
    lines
}

/// Where a word that is wider than a line is cut: behind the last mark that fits, else behind the last letter that fits.
fn cut(word: &str, fits: &dyn Fn(&str) -> bool) -> usize {
    let is_mark = |at: usize| {
        let next = word.get(at..).and_then(|rest| rest.chars().next());
        next.is_some_and(unicode_normalization::char::is_combining_mark)
    };
    let ends = word.char_indices().map(|(at, c)| (at + c.len_utf8(), c)).filter(|(end, _)| !is_mark(*end));
    let mut letter = 0;
    let mut mark = 0;
    for (end, c) in ends {
        // One letter at least, however narrow the line: every cut gets on.
        if letter > 0 && !word.get(..end).is_some_and(fits) {
            break;
        }
        letter = end;
        if "-/@._,;:".contains(c) {
            mark = end;
        }
    }
    if mark * 2 > letter { mark } else { letter }
}
