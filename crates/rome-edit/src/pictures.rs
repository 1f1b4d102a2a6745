//! Pictures as files.

use std::path::Path;

use crate::Error;

/// The form of a file of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureForm {
    Svg,
    Png,
}

impl PictureForm {
    /// The form that the ending of a file's name says, if it is one of a picture.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("svg") => Some(Self::Svg),
            Some("png") => Some(Self::Png),
            _ => None,
        }
    }

    /// The bytes of a file of this form.
    pub(crate) fn bytes(self, svg: &str) -> Result<Vec<u8>, Error> {
        match self {
            Self::Svg => svg_bytes(svg),
            Self::Png => png_bytes(svg),
        }
    }
}

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
fn svg_bytes(svg: &str) -> Result<Vec<u8>, Error> {
    Ok(rome_plot::outlined(svg)?.into_bytes())
}

/// The bytes of a file of PNG.
fn png_bytes(svg: &str) -> Result<Vec<u8>, Error> {
    Ok(rome_plot::to_png(svg, PNG_SCALE)?)
}
