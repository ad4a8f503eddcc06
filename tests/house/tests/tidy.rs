//! Files that a person can hold in the head, and documents that name what is there.

use chevet_house::{files, root};

/// Lines of a file; of its part before the tests when they stand in the same file.
const LINES_MAX: usize = 650;
const LINES_WITH_TESTS_MAX: usize = 1000;
const MAIN_LINES_MAX: usize = 300;

#[test]
fn no_source_file_is_too_long() {
    let mut wrong = Vec::new();
    for file in files("", &[".rs", ".ts", ".tsx", ".js", ".mjs", ".py", ".css"]) {
        let all = file.text.lines().count();
        let production = file.text.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(all);
        let max = if file.path == "src/main.rs" { MAIN_LINES_MAX } else { LINES_MAX };
        if production > max || all > LINES_WITH_TESTS_MAX {
            wrong.push(format!("{}: {production} lines, {all} with tests; at most {max}", file.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_named_in_the_documents_exist() {
    let root = root();
    let tops: Vec<String> = std::fs::read_dir(&root)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| format!("{}/", entry.file_name().to_string_lossy()))
        .collect();
    let mut wrong = Vec::new();
    for file in documents() {
        let folder = root.join(&file.path).parent().unwrap_or(&root).to_path_buf();
        for (index, line) in file.text.lines().enumerate() {
            for name in links(line) {
                let path = name.split(['#', '?']).next().unwrap_or_default();
                if !path.is_empty()
                    && !path.contains("://")
                    && !path.starts_with("mailto:")
                    && !folder.join(path).exists()
                {
                    wrong.push(format!("{} line {}: link to {name}", file.path, index + 1));
                }
            }
            for name in line.split('`').skip(1).step_by(2) {
                let built = ["target/", "data/", "web/dist", "tests/.venv", "tests/out", "bench/out"]
                    .iter()
                    .any(|b| name.starts_with(b));
                let plain = !name.contains(|c: char| c.is_whitespace() || "*{}<>$(),:|".contains(c));
                if plain
                    && !built
                    && tops.iter().any(|top| name.starts_with(top.as_str()))
                    && !root.join(name).exists()
                    && !folder.join(name).exists()
                {
                    wrong.push(format!("{} line {}: `{name}`", file.path, index + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "documents name what is not there:\n{}", wrong.join("\n"));
}

#[test]
fn make_targets_named_in_the_documents_exist() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: Vec<&str> =
        makefile.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    let mut wrong = Vec::new();
    for file in documents() {
        for named in file.text.split("`make ").skip(1) {
            let name: String = named.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            if !targets.contains(&name.as_str()) {
                wrong.push(format!("{}: make {name}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn documents() -> Vec<chevet_house::SourceFile> {
    files("", &[".md"])
}

/// The targets of `[text](target)` and `src="target"`.
fn links(line: &str) -> Vec<&str> {
    let marked = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let quoted = line.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    marked.chain(quoted).collect()
}
