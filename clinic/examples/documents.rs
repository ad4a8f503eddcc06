//! Writes every document that can be made from a dossier: `documents FOLDER < dossier.json`. For judges outside of this program.

use std::io::Read;
use std::path::Path;

use chevet_clinic::export::Archive;
use chevet_clinic::report::{Dossier, Draft};
use chevet_clinic::{billing, cda, fhir, report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: documents FOLDER < dossier.json")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let dossier: Dossier = serde_json::from_str(&text)?;

    let started = std::time::Instant::now();
    let pdf = report::report(&dossier, Draft::Final)?;
    println!("report_ms {}", started.elapsed().as_millis());
    let sheet = billing::sheet(&dossier, true);
    let files = [
        ("report.pdf", pdf.clone()),
        ("preview.pdf", report::report(&dossier, Draft::Preview)?),
        ("billing.pdf", billing::pdf(&dossier, &sheet)?),
        ("billing.csv", billing::csv(&sheet)?),
        ("billing.json", serde_json::to_vec_pretty(&sheet)?),
        ("bundle.json", serde_json::to_vec_pretty(&fhir::bundle(&dossier, &pdf))?),
        ("cda.xml", cda::document(&dossier, &pdf)?.into_bytes()),
    ];
    let mut archive = Archive::new(&dossier);
    let mut zip = Vec::new();
    for (name, content) in &files {
        std::fs::write(folder.join(name), content)?;
        zip.extend(archive.add(name, content)?);
    }
    zip.extend(archive.finish()?);
    std::fs::write(folder.join("export.zip"), zip)?;
    Ok(())
}
