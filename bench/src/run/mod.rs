//! One scenario against one target.

pub fn main() -> anyhow::Result<()> {
    Ok(())
}
