//! What a file is, by its bytes and never by its name; and what of a name may be kept.

use unicode_normalization::UnicodeNormalization;

/// Longest file name, in characters.
pub const NAME_CHARS_MAX: usize = 120;
/// PDF readers look for the header this far.
const HEADER_WITHIN: usize = 1024;

/// Files that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    Pdf,
    Jpeg,
    Png,
    WebP,
}

/// Why a file is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAllowed {
    Heic,
    /// Two kinds in one file.
    Polyglot,
    Other,
}

impl NotAllowed {
    /// Stable word, for the field of the refusal.
    pub fn word(self) -> &'static str {
        match self {
            NotAllowed::Heic => "heic",
            NotAllowed::Polyglot => "polyglot",
            NotAllowed::Other => "unknown-type",
        }
    }
}

impl FileType {
    pub fn mime(self) -> &'static str {
        match self {
            FileType::Pdf => "application/pdf",
            FileType::Jpeg => "image/jpeg",
            FileType::Png => "image/png",
            FileType::WebP => "image/webp",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            FileType::Pdf => "pdf",
            FileType::Jpeg => "jpg",
            FileType::Png => "png",
            FileType::WebP => "webp",
        }
    }
}

/// The kind of a file.
pub fn sniff(bytes: &[u8]) -> Result<FileType, NotAllowed> {
    let kind = if bytes.starts_with(b"\xFF\xD8\xFF") {
        FileType::Jpeg
    } else if bytes.starts_with(b"\x89PNG\r\n\x1A\n") {
        FileType::Png
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        FileType::WebP
    } else if bytes.get(4..8) == Some(b"ftyp") {
        let brand = bytes.get(8..12).unwrap_or_default();
        let heic = [b"heic", b"heix", b"hevc", b"mif1", b"msf1"].iter().any(|known| *known == brand);
        return Err(if heic { NotAllowed::Heic } else { NotAllowed::Other });
    } else {
        return pdf(bytes);
    };
    // A picture is written anew, so what hangs on to it is lost; one that is a PDF as well was made to deceive.
    let head = bytes.get(..HEADER_WITHIN).unwrap_or(bytes);
    if find(head, b"%PDF-").is_some() || is_zip(bytes) {
        return Err(NotAllowed::Polyglot);
    }
    Ok(kind)
}

fn pdf(bytes: &[u8]) -> Result<FileType, NotAllowed> {
    let head = bytes.get(..HEADER_WITHIN).unwrap_or(bytes);
    let start = find(head, b"%PDF-").ok_or(NotAllowed::Other)?;
    let before = head.get(..start).unwrap_or_default();
    let before = before.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(before);
    if !before.iter().all(u8::is_ascii_whitespace) || is_zip(bytes) {
        return Err(NotAllowed::Polyglot);
    }
    let tail = bytes.get(bytes.len().saturating_sub(HEADER_WITHIN)..).unwrap_or_default();
    if find(tail, b"%%EOF").is_none() {
        return Err(NotAllowed::Other);
    }
    Ok(FileType::Pdf)
}

/// Archives are read from their end: a record whose comment reaches exactly to the end of the file.
fn is_zip(bytes: &[u8]) -> bool {
    let from = bytes.len().saturating_sub(22 + 65_535);
    let tail = bytes.get(from..).unwrap_or_default();
    tail.windows(22).enumerate().any(|(at, record)| {
        let comment = match record {
            [b'P', b'K', 5, 6, .., low, high] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => return false,
        };
        at + 22 + comment == tail.len()
    })
}

