//! The page that checks the files of an export in a browser without a network, whole in one file. Its policy allows exactly
//! its own script and style, by their hashes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("verify.html");
const STYLE: &str = include_str!("verify.css");
const SCRIPT: &str = include_str!("verify.js");

fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

pub fn page() -> String {
    PAGE.replace("@SCRIPT@", &source(SCRIPT))
        .replace("@STYLE@", &source(STYLE))
        .replace("@CSS@", STYLE)
        .replace("@JS@", SCRIPT)
}
