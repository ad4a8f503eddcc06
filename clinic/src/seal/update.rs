//! Changes of a PDF by incremental update (ISO 32000-1, 7.5.6): new objects and a cross-reference section follow the bytes
//! that are there, and those stay as they are.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId, Stream, StringFormat};

/// Largest PDF that is read, in bytes.
pub const PDF_BYTES_MAX: usize = 48 << 20;
/// Objects of a PDF that is read.
const OBJECTS_MAX: usize = 200_000;
/// Longest that a stream which holds objects may unpack to, in bytes.
const UNPACKED_MAX: usize = 64 << 20;
/// How far from the end the last cross-reference section is named, in bytes.
const TAIL_BYTES: usize = 2048;
/// Nesting of what is written.
const DEPTH_MAX: usize = 64;

/// Why a PDF is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("this is no PDF that can be read")]
    Unreadable,
    #[error("the PDF is encrypted")]
    Encrypted,
    /// A change would make the signature worthless.
    #[error("the PDF is signed already")]
    Signed,
    #[error("the PDF has no such page")]
    NoPage,
    #[error("the PDF is too large")]
    TooLarge,
}

/// A PDF with what will be added to it.
pub struct Update<'a> {
    bytes: &'a [u8],
    pub doc: Document,
    changed: BTreeMap<ObjectId, Vec<u8>>,
    next: u32,
    previous: usize,
    table: bool,
}

