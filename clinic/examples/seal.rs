//! Seals a PDF: `seal FOLDER IN.pdf OUT.pdf [TSA-URL [AUTHORITIES.pem]]`; the key is kept in the folder's store, the
//! certificate written beside as `seal.crt`. For judges outside of this program.

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
    let authorities = arguments.get(4).map(std::path::PathBuf::from);
    let config = SealConfig { key: None, tsa: arguments.get(3).cloned(), tsa_authorities: authorities };
    let (_, store) = chevet_clinic::open_store(folder)?;
    let sealer = Sealer::open(&config, &store, "Cabinet des Tilleuls", &clock).await?;
    std::fs::write(folder.join("seal.crt"), sealer.certificate())?;
    let sealed = sealer.seal(std::fs::read(from)?, clock.now()).await;
    store.close().await;
    let (sealed, seal) = sealed?;
    std::fs::write(to, sealed)?;
    println!("{}", serde_json::to_string(&seal)?);
    Ok(())
}
