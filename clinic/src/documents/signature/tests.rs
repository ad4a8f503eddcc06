use std::io::Cursor;

use image::{ImageFormat, Rgba, RgbaImage};

use super::ink::{NoInk, draw, drawing};

fn png(picture: &RgbaImage) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

/// Opaque noise: the hardest to keep short.
fn noise(width: u32, height: u32) -> RgbaImage {
    let mut state = 1_u32;
    RgbaImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_le_bytes();
        Rgba([a, b, c, 255])
    })
}

#[test]
fn transparency_stays_and_margins_go() {
    let mut picture = RgbaImage::new(300, 300);
    picture.put_pixel(100, 50, Rgba([1, 2, 3, 128]));
    picture.put_pixel(140, 59, Rgba([1, 2, 3, 255]));
    let ink = draw(&png(&picture)).unwrap();
    assert_eq!((ink.width, ink.height), (41, 10));
    let drawing = drawing(&ink.png, "Signature".to_owned()).unwrap();
    assert_eq!(&drawing.rgba[..8], &[1, 2, 3, 128, 0, 0, 0, 0]);
}

#[test]
fn a_photo_of_a_signature_is_made_small_enough_to_be_kept() {
    for picture in [noise(1500, 900), noise(40, 4000)] {
        let ink = draw(&png(&picture)).unwrap();
        assert!(ink.png.len() <= 150_000 && ink.width.max(ink.height) <= 1000, "{}", ink.png.len());
        let before = f64::from(picture.width()) / f64::from(picture.height());
        let after = f64::from(ink.width) / f64::from(ink.height);
        assert!((before / after - 1.0).abs() < 0.4, "{before} {after}");
    }
    let mut jpeg = Cursor::new(Vec::new());
    image::DynamicImage::ImageRgba8(noise(60, 20)).to_rgb8().write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    assert_eq!(draw(jpeg.get_ref()).unwrap().width, 60);
}

#[test]
fn what_is_no_drawing_is_refused() {
    let blank = RgbaImage::from_pixel(30, 30, Rgba([255, 255, 255, 255]));
    let clear = RgbaImage::from_pixel(30, 30, Rgba([9, 9, 9, 0]));
    assert_eq!(draw(&png(&blank)), Err(NoInk::Empty));
    assert_eq!(draw(&png(&clear)), Err(NoInk::Empty));
    assert_eq!(draw(b"GIF89a"), Err(NoInk::Unreadable));
    assert_eq!(draw(&png(&noise(20, 20))[..200]), Err(NoInk::Unreadable));
    // A header that promises a large picture, and nothing behind it.
    let mut large = png(&clear);
    large[16..24].copy_from_slice(&[0, 0, 0x20, 0, 0, 0, 0x20, 0]);
    assert!(matches!(draw(&large), Err(NoInk::TooManyPixels | NoInk::Unreadable)));
}
