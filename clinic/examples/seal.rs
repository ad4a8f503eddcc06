//! Seals a PDF: `seal FOLDER IN.pdf OUT.pdf [TSA-URL]`; the key is kept in the folder, the certificate written beside as
//! `seal.crt`. For judges outside of this program.

use std::path::Path;

use chevet_clinic::clock::Clock;
use chevet_clinic::seal::{SealConfig, Sealer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, from, to) = match arguments.as_slice() {
        [folder, from, to, ..] => (Path::new(folder), from, to),
        _ => return Err("usage: seal FOLDER IN.pdf OUT.pdf [TSA-URL]".into()),
    };
    let clock = Clock::system();
    let config = SealConfig { key: None, tsa: arguments.get(3).cloned() };
    let sealer = Sealer::open(&config, folder, "Cabinet des Tilleuls", &clock)?;
    let (sealed, seal) = sealer.seal(std::fs::read(from)?, clock.now()).await?;
    std::fs::write(to, sealed)?;
    let pem = std::fs::read_to_string(folder.join("seal.pem"))?;
    let start = pem.find("-----BEGIN CERTIFICATE").ok_or("no certificate")?;
    std::fs::write(folder.join("seal.crt"), pem.get(start..).unwrap_or_default())?;
    println!("{}", serde_json::to_string(&seal)?);
    Ok(())
}
