use super::*;

fn sample() -> Dossier {
    serde_json::from_str(include_str!("../../examples/dossier.json")).unwrap()
}

fn made() -> Vec<u8> {
    let mut archive = Archive::new(&sample());
    let mut zip = archive.add("documents/a.pdf", b"one").unwrap();
    zip.extend(archive.add("documents/A.pdf", b"two").unwrap());
    zip.extend(archive.finish().unwrap());
    zip
}

#[test]
fn the_same_files_give_the_same_zip_and_equal_names_are_parted() {
    assert_eq!(made(), made());
    let text = String::from_utf8_lossy(&made()).into_owned();
    assert!(text.contains("documents/A-2.pdf"));
    assert!(text.contains(&hex(&Sha256::digest(b"two"))));
}

#[test]
fn names_cannot_leave_the_folder() {
    for (name, clean) in [
        ("../../etc/passwd", "-..-etc-passwd"),
        ("C:\\x.pdf", "C--x.pdf"),
        ("..", "document"),
        ("a\u{202e}fdp.exe", "afdp.exe"),
        (".hidden", "hidden"),
    ] {
        assert_eq!(file_name(name), clean);
    }
}

#[test]
fn the_page_allows_its_own_script_and_nothing_else() {
    let page = verify::page();
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe") && !page.contains('@'));
    assert!(!page.contains("http://") && !page.contains("https://"));
}
