//! Photos: decoded within limits, turned upright, made smaller, and written anew without anything but the picture.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::sniff::FileType;

/// Largest picture that is decoded, in pixels.
pub const PIXELS_MAX: u64 = 50_000_000;
/// Longest edge of what is kept, in pixels.
pub const EDGE_MAX: u32 = 3000;
const QUALITY: u8 = 85;

/// Why a picture is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureError {
    /// More than [`PIXELS_MAX`].
    TooManyPixels,
    /// Broken, or not what it says.
    Unreadable,
}

/// The picture anew. PNG stays PNG; WebP becomes a JPEG, or a PNG where parts are transparent. Takes seconds for large ones.
pub fn anew(bytes: &[u8], kind: FileType) -> Result<(Vec<u8>, FileType), PictureError> {
    let format = match kind {
        FileType::Jpeg => ImageFormat::Jpeg,
        FileType::Png => ImageFormat::Png,
        FileType::WebP => ImageFormat::WebP,
        FileType::Pdf => return Err(PictureError::Unreadable),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(30_000);
    limits.max_image_height = Some(30_000);
    limits.max_alloc = Some(PIXELS_MAX * 8);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(PictureError::TooManyPixels);
    }
    // A photo with a broken note about its orientation is still a photo.
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    if picture.width().max(picture.height()) > EDGE_MAX {
        picture = picture.resize(EDGE_MAX, EDGE_MAX, FilterType::Triangle);
    }
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    let mut out = Cursor::new(Vec::new());
    let transparent = kind == FileType::WebP && picture.color().has_alpha();
    if kind == FileType::Png || transparent {
        picture.write_to(&mut out, ImageFormat::Png).map_err(refusal)?;
        return Ok((out.into_inner(), FileType::Png));
    }
    let flat = picture.into_rgb8();
    JpegEncoder::new_with_quality(&mut out, QUALITY).encode_image(&flat).map_err(refusal)?;
    Ok((out.into_inner(), FileType::Jpeg))
}

fn refusal(error: image::ImageError) -> PictureError {
    match error {
        image::ImageError::Limits(_) => PictureError::TooManyPixels,
        _ => PictureError::Unreadable,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A JPEG, 40 by 20, with an EXIF block: turned by 90 degrees, and with a place.
    pub fn with_gps() -> Vec<u8> {
        let mut plain = Vec::new();
        let picture = image::RgbImage::from_pixel(40, 20, image::Rgb([200, 40, 40]));
        JpegEncoder::new(&mut plain).encode_image(&picture).unwrap();
        let mut tiff = b"MM\0\x2A\0\0\0\x08\0\x02".to_vec();
        // Orientation 6, then a pointer to the GPS block.
        tiff.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
        tiff.extend(b"\x88\x25\0\x04\0\0\0\x01\0\0\0\x26\0\0\0\0");
        // Latitude: `N`.
        tiff.extend(b"\0\x01\0\x01\0\x02\0\0\0\x02N\0\0\0\0\0\0\0");
        tiff.extend(b"GPS 47.218371 -1.553621");
        let mut all = plain[..2].to_vec();
        all.extend(b"\xFF\xE1");
        all.extend(u16::try_from(tiff.len() + 8).unwrap().to_be_bytes());
        all.extend(b"Exif\0\0");
        all.extend(tiff);
        all.extend(&plain[2..]);
        all
    }

    #[test]
    fn a_photo_is_turned_upright_and_loses_where_it_was_taken() {
        let photo = with_gps();
        assert!(super::super::sniff::find(&photo, b"47.218371").is_some());
        let (out, kind) = anew(&photo, FileType::Jpeg).unwrap();
        assert_eq!(kind, FileType::Jpeg);
        let back = image::load_from_memory(&out).unwrap();
        assert_eq!((back.width(), back.height()), (20, 40));
        for trace in [&b"Exif"[..], b"47.218371", b"GPS"] {
            assert!(super::super::sniff::find(&out, trace).is_none());
        }
    }

    #[test]
    fn a_large_picture_becomes_smaller_and_a_huge_one_is_not_decoded() {
        let mut png = Cursor::new(Vec::new());
        DynamicImage::new_luma8(4000, 100).write_to(&mut png, ImageFormat::Png).unwrap();
        let (out, kind) = anew(png.get_ref(), FileType::Png).unwrap();
        let back = image::load_from_memory(&out).unwrap();
        assert_eq!((kind, back.width(), back.height()), (FileType::Png, 3000, 75));
        // The header alone says 20 000 by 20 000.
        let mut huge = png.into_inner();
        huge[16..24].copy_from_slice(b"\0\0\x4E\x20\0\0\x4E\x20");
        let crc = crc32fast::hash(&huge[12..29]).to_be_bytes();
        huge[29..33].copy_from_slice(&crc);
        assert_eq!(anew(&huge, FileType::Png), Err(PictureError::TooManyPixels));
        assert_eq!(anew(b"\xFF\xD8\xFF\xE0 nothing", FileType::Jpeg), Err(PictureError::Unreadable));
    }
}