/// Where `needle` begins.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// The name to show: composed, without paths, controls, and characters that turn the direction of writing; its ending says
/// what the bytes are.
pub fn clean_name(name: &str, kind: Option<FileType>) -> String {
    let composed: String = name.nfc().collect();
    let last = composed.rsplit(['/', '\\']).next().unwrap_or_default();
    let turns = |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{061C}');
    let kept: String = last
        .chars()
        .filter(|c| !c.is_control() && !turns(*c))
        .map(|c| if "<>:\"|?*".contains(c) { '_' } else { c })
        .collect();
    let kept = kept.trim().trim_start_matches('.').trim();
    let (stem, ending) = match kind {
        None => (kept, String::new()),
        Some(kind) => {
            let ending = kept.rsplit_once('.');
            let jpeg = |e: &str| kind == FileType::Jpeg && e.eq_ignore_ascii_case("jpeg");
            match ending {
                Some((stem, end)) if end.eq_ignore_ascii_case(kind.extension()) || jpeg(end) => {
                    (stem, format!(".{end}"))
                }
                Some((stem, end))
                    if !stem.is_empty()
                        && end.len() <= 4
                        && end.chars().all(|c| c.is_ascii_alphanumeric()) =>
                {
                    (stem, format!(".{}", kind.extension()))
                }
                _ => (kept, format!(".{}", kind.extension())),
            }
        }
    };
    let stem: String = stem.chars().take(NAME_CHARS_MAX - ending.chars().count()).collect();
    let stem = if stem.trim().is_empty() { "document".to_owned() } else { stem.trim().to_owned() };
    stem + &ending
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_say_what_a_file_is() {
        assert_eq!(sniff(b"%PDF-1.7\n...\n%%EOF\n"), Ok(FileType::Pdf));
        assert_eq!(sniff(b"\xFF\xD8\xFF\xE0"), Ok(FileType::Jpeg));
        assert_eq!(sniff(b"\x89PNG\r\n\x1A\n"), Ok(FileType::Png));
        assert_eq!(sniff(b"RIFF\0\0\0\0WEBPVP8 "), Ok(FileType::WebP));
        assert_eq!(sniff(b"\0\0\0\x18ftypheic"), Err(NotAllowed::Heic));
        for other in [
            &b""[..],
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"<!DOCTYPE html><script>",
            b"PK\x03\x04word/document.xml",
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
            b"MZ\x90\0",
            b"\x7FELF",
            b"GIF89a",
            b"%PDF-1.7 cut off",
        ] {
            assert_eq!(sniff(other), Err(NotAllowed::Other), "{other:?}");
        }
    }

    #[test]
    fn two_kinds_in_one_file_are_refused() {
        assert_eq!(sniff(b"<html>%PDF-1.7\n%%EOF"), Err(NotAllowed::Polyglot));
        assert_eq!(sniff(b"MZ\x90%PDF-1.7\n%%EOF"), Err(NotAllowed::Polyglot));
        assert_eq!(sniff(b"\xFF\xD8\xFF%PDF-1.7\n%%EOF"), Err(NotAllowed::Polyglot));
        let mut zip = b"%PDF-1.7\n%%EOF".to_vec();
        zip.extend(b"PK\x05\x06");
        zip.extend([0; 16]);
        zip.extend([6, 0]);
        zip.extend(b"\n%%EOF");
        assert_eq!(sniff(&zip), Err(NotAllowed::Polyglot));
    }

    #[test]
    fn a_name_keeps_no_path_and_no_trick_and_ends_as_what_it_is() {
        let pdf = |name| clean_name(name, Some(FileType::Pdf));
        assert_eq!(pdf("../../etc/passwd"), "passwd.pdf");
        assert_eq!(pdf("C:\\scans\\Ordonnance e\u{301}te\u{301}.PDF"), "Ordonnance été.PDF");
        assert_eq!(pdf("facture\u{202E}fdp.exe"), "facturefdp.pdf");
        assert_eq!(pdf("  \0\n"), "document.pdf");
        assert_eq!(pdf("a<b>\".pdf"), "a_b__.pdf");
        assert_eq!(clean_name("photo.JPEG", Some(FileType::Jpeg)), "photo.JPEG");
        assert_eq!(clean_name("photo.webp", Some(FileType::Jpeg)), "photo.jpg");
        assert_eq!(pdf(&"x".repeat(500)).chars().count(), NAME_CHARS_MAX);
    }
}
