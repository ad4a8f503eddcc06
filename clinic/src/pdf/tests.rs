use super::text::{Weight, face, lines, settable};
use super::*;

fn info() -> Info {
    Info {
        title: "Essai".to_owned(),
        language: Language::Fr,
        author: "Dr Jeanne Martin".to_owned(),
        reference: "cs_0".to_owned(),
        at: "2026-12-03T13:30:00Z".parse().unwrap(),
        running: "MARTIN Jeanne".to_owned(),
        foot: "Essai".to_owned(),
    }
}

fn sheet(text: &str) -> Result<Vec<u8>, PdfError> {
    let mut sheet = Sheet::new(info());
    sheet.letterhead(&["Dr Jeanne Martin".to_owned(), text.to_owned()]);
    sheet.title(text, text);
    sheet.callout(text);
    sheet.heading("Titre");
    sheet.subheading(text);
    sheet.paragraph(text);
    sheet.facts(&[("Nom", text.to_owned()), (text, String::new())]);
    sheet.table(&Table {
        head: &["A", "B"],
        shares: &[1.0, 2.0],
        rows: vec![vec![text.to_owned(), String::new()]; 3],
    });
    sheet.list(&[text.to_owned()]);
    sheet.note(text);
    sheet.finish()
}

#[test]
fn the_same_sheet_gives_the_same_bytes() {
    assert_eq!(sheet("Une phrase.").unwrap(), sheet("Une phrase.").unwrap());
}

#[test]
fn whatever_is_typed_can_be_set() {
    let long = "a".repeat(3000);
    for text in [
        "",
        " ",
        "\0\u{1}\u{feff}",
        "Привет 🙂 שלום e\u{301}",
        "fi fl ffi — “ ” œ \u{202f}!",
        &long,
        "x\r\ny\n\n\nz",
    ] {
        let bytes = sheet(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert!(bytes.starts_with(b"%PDF-1.7"));
    }
}

#[test]
fn letters_that_the_font_lacks_are_told_and_not_dropped() {
    assert_eq!(settable("da 🙂 ok"), "da [U+1F642] ok");
    assert_eq!(settable("Да"), "[U+0414 U+0430]");
    assert_eq!(settable("14\u{202f}h → ☑ e\u{301}"), "14\u{a0}h -> [x] é");
    assert_eq!(settable("Łukasz Nguyễn Œuvre"), "Łukasz Nguy[U+1EC5]n Œuvre");
}

#[test]
fn lines_keep_their_words_apart_and_lose_nothing() {
    let regular = face(Weight::Regular).unwrap();
    let text = "Une phrase assez longue pour trois lignes, avec anticonstitutionnellement-et-plus@exemple.example dedans";
    let broken = lines(text, regular, 10.0, 90.0);
    assert!(broken.len() > 3);
    assert_eq!(broken.concat(), text);
    for line in &broken {
        assert!(regular.width(line.trim_end(), 10.0) <= 90.0, "{line}");
    }
    assert_eq!(lines("", regular, 10.0, 90.0), [""]);
    assert_eq!(lines("abc", regular, 10.0, 0.1).concat(), "abc");
}

#[test]
fn a_row_longer_than_a_page_goes_on_over_pages() {
    let mut sheet = Sheet::new(info());
    sheet.title("T", "s");
    let long = "mot ".repeat(4000);
    sheet.table(&Table { head: &["A", "B"], shares: &[1.0, 1.0], rows: vec![vec![long, "b".to_owned()]] });
    assert!(sheet.finish().is_ok());
}
