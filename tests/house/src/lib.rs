//! Reads the source tree for the rules in `tests/`: which part may use which, how long a file may be, whether the
//! paths that the documents name exist.

use std::fs;
use std::path::{Path, PathBuf};

/// Never part of the source.
const SKIPPED: [&str; 8] = [".git", "target", "node_modules", "dist", ".venv", "out", "data", "corpus"];

/// The root of the repository.
pub fn root() -> PathBuf {
    // Asked at run time: with a shared target folder the program may have been built for another copy of the tree.
    let package =
        std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&package).join("../..").canonicalize().expect("the repository is there")
}

/// One file of the source tree.
pub struct SourceFile {
    /// From the root, with `/`.
    pub path: String,
    pub text: String,
}

/// Every text file under `folder` whose name ends with one of `endings`, sorted by path.
pub fn files(folder: &str, endings: &[&str]) -> Vec<SourceFile> {
    let root = root();
    let mut found = Vec::new();
    walk(&root, &root.join(folder), endings, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<SourceFile>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(root, &path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending))
            && let Ok(text) = fs::read_to_string(&path)
        {
            let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push(SourceFile { path, text });
        }
    }
}

/// A line of Rust without its comment and without what stands in quotes, so that words in texts are not taken for code.
pub fn code(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => {
                characters.next();
            }
            '"' => quoted = !quoted,
            '/' if !quoted && characters.peek() == Some(&'/') => break,
            _ if !quoted => out.push(character),
            _ => {}
        }
    }
    out
}

/// The names of a `[dependencies]` table that start with `chevet-`, and all others.
pub fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && let Some(end) = line.find(['.', ' ', '=']) {
            names.extend(
                line.get(..end).filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned),
            );
        }
    }
    names
}
