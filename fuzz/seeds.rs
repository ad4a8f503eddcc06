//! Writes the seeds of each target to `corpus/TARGET/`.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let wire = chevet_sfu_core::fuzzing::TARGETS.map(|target| (target.name, (target.seeds)()));
    for (name, seeds) in wire.into_iter().chain([("pdf", chevet_clinic::fuzzing::pdf_seeds())]) {
        let directory = corpus.join(name);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(directory.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
