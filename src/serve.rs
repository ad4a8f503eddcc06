use chevet_config::Loaded;
pub fn run(_loaded: Loaded, _demo: bool) -> anyhow::Result<()> { Ok(()) }
