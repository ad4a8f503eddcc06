//! The picture of a signature: decoded within limits, cut to what is drawn, and written anew.

use std::io::Cursor;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage};

use super::super::sniff::{FileType, sniff};
use crate::seal::Drawing;

/// Largest picture that is decoded, in pixels.
const PIXELS_MAX: u64 = 8_000_000;
/// Longest edge of what is kept, in pixels; the next of these where the file would be too long.
const EDGES: [u32; 6] = [1000, 800, 600, 450, 300, 200];
/// Longest file that is kept, in bytes: it is part of a record.
const BYTES_MAX: usize = 150_000;

/// Why a picture is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoInk {
    /// Neither PNG nor JPEG, or broken.
    Unreadable,
    TooManyPixels,
    /// Nothing is drawn.
    Empty,
}

/// A PNG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ink {
    pub png: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

fn decode(bytes: &[u8]) -> Result<RgbaImage, NoInk> {
    let format = match sniff(bytes) {
        Ok(FileType::Png) => ImageFormat::Png,
        Ok(FileType::Jpeg) => ImageFormat::Jpeg,
        _ => return Err(NoInk::Unreadable),
    };
    let refusal = |error| match error {
        image::ImageError::Limits(_) => NoInk::TooManyPixels,
        _ => NoInk::Unreadable,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(10_000);
    limits.max_image_height = Some(10_000);
    limits.max_alloc = Some(PIXELS_MAX * 16);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(NoInk::TooManyPixels);
    }
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(picture.into_rgba8())
}

/// Without the transparent margins. `None` where nothing is drawn: all transparent, or all of one colour.
fn cut(picture: &RgbaImage) -> Option<RgbaImage> {
    let drawn = picture.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[3] > 0);
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for (x, y, _) in drawn {
        (left, right) = (left.min(x), right.max(x));
        (top, bottom) = (top.min(y), bottom.max(y));
    }
    let (width, height) =
        (right.checked_sub(left)?.checked_add(1)?, bottom.checked_sub(top)?.checked_add(1)?);
    let opaque = picture.pixels().all(|pixel| pixel.0[3] == u8::MAX);
    let first = picture.pixels().next()?;
    if opaque && picture.pixels().all(|pixel| pixel == first) {
        return None;
    }
    Some(image::imageops::crop_imm(picture, left, top, width, height).to_image())
}

/// The picture as it is kept. Takes up to a second.
pub fn draw(bytes: &[u8]) -> Result<Ink, NoInk> {
    let picture = cut(&decode(bytes)?).ok_or(NoInk::Empty)?;
    for edge in EDGES {
        let longest = picture.width().max(picture.height());
        let picture = DynamicImage::ImageRgba8(picture.clone());
        let picture = if longest > edge { picture.resize(edge, edge, FilterType::Triangle) } else { picture };
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, ImageFormat::Png).map_err(|_| NoInk::Unreadable)?;
        let png = png.into_inner();
        if png.len() <= BYTES_MAX {
            return Ok(Ink { png, width: picture.width(), height: picture.height() });
        }
    }
    Err(NoInk::TooManyPixels)
}

/// What was kept, pixel by pixel.
pub fn drawing(png: &[u8], alt: String) -> Option<Drawing> {
    let picture = decode(png).ok()?;
    Some(Drawing { width: picture.width(), height: picture.height(), rgba: picture.into_raw(), alt })
}
