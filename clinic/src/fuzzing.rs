//! The readers of files that people send, as functions of bytes, with what must hold whatever the bytes are. Driven by the
//! tests on mutated files and by the target in `fuzz/`.

use jiff::Timestamp;

use crate::documents::pdf::inspect;
use crate::report::{Dossier, Draft, report};
use crate::seal::{Area, Authorities, Drawing, check, prepare, stamp};

/// Looks through a PDF, checks its signatures, signs and seals it: nothing panics, and what comes out of one continues what
/// went in.
pub fn fuzz_pdf(data: &[u8]) {
    let _ = inspect(data);
    let _ = check(data, &Authorities::default());
    let at = Timestamp::UNIX_EPOCH;
    let area = Area { x: 0.5, y: 0.5, width: 0.4, height: 0.2 };
    if let Ok(stamped) = stamp(data, &drawing(), None, area) {
        assert!(stamped.starts_with(data));
        if let Ok(prepared) = prepare(&stamped, "Cabinet", at, 64) {
            let sealed = prepared.fill(&[0x30, 0]);
            assert!(sealed.is_some_and(|sealed| sealed.starts_with(&stamped)));
        }
    }
    let _ = prepare(data, "Cabinet", at, 64);
}

/// Files of every kind that is read: with a table of references, with streams of them, tagged, turned, and sealed.
pub fn pdf_seeds() -> Vec<Vec<u8>> {
    let dossier = serde_json::from_str::<Dossier>(include_str!("../examples/dossier.json"));
    let made = dossier.ok().and_then(|dossier| report(&dossier, Draft::Final).ok()).unwrap_or_default();
    let mut streams = Vec::new();
    if let Ok(mut document) = lopdf::Document::load_mem(&made) {
        let _ = document.save_modern(&mut streams);
    }
    let pages = [("/StructParents 0 /Rotate 270", "q BT (x) Tj ET"), ("/CropBox [9 9 99 99]", "")];
    let tree = [
        "<< /Type /StructTreeRoot /K 9 0 R /ParentTree 8 0 R >>",
        "<< /Kids [10 0 R] >>",
        "<< /Type /StructElem /S /Document /P 7 0 R /K [] >>",
        "<< /Limits [0 0] /Nums [0 [9 0 R]] >>",
    ];
    let small = paper("/StructTreeRoot 7 0 R", &pages, &tree);
    let sealed = prepare(&small, "Cabinet", Timestamp::UNIX_EPOCH, 64);
    let sealed = sealed.ok().and_then(|prepared| prepared.fill(&[0x30, 0])).unwrap_or_default();
    let mut acting = small.clone();
    acting.extend_from_slice(b"11 0 obj\n<< /OpenAction << /S /J#61vaScript /JS (x) >> >>\nendobj\n");
    vec![made, streams, small, sealed, acting]
}

/// A file with a table of references. `pages`: entries of each page besides its type and parent, and its content.
pub(crate) fn paper(catalogue: &str, pages: &[(&str, &str)], more: &[&str]) -> Vec<u8> {
    let count = pages.len();
    let kids: Vec<String> = (0..count).map(|n| format!("{} 0 R", 3 + 2 * n)).collect();
    let mut objects = vec![
        format!("<< /Type /Catalog /Pages 2 0 R {catalogue} >>"),
        format!("<< /Type /Pages /Kids [{}] /Count {count} /MediaBox [0 0 200 400] >>", kids.join(" ")),
    ];
    for (n, (entries, content)) in pages.iter().enumerate() {
        objects.push(format!("<< /Type /Page /Parent 2 0 R /Contents {} 0 R {entries} >>", 4 + 2 * n));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    objects.extend(more.iter().map(|object| (*object).to_owned()));
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", n + 1).bytes());
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f\r\n", objects.len() + 1).bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n\r\n").bytes());
    }
    let size = objects.len() + 1;
    out.extend(format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").bytes());
    out
}

/// Two by one: half of it opaque.
pub(crate) fn drawing() -> Drawing {
    Drawing { width: 2, height: 1, rgba: vec![0, 0, 200, 255, 0, 0, 200, 0], alt: "Signature".to_owned() }
}
