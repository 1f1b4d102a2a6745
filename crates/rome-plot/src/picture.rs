//! Pictures that look the same everywhere: the font comes along.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{ImageHrefResolver, Indent, Options, Tree, WriteOptions};

use crate::PlotError;

const FONT: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");
const FAMILY: &str = "DejaVu Sans";

/// An SVG in which every text is outlines of the font of this crate, so that none need be installed where
/// it is looked at.
///
/// # Errors
/// [`PlotError::Svg`] when it is none.
pub fn outlined(svg: &str) -> Result<String, PlotError> {
    let written = WriteOptions {
        preserve_text: false,
        // A thousandth of a pixel is not seen; more digits make files a fifth larger.
        coordinates_precision: 3,
        indent: Indent::Spaces(0),
        ..WriteOptions::default()
    };
    Ok(read(svg)?.to_string(&written))
}

/// A PNG of an SVG on white, with `scale` pixels for each of its own.
///
/// # Errors
/// [`PlotError::Svg`] when it is none, [`PlotError::Size`] when there would be no pixel or too many.
pub fn to_png(svg: &str, scale: f32) -> Result<Vec<u8>, PlotError> {
    /// A picture larger than this is a mistake: it takes 256 MB of memory.
    const MOST_PIXELS: f32 = 64e6;
    let tree = read(svg)?;
    let (width, height) = ((tree.size().width() * scale).round(), (tree.size().height() * scale).round());
    let fits = width >= 1.0 && height >= 1.0 && width * height <= MOST_PIXELS;
    let pixels = if fits { Pixmap::new(width as u32, height as u32) } else { None };
    let mut pixels = pixels.ok_or(PlotError::Size { width, height })?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PlotError::Png(error.to_string()))
}

/// Its shapes and its texts, laid out.
pub(crate) fn read(svg: &str) -> Result<Tree, PlotError> {
    let options = Options {
        fontdb: fonts(),
        // A picture reads no other files.
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(svg, &options).map_err(|error| PlotError::Svg(error.to_string()))
}

/// The font of this crate, whichever is asked for: where there is none of a name, one with serifs is
/// taken.
fn fonts() -> Arc<Database> {
    static FONTS: OnceLock<Arc<Database>> = OnceLock::new();
    let read = || {
        let mut fonts = Database::new();
        fonts.load_font_source(Source::Binary(Arc::new(FONT)));
        fonts.set_sans_serif_family(FAMILY);
        fonts.set_serif_family(FAMILY);
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_text(text: &str) -> String {
        format!(
            r#"<svg width="80" height="30" xmlns="http://www.w3.org/2000/svg"><text x="4" y="20"
            font-family="Helvetica, sans-serif" font-size="16">{text}</text></svg>"#
        )
    }

    #[test]
    fn an_outlined_picture_has_outlines_and_no_text() {
        let path = |text: &str| {
            let svg = outlined(&with_text(text)).unwrap();
            assert!(!svg.contains("<text") && !svg.contains("font"), "{svg}");
            svg.matches('M').count()
        };
        // An l is one outline, an o two and an i has a dot.
        assert_eq!([path("l"), path("llll"), path("oil"), path("")], [1, 4, 5, 0]);
    }

    #[test]
    fn an_outlined_picture_can_be_outlined_and_drawn() {
        let svg = outlined(&with_text("token")).unwrap();
        assert_eq!(outlined(&svg).unwrap(), svg);
        let pixels = |svg: &str| Pixmap::decode_png(&to_png(svg, 2.0).unwrap()).unwrap();
        // Coordinates are rounded: a pixel at an edge may be covered by a sixteenth more.
        let (outlines, text) = (pixels(&svg), pixels(&with_text("token")));
        assert!(outlines.data().iter().zip(text.data()).all(|(a, b)| a.abs_diff(*b) <= 16));
    }

    #[test]
    fn a_png_has_the_size_that_is_asked_for_and_ink_where_text_is() {
        let png = to_png(&with_text("token"), 1.5).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        let pixels = Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (120, 45));
        let dark = |x, y| pixels.pixel(x, y).is_some_and(|pixel| pixel.red() < 128 && pixel.alpha() == 255);
        let inked = |xs: std::ops::Range<u32>| xs.flat_map(|x| (0..45).map(move |y| (x, y)));
        assert!(inked(6..70).filter(|&(x, y)| dark(x, y)).count() > 100);
        assert_eq!(inked(90..120).filter(|&(x, y)| dark(x, y)).count(), 0);
        assert!(pixels.pixels().iter().all(|pixel| pixel.alpha() == 255));
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for scale in [0.0, -1.0, 1e-9, 1e9, f32::MAX, f32::INFINITY, f32::NAN] {
            let error = to_png(&with_text("token"), scale).unwrap_err();
            assert!(matches!(error, PlotError::Size { .. }), "{scale}: {error}");
        }
    }

    #[test]
    fn what_is_no_svg_is_refused() {
        for text in ["", "text", "<svg", "<html></html>"] {
            assert!(matches!(outlined(text), Err(PlotError::Svg(_))), "{text}");
            assert!(matches!(to_png(text, 1.0), Err(PlotError::Svg(_))), "{text}");
        }
    }
}
