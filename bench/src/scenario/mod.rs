//! What to run: TOML files that an operator edits.
