//! Tells `src/pages.rs` which folder to embed: the built pages, or a page that says how to build them.

use std::path::Path;
use std::{env, fs};

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
  <meta charset=\"utf-8\">
  <title>Chevet</title>
  <p>This server was built without its pages. <code>make web</code> builds them, then build the server again;
  <code>make run</code> does both. The API and the signalling work all the same.
";

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let built = Path::new(&root).join("web/dist");
    // Named before they exist too, so that building the pages rebuilds the server.
    println!("cargo:rerun-if-changed=web/dist");
    println!("cargo:rerun-if-changed=web/dist/index.html");
    let folder = if built.join("index.html").is_file() {
        built
    } else {
        let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("pages");
        fs::create_dir_all(&out).expect("the build folder can be written");
        fs::write(out.join("index.html"), NOT_BUILT).expect("the build folder can be written");
        println!(
            "cargo:warning=web/dist is missing: the server will say so instead of showing pages (make web builds them)"
        );
        out
    };
    println!("cargo:rustc-env=CHEVET_PAGES={}", folder.display());
}
