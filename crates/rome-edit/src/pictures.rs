//! Pictures as files.

use std::path::Path;

use crate::Error;

/// Pixels for each unit of a picture, so that it is sharp on a dense screen.
const PNG_SCALE: f32 = 2.0;

/// Writes a picture as `<name>.svg`, its letters outlined, and as `<name>.png`.
///
/// # Errors
/// When it cannot be drawn, or a file cannot be written.
pub fn write_picture(folder: &Path, name: &str, svg: &str) -> Result<(), Error> {
    rome_files::write(&folder.join(format!("{name}.svg")), &svg_bytes(svg)?)?;
    Ok(rome_files::write(&folder.join(format!("{name}.png")), &png_bytes(svg)?)?)
}

/// The bytes of a file of SVG, its letters outlined, so that they look the same everywhere.
pub(crate) fn svg_bytes(svg: &str) -> Result<Vec<u8>, Error> {
    Ok(rome_plot::outlined(svg)?.into_bytes())
}

/// The bytes of a file of PNG.
pub(crate) fn png_bytes(svg: &str) -> Result<Vec<u8>, Error> {
    Ok(rome_plot::to_png(svg, PNG_SCALE)?)
}
