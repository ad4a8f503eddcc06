use lopdf::ObjectId;

use super::*;
use crate::fuzzing::{drawing, paper};
use crate::report::{Dossier, Draft, report};
use crate::seal::check;
use crate::seal::tsa::Authorities;

const CORNER: Area = Area { x: 0.1, y: 0.2, width: 0.2, height: 0.1 };

fn page_of(pdf: &[u8], number: u32) -> (Document, ObjectId, Dictionary) {
    let doc = Document::load_mem(pdf).unwrap();
    let id = doc.get_pages()[&number];
    let page = doc.get_dictionary(id).unwrap().clone();
    (doc, id, page)
}

fn content_of(pdf: &[u8], number: u32) -> String {
    let (doc, id, _) = page_of(pdf, number);
    String::from_utf8(doc.get_page_content(id)).unwrap()
}

#[test]
fn an_area_of_the_page_as_it_is_shown_is_found_however_it_is_turned_and_cut() {
    // The corner at the top left of what is shown: 40 wide, 20 high, shown upright.
    let area = Area { x: 0.0, y: 0.0, width: 0.2, height: 0.05 };
    let shown = [10.0, 20.0, 210.0, 420.0];
    let bounds = |turns| View { shown, turns }.place(area, 2.0, 1.0).1;
    assert_eq!(bounds(0), [10.0, 400.0, 50.0, 420.0]);
    // Turned, the page is 400 wide and 200 high: the area is 80 by 10, the picture in its middle 20 by 10.
    assert_eq!(bounds(1), [10.0, 50.0, 20.0, 70.0], "top left of what is shown is bottom left of the page");
    assert_eq!(bounds(2), [170.0, 20.0, 210.0, 40.0], "bottom right");
    assert_eq!(bounds(3), [200.0, 370.0, 210.0, 390.0], "top right");
    // A quarter to the right: what is right in the picture is up on the page.
    let (matrix, _) = View { shown, turns: 1 }.place(area, 2.0, 1.0);
    assert_eq!(&matrix[..4], &[0.0, 20.0, -10.0, 0.0]);
}

#[test]
fn a_stamp_leaves_every_byte_and_every_other_page() {
    let pdf = paper("", &[("", "0 0 5 5 re f"), ("/Rotate 90", "q 2 0 0 2 0 0 cm")], &[]);
    for (number, wanted) in [(Some(1), 1), (Some(2), 2), (None, 2)] {
        let stamped = stamp(&pdf, &drawing(), number, CORNER).unwrap();
        assert!(stamped.starts_with(&pdf));
        for other in [1, 2] {
            assert_eq!(content_of(&stamped, other).contains("/Stamp Do"), other == wanted);
        }
        assert!(check(&stamped, &Authorities::default()).is_empty());
    }
    for number in [0, 3, u32::MAX] {
        assert_eq!(stamp(&pdf, &drawing(), Some(number), CORNER), Err(Unfit::NoPage));
    }
}

#[test]
fn what_the_page_leaves_open_does_not_move_the_stamp() {
    for (content, open) in [
        ("", 0),
        ("q Q", 0),
        ("q q Q", 1),
        ("Q q", 1),
        ("(a \\) q ( Q ) q) Tj % q\nq", 1),
        ("/q <71> [q] q", 2),
        ("BI /W 1 /H 1 ID q Q q EI q", 1),
        ("q 1 0 0 1 5 5 cm q", 2),
    ] {
        assert_eq!(open_states(content.as_bytes()), open, "{content}");
        let stamped = stamp(&paper("", &[("", content)], &[]), &drawing(), None, CORNER).unwrap();
        let closed = content_of(&stamped, 1);
        let ours = closed.split("/Span").next().unwrap();
        assert_eq!(open_states(ours.as_bytes()), 0, "{closed}");
    }
}

#[test]
fn shared_resources_and_names_of_a_page_stay_its_neighbours() {
    let shared = "<< /XObject << /Stamp 8 0 R >> >>";
    let form = "<< /Type /XObject /Subtype /Form /BBox [0 0 1 1] /Length 0 >>\nstream\n\nendstream";
    let pages = [("/Resources 7 0 R", "/Stamp Do"), ("/Resources 7 0 R", "/Stamp Do")];
    let stamped = stamp(&paper("", &pages, &[shared, form]), &drawing(), Some(1), CORNER).unwrap();
    let (doc, _, page) = page_of(&stamped, 1);
    let pictures = page.get(b"Resources").unwrap().as_dict().unwrap().get(b"XObject").unwrap();
    assert_eq!(pictures.as_dict().unwrap().get(b"Stamp").unwrap().as_reference().unwrap(), (8, 0));
    assert!(pictures.as_dict().unwrap().has(b"Stamp1"));
    assert_eq!(doc.get_dictionary((7, 0)).unwrap().get(b"XObject").unwrap().as_dict().unwrap().len(), 1);
    let (_, _, other) = page_of(&stamped, 2);
    assert_eq!(other.get(b"Resources").unwrap().as_reference().unwrap(), (7, 0));
}

