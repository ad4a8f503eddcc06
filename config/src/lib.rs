//! Typed settings from one TOML file and the environment
