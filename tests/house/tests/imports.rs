//! Who may use whom, as docs/ARCHITECTURE.md draws it.

use chevet_house::{code, dependencies, files, root};

/// Package manifest -> the packages of ours that it may depend on. Dependencies of tests are free.
const PACKAGES: [(&str, &[&str]); 8] = [
    ("config/Cargo.toml", &[]),
    // A client of the control plane, by HTTP: it must not even be able to reach into it.
    ("clinic/Cargo.toml", &[]),
    // They are the outside: they know protocols, not us.
    ("emulators/Cargo.toml", &[]),
    ("sfu/core/Cargo.toml", &[]),
    ("sfu/io/Cargo.toml", &["chevet-sfu-core"]),
    ("control/Cargo.toml", &["chevet-sfu-io", "chevet-sfu-core"]),
    ("signalling/Cargo.toml", &["chevet-control", "chevet-sfu-io", "chevet-sfu-core"]),
    (
        "Cargo.toml",
        &[
            "chevet-clinic",
            "chevet-config",
            "chevet-control",
            "chevet-emulators",
            "chevet-signalling",
            "chevet-sfu-io",
            "chevet-sfu-core",
        ],
    ),
];

/// Layer of sfu/core -> the layers it may use besides itself. `api` holds values only and is open to all.
const LAYERS: [(&str, &[&str]); 7] = [
    ("api", &[]),
    ("wire", &["api"]),
    ("transport", &["wire", "api"]),
    ("stream", &["wire", "api"]),
    ("policy", &["wire", "api"]),
    ("room", &["policy", "stream", "transport", "wire", "api"]),
    ("engine", &["room", "policy", "stream", "transport", "wire", "api"]),
];

#[test]
fn packages_depend_only_on_the_packages_below_them() {
    let mut wrong = Vec::new();
    for (manifest, allowed) in PACKAGES {
        let text = std::fs::read_to_string(root().join(manifest)).unwrap();
        for name in dependencies(&text).into_iter().filter(|name| name.starts_with("chevet-")) {
            if !allowed.contains(&name.as_str()) {
                wrong.push(format!("{manifest}: {name}; allowed: {allowed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_media_core_has_no_dependency_that_does_io() {
    let text = std::fs::read_to_string(root().join("sfu/core/Cargo.toml")).unwrap();
    let forbidden = [
        "tokio",
        "mio",
        "libc",
        "socket2",
        "quinn-udp",
        "crossbeam-channel",
        "hyper",
        "axum",
        "serde_json",
        "jsonwebtoken",
    ];
    let wrong: Vec<String> =
        dependencies(&text).into_iter().filter(|name| forbidden.contains(&name.as_str())).collect();
    assert!(wrong.is_empty(), "sfu/core depends on {wrong:?}");
}

#[test]
fn layers_of_the_media_core_use_only_the_layers_below_them() {
    let layers: Vec<&str> = LAYERS.iter().map(|(layer, _)| *layer).collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files("sfu/core/src", &[".rs"]) {
        let Some(inside) = file.path.strip_prefix("sfu/core/src/") else { continue };
        let module: Vec<&str> =
            inside.trim_end_matches(".rs").split('/').filter(|part| !["mod", "lib"].contains(part)).collect();
        let Some((layer, allowed)) =
            module.first().and_then(|first| LAYERS.iter().find(|(layer, _)| layer == first))
        else {
            continue;
        };
        seen += 1;
        let text: Vec<String> = file.text.lines().map(code).collect();
        for (line, used) in used_layers(&text, module.len(), &layers) {
            if used != *layer && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} line {line}: {layer} uses {used}; allowed: {allowed:?}", file.path));
            }
        }
    }
    assert!(seen >= 7, "only {seen} files looked at: has the tree moved?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every layer named by `crate::x`, by `crate::{x, y}` or by enough `super::` to reach the root, with its line.
fn used_layers(lines: &[String], depth: usize, layers: &[&str]) -> Vec<(usize, String)> {
    let mut text = String::new();
    let mut starts = Vec::new();
    for line in lines {
        starts.push(text.len());
        text.push_str(line);
        text.push('\n');
    }
    let to_root = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in ["crate::", to_root.as_str()] {
        for (at, _) in text.match_indices(prefix) {
            let line = starts.partition_point(|start| *start <= at);
            let rest = text.get(at + prefix.len()..).unwrap_or_default().trim_start();
            let names = match rest.strip_prefix('{') {
                Some(group) => top_names(group),
                None => vec![first_word(rest)],
            };
            found.extend(
                names.into_iter().filter(|name| layers.contains(&name.as_str())).map(|name| (line, name)),
            );
        }
    }
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first segments of the members of a `{...}` group whose opening brace has been read.
fn top_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut current = String::new();
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut current)),
            _ if depth == 0 => current.push(character),
            _ => {}
        }
    }
    names.push(current);
    names.iter().map(|name| first_word(name.trim())).collect()
}

#[test]
fn unsafe_code_stays_in_the_system_calls_of_sfu_io() {
    let mut wrong = Vec::new();
    for folder in ["src", "clinic", "config", "emulators", "sfu", "control", "signalling", "tests"] {
        for file in files(folder, &[".rs"]) {
            // The counting allocator of the zero-allocation test has to implement an unsafe trait.
            if file.path.starts_with("sfu/io/src/sys")
                || file.path.contains("/tests/")
                || file.path.contains("/benches/")
            {
                continue;
            }
            for (index, line) in file.text.lines().enumerate() {
                let code = code(line);
                if code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe") {
                    wrong.push(format!("{} line {}", file.path, index + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "unsafe outside sfu/io/src/sys:\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_what_it_must() {
    let text: Vec<String> =
        ["use crate::{wire::{rtp, room}, stream};", "// crate::engine", "let x = super::super::policy::Y;"]
            .iter()
            .map(|line| code(line))
            .collect();
    let found = used_layers(&text, 2, &["wire", "room", "stream", "engine", "policy"]);
    let expected = [(1, "wire".to_owned()), (1, "stream".to_owned()), (3, "policy".to_owned())];
    assert_eq!(found, expected);
}

/// The packages that a build of the server contains, by the lock file's names.
fn contents(features: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "chevet",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(features)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_release_contains_no_emulators() {
    assert!(contents(&["--features", "emulators"]).contains("chevet-emulators"));
    assert!(contents(&[]).contains("chevet-clinic"));
    assert!(!contents(&[]).contains("chevet-emulators"));
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let release =
        makefile.lines().find(|line| line.contains("cargo build") && line.contains("--release")).unwrap();
    assert!(!release.contains("features"), "{release}");
}