#[test]
fn a_stamp_on_a_tagged_document_is_a_figure_with_a_text_at_its_end() {
    let dossier: Dossier = serde_json::from_str(include_str!("../../../examples/dossier.json")).unwrap();
    let pdf = report(&dossier, Draft::Final).unwrap();
    let once = stamp(&pdf, &drawing(), None, CORNER).unwrap();
    let twice = stamp(&once, &drawing(), None, CORNER).unwrap();
    let mut marks = std::collections::BTreeSet::new();
    for (pdf, figures) in [(&once, 1), (&twice, 2)] {
        let doc = Document::load_mem(pdf).unwrap();
        let tree = doc.catalog().unwrap().get_deref(b"StructTreeRoot", &doc).unwrap().as_dict().unwrap();
        let top = tree.get_deref(b"K", &doc).unwrap();
        let found: Vec<&Dictionary> = doc
            .objects
            .values()
            .filter_map(|object| object.as_dict().ok())
            .filter(|entries| entries.get(b"S").and_then(Object::as_name).is_ok_and(|kind| kind == b"Figure"))
            .collect();
        assert_eq!(found.len(), figures, "{top:?}");
        for figure in found {
            assert!(figure.has(b"Alt") && figure.has(b"A"));
            marks.insert(figure.get(b"K").unwrap().as_i64().unwrap());
            let parent = figure.get(b"P").unwrap().as_reference().unwrap();
            let kids = doc.get_dictionary(parent).unwrap().get_deref(b"K", &doc).unwrap().as_array().unwrap();
            let last = kids.last().unwrap().as_reference().unwrap();
            assert!(doc.get_dictionary(last).unwrap().has(b"Alt"), "behind everything else");
        }
    }
    assert_eq!(marks.len(), 2, "each has a number of its own");
    let last = Document::load_mem(&twice).unwrap().get_pages().len();
    let content = content_of(&twice, u32::try_from(last).unwrap());
    assert!(marks.iter().all(|mark| content.contains(&format!("/Figure <</MCID {mark}>> BDC"))));
}

#[test]
fn a_page_that_had_no_tags_gets_its_first() {
    let tree = "/StructTreeRoot 7 0 R /MarkInfo << /Marked true >>";
    let pages = [("/StructParents 0", ""), ("", "")];
    let more = [
        "<< /Type /StructTreeRoot /K [9 0 R] /ParentTree 8 0 R >>",
        "<< /Nums [0 [9 0 R]] >>",
        "<< /Type /StructElem /S /P /P 7 0 R /Pg 3 0 R /K 0 >>",
    ];
    let stamped = stamp(&paper(tree, &pages, &more), &drawing(), Some(2), CORNER).unwrap();
    let (doc, _, page) = page_of(&stamped, 2);
    assert_eq!(page.get(b"StructParents").unwrap().as_i64().unwrap(), 1);
    let numbers = doc.get_dictionary((8, 0)).unwrap().get(b"Nums").unwrap().as_array().unwrap();
    assert_eq!((numbers.len(), numbers[2].as_i64().unwrap()), (4, 1));
    // A paragraph takes no figure: it stands beside.
    let kids = doc.get_dictionary((7, 0)).unwrap().get(b"K").unwrap().as_array().unwrap();
    assert_eq!(kids.len(), 2);
    assert!(content_of(&stamped, 2).contains("/Figure <</MCID 0>> BDC"));
}

#[test]
fn a_file_that_readers_would_have_to_mend_is_left_alone() {
    let good = paper("", &[("", "")], &[]);
    let text = String::from_utf8(good.clone()).unwrap();
    let start = text.find("xref\n").unwrap();
    for bad in [
        text.replace(&format!("startxref\n{start}"), "startxref\n0"),
        text.replace(&format!("startxref\n{start}"), "startxref\n3"),
        text.replace("/MediaBox [0 0 200 400]", "/MediaBox [0 0 0 400]"),
        text.replace("/Root 1 0 R", "/Root 9 0 R"),
    ] {
        assert_eq!(stamp(bad.as_bytes(), &drawing(), None, CORNER), Err(Unfit::Unreadable), "{bad}");
    }
    let locked = text.replace("/Root 1 0 R", "/Root 1 0 R /Encrypt << /Filter /Standard >>");
    assert!(stamp(locked.as_bytes(), &drawing(), None, CORNER).is_err());
    assert!(stamp(&good, &drawing(), None, CORNER).is_ok());
}
