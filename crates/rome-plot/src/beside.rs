//! Pictures side by side.

use crate::PlotError;
use crate::picture::read;

/// Puts pictures side by side in one picture, from left to right, their upper edges at one height.
///
/// # Errors
/// [`PlotError::Svg`] when one of them is not an SVG.
pub fn beside(svgs: &[String]) -> Result<String, PlotError> {
    let mut parts = String::new();
    let (mut width, mut height) = (0.0, 0.0_f32);
    for svg in svgs {
        let size = read(svg)?.size();
        let start = svg.find("<svg").unwrap_or(0);
        parts.push_str(&format!("<svg x=\"{width}\" {}\n", svg[start + "<svg".len()..].trim()));
        width += size.width();
        height = height.max(size.height());
    }
    // An SVG has some size, even where there is nothing to show.
    let (width, height) = (width.max(1.0), height.max(1.0));
    Ok(format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n{parts}</svg>\n"
    ))
}

#[cfg(test)]
mod tests {
    use resvg::tiny_skia::Pixmap;

    use super::*;
    use crate::to_png;

    fn square(size: u32, colour: &str) -> String {
        format!(
            "<svg width=\"{size}\" height=\"{size}\" viewBox=\"0 0 {size} {size}\" \
             xmlns=\"http://www.w3.org/2000/svg\"><rect width=\"{size}\" height=\"{size}\" fill=\"{colour}\"/></svg>"
        )
    }

    #[test]
    fn pictures_stand_beside_each_other_at_one_height() {
        let both = beside(&[square(10, "red"), square(20, "blue")]).unwrap();
        let pixels = Pixmap::decode_png(&to_png(&both, 1.0).unwrap()).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (30, 20));
        let colour = |x, y| {
            let pixel = pixels.pixel(x, y).unwrap();
            [pixel.red(), pixel.green(), pixel.blue()]
        };
        assert_eq!(colour(5, 5), [255, 0, 0]);
        assert_eq!(colour(15, 15), [0, 0, 255]);
        // Below the smaller one.
        assert_eq!(colour(5, 15), [255, 255, 255]);
    }

    #[test]
    fn no_pictures_are_an_empty_picture_and_other_text_is_refused() {
        assert!(to_png(&beside(&[]).unwrap(), 1.0).is_ok());
        assert!(matches!(beside(&["text".to_owned()]), Err(PlotError::Svg(_))));
    }
}