impl<'a> Update<'a> {
    /// Reads a PDF. Signed and encrypted ones are refused.
    pub fn open(bytes: &'a [u8]) -> Result<Update<'a>, Unfit> {
        if bytes.len() > PDF_BYTES_MAX {
            return Err(Unfit::TooLarge);
        }
        // Offsets count from here.
        if !bytes.starts_with(b"%PDF-") {
            return Err(Unfit::Unreadable);
        }
        let options = LoadOptions { max_decompressed_size: Some(UNPACKED_MAX), ..LoadOptions::default() };
        let doc = Document::load_mem_with_options(bytes, options).map_err(|_| Unfit::Unreadable)?;
        if doc.is_encrypted() || doc.trailer.has(b"Encrypt") {
            return Err(Unfit::Encrypted);
        }
        if doc.objects.len() > OBJECTS_MAX {
            return Err(Unfit::TooLarge);
        }
        if is_signed(&doc) {
            return Err(Unfit::Signed);
        }
        // What was mended while reading would have to be mended by every reader of the new file too.
        if doc.xref_recovery.is_some() {
            return Err(Unfit::Unreadable);
        }
        let previous = previous(bytes).ok_or(Unfit::Unreadable)?;
        let section = bytes.get(previous..).unwrap_or_default().trim_ascii_start();
        let table = section.starts_with(b"xref");
        if !table && !section.first().is_some_and(u8::is_ascii_digit) {
            return Err(Unfit::Unreadable);
        }
        let size = doc.trailer.get(b"Size").and_then(Object::as_i64).unwrap_or(0);
        let next = u32::try_from(size).unwrap_or(0).max(doc.max_id.saturating_add(1));
        Ok(Update { bytes, doc, changed: BTreeMap::new(), next, previous, table })
    }

    /// The dictionary that `object` is or names.
    pub fn dictionary(&self, object: &Object) -> Option<Dictionary> {
        self.doc.dereference(object).ok().and_then(|(_, object)| object.as_dict().ok()).cloned()
    }

    /// The entry of a dictionary as a list, empty if there is none.
    pub fn array(&self, dictionary: &Dictionary, key: &[u8]) -> Vec<Object> {
        let entry = dictionary.get(key).and_then(|entry| self.doc.dereference(entry));
        entry.ok().and_then(|(_, object)| object.as_array().ok()).cloned().unwrap_or_default()
    }

    /// A whole number that `object` is or names.
    pub fn integer(&self, object: &Object) -> Option<i64> {
        self.doc.dereference(object).ok().and_then(|(_, object)| object.as_i64().ok())
    }

    pub fn number(&self, object: &Object) -> Option<f64> {
        match self.doc.dereference(object).ok()?.1 {
            Object::Integer(number) => Some(f64::from(i32::try_from(*number).ok()?)),
            Object::Real(number) => Some(f64::from(*number)),
            _ => None,
        }
    }

    pub fn root(&self) -> Result<(ObjectId, Dictionary), Unfit> {
        let id =
            self.doc.trailer.get(b"Root").and_then(Object::as_reference).map_err(|_| Unfit::Unreadable)?;
        let root = self.doc.get_dictionary(id).map_err(|_| Unfit::Unreadable)?;
        Ok((id, root.clone()))
    }

    /// Page `number`, from 1.
    pub fn page(&self, number: u32) -> Result<(ObjectId, Dictionary), Unfit> {
        let id = self.doc.get_pages().get(&number).copied().ok_or(Unfit::NoPage)?;
        let page = self.doc.get_dictionary(id).map_err(|_| Unfit::Unreadable)?;
        Ok((id, page.clone()))
    }

    /// A number for an object that comes later.
    pub fn reserve(&mut self) -> ObjectId {
        let id = (self.next, 0);
        self.next = self.next.saturating_add(1);
        id
    }

    pub fn add(&mut self, object: &Object) -> ObjectId {
        let id = self.reserve();
        self.set(id, object);
        id
    }

    /// New, or in place of what has this number.
    pub fn set(&mut self, id: ObjectId, object: &Object) {
        let mut text = Vec::new();
        write(&mut text, object, 0);
        self.set_raw(id, text);
    }

    pub fn set_raw(&mut self, id: ObjectId, text: Vec<u8>) {
        self.changed.insert(id, text);
    }

    /// The new file. It starts with the old one.
    pub fn finish(mut self) -> Vec<u8> {
        let mut out = self.bytes.to_vec();
        if !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        let stream = if self.table { None } else { Some(self.reserve()) };
        let mut places: BTreeMap<ObjectId, usize> = BTreeMap::new();
        for (id, text) in &self.changed {
            places.insert(*id, out.len());
            out.extend_from_slice(format!("{} {} obj\n", id.0, id.1).as_bytes());
            out.extend_from_slice(text);
            out.extend_from_slice(b"\nendobj\n");
        }
        let start = out.len();
        let mut trailer = self.trailer(&out);
        match stream {
            None => table(&mut out, &places, &trailer),
            Some(id) => {
                places.insert(id, start);
                stream_section(&mut out, id, &places, &mut trailer);
            }
        }
        out.extend_from_slice(format!("startxref\n{start}\n%%EOF\n").as_bytes());
        out
    }

    fn trailer(&self, out: &[u8]) -> Dictionary {
        let mut trailer = Dictionary::new();
        trailer.set("Size", i64::from(self.next));
        trailer.set("Prev", i64::try_from(self.previous).unwrap_or(0));
        for key in [b"Root".as_slice(), b"Info"] {
            if let Ok(entry) = self.doc.trailer.get(key) {
                trailer.set(key, entry.clone());
            }
        }
        // The first part names the file, the second this state of it (14.4).
        let hash = digest::digest(&digest::SHA256, out);
        let state: Vec<u8> = hash.as_ref().iter().copied().take(16).collect();
        let state = Object::String(state, StringFormat::Hexadecimal);
        let first = self.array(&self.doc.trailer, b"ID").into_iter().next().unwrap_or_else(|| state.clone());
        trailer.set("ID", Object::Array(vec![first, state]));
        trailer
    }
}

/// Is anything signed in this PDF, by a field or for the rights of readers?
fn is_signed(doc: &Document) -> bool {
    doc.objects.values().any(|object| match object {
        Object::Dictionary(dictionary) => dictionary.has(b"ByteRange") || holds_signature(dictionary),
        _ => false,
    })
}

/// A signature may be written inside the field that it belongs to.
fn holds_signature(dictionary: &Dictionary) -> bool {
    matches!(dictionary.get(b"V"), Ok(Object::Dictionary(value)) if value.has(b"ByteRange"))
}

/// Where the last cross-reference section starts.
fn previous(bytes: &[u8]) -> Option<usize> {
    let tail = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..)?;
    let word = b"startxref";
    let at = tail.windows(word.len()).rposition(|window| window == word)?;
    let rest = tail.get(at.checked_add(word.len())?..)?.trim_ascii_start();
    let digits: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_digit).collect();
    let place: usize = std::str::from_utf8(&digits).ok()?.parse().ok()?;
    (place < bytes.len()).then_some(place)
}

/// Numbers in a row, as cross-reference sections list them.
fn runs(places: &BTreeMap<ObjectId, usize>) -> Vec<Vec<(ObjectId, usize)>> {
    let mut runs: Vec<Vec<(ObjectId, usize)>> = Vec::new();
    for (id, place) in places {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|(last, _)| last.0.checked_add(1) == Some(id.0)) => {
                run.push((*id, *place));
            }
            _ => runs.push(vec![(*id, *place)]),
        }
    }
    runs
}

