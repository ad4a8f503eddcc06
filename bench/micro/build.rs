//! Tells the program what it was compiled with: instruction counts depend on it.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let version =
        Command::new(rustc).arg("--version").output().ok().and_then(|out| String::from_utf8(out.stdout).ok());
    println!("cargo:rustc-env=CHEVET_RUSTC={}", version.as_deref().unwrap_or("unknown").trim());
    println!("cargo:rustc-env=CHEVET_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    println!("cargo:rustc-env=CHEVET_OPT_LEVEL={}", std::env::var("OPT_LEVEL").unwrap_or_default());
    println!("cargo:rerun-if-changed=build.rs");
}
