//! Puts a picture on a page: `stamp IN.pdf PICTURE.png OUT.pdf PAGE X Y WIDTH HEIGHT`; page 0 is the last. For judges outside
//! of this program.

use chevet_clinic::seal::{Area, Drawing, stamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, picture, to, page, x, y, width, height] = arguments.as_slice() else {
        return Err("usage: stamp IN.pdf PICTURE.png OUT.pdf PAGE X Y WIDTH HEIGHT".into());
    };
    let picture = image::load_from_memory(&std::fs::read(picture)?)?.into_rgba8();
    let drawing = Drawing {
        width: picture.width(),
        height: picture.height(),
        rgba: picture.into_raw(),
        alt: "Signature de Dr Camille Laurent".to_owned(),
    };
    let area = Area { x: x.parse()?, y: y.parse()?, width: width.parse()?, height: height.parse()? };
    let page = Some(page.parse()?).filter(|page| *page > 0);
    std::fs::write(to, stamp(&std::fs::read(from)?, &drawing, page, area)?)?;
    Ok(())
}