fn table(out: &mut Vec<u8>, places: &BTreeMap<ObjectId, usize>, trailer: &Dictionary) {
    out.extend_from_slice(b"xref\n");
    for run in runs(places) {
        let first = run.first().map_or(0, |(id, _)| id.0);
        out.extend_from_slice(format!("{first} {}\n", run.len()).as_bytes());
        for (id, place) in run {
            out.extend_from_slice(format!("{place:010} {:05} n\r\n", id.1).as_bytes());
        }
    }
    out.extend_from_slice(b"trailer\n");
    write(out, &Object::Dictionary(trailer.clone()), 0);
    out.push(b'\n');
}

fn stream_section(
    out: &mut Vec<u8>,
    id: ObjectId,
    places: &BTreeMap<ObjectId, usize>,
    trailer: &mut Dictionary,
) {
    let mut index = Vec::new();
    let mut rows = Vec::new();
    for run in runs(places) {
        index.push(Object::Integer(run.first().map_or(0, |(id, _)| i64::from(id.0))));
        index.push(Object::Integer(i64::try_from(run.len()).unwrap_or(0)));
        for (id, place) in run {
            rows.push(1);
            // Files have at most `PDF_BYTES_MAX` and what is added.
            rows.extend_from_slice(&u32::try_from(place).unwrap_or(u32::MAX).to_be_bytes());
            rows.extend_from_slice(&id.1.to_be_bytes());
        }
    }
    trailer.set("Type", Object::Name(b"XRef".to_vec()));
    trailer.set("W", Object::Array(vec![1.into(), 4.into(), 2.into()]));
    trailer.set("Index", Object::Array(index));
    out.extend_from_slice(format!("{} {} obj\n", id.0, id.1).as_bytes());
    write(out, &Object::Stream(Stream::new(trailer.clone(), rows)), 0);
    out.extend_from_slice(b"\nendobj\n");
}

/// A text string that every reader understands: UTF-16 with its mark.
pub fn text(words: &str) -> Object {
    let mut bytes = vec![0xfe, 0xff];
    bytes.extend(words.encode_utf16().flat_map(u16::to_be_bytes));
    Object::String(bytes, StringFormat::Hexadecimal)
}

fn name(out: &mut Vec<u8>, name: &[u8]) {
    out.push(b'/');
    for byte in name {
        if byte.is_ascii_graphic() && !b"#()<>[]{}/%".contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("#{byte:02X}").as_bytes());
        }
    }
}

fn dictionary(out: &mut Vec<u8>, entries: &Dictionary, depth: usize) {
    out.extend_from_slice(b"<<");
    for (key, value) in entries {
        name(out, key);
        out.push(b' ');
        write(out, value, depth.saturating_add(1));
    }
    out.extend_from_slice(b">>");
}

/// The object as it stands in a file. Readers refuse what is deeper than `DEPTH_MAX`; it is cut here.
pub(super) fn write(out: &mut Vec<u8>, object: &Object, depth: usize) {
    if depth > DEPTH_MAX {
        out.extend_from_slice(b"null");
        return;
    }
    match object {
        Object::Null => out.extend_from_slice(b"null"),
        Object::Boolean(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Object::Integer(value) => out.extend_from_slice(value.to_string().as_bytes()),
        // Rust never writes an exponent here, which PDF does not know.
        Object::Real(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Object::Name(value) => name(out, value),
        Object::String(value, _) => {
            out.push(b'<');
            out.extend_from_slice(crate::crypto::secret::hex(value).as_bytes());
            out.push(b'>');
        }
        Object::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                write(out, item, depth.saturating_add(1));
            }
            out.push(b']');
        }
        Object::Dictionary(entries) => dictionary(out, entries, depth),
        Object::Stream(stream) => {
            let mut entries = stream.dict.clone();
            entries.set("Length", i64::try_from(stream.content.len()).unwrap_or(0));
            dictionary(out, &entries, depth);
            out.extend_from_slice(b"\nstream\n");
            out.extend_from_slice(&stream.content);
            out.extend_from_slice(b"\nendstream");
        }
        Object::Reference(id) => out.extend_from_slice(format!("{} {} R", id.0, id.1).as_bytes()),
    }
}
