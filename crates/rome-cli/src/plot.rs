//! What is drawn.

use std::path::Path;

use anyhow::Result;
use rome_plot::{Axis, Figure, Line, Panel, Scale};
use rome_stats::Change;

use crate::output;

/// Pixels for each unit of a picture, so that it is sharp on a dense screen.
pub(crate) const PNG_SCALE: f32 = 2.0;

/// Draws what each doubling of the number of tokens has changed at each layer: C on the left, the
/// directions of edits on the right.
pub(crate) fn convergence(curves: &[(usize, &[Change])]) -> Result<String> {
    let panel = |what: &str, value: fn(&Change) -> f32| Panel {
        title: format!("What a doubling of the text changes in {what}"),
        x: Axis { name: "tokens".to_owned(), scale: Scale::Log, format: count },
        y: Axis {
            name: String::new(),
            scale: Scale::Log,
            format: |value| format!("{} %", plain(100.0 * value)),
        },
        lines: curves.iter().map(|(layer, changes)| line(*layer, changes, value)).collect(),
    };
    let panels =
        vec![panel("C", |change| change.second_moment), panel("directions C⁻¹k", |change| change.direction)];
    Ok(Figure { panels }.to_svg()?)
}

/// Writes a picture as SVG, its letters outlined, and as PNG.
pub(crate) fn write(folder: &Path, name: &str, svg: &str) -> Result<()> {
    let outlined = rome_plot::outlined(svg)?;
    output::write_file(&folder.join(format!("{name}.svg")), outlined.as_bytes())?;
    output::write_file(&folder.join(format!("{name}.png")), &rome_plot::to_png(svg, PNG_SCALE)?)
}

fn line(layer: usize, changes: &[Change], value: fn(&Change) -> f32) -> Line {
    let point = |change: &Change| (change.tokens as f64, f64::from(value(change)));
    Line { name: format!("layer {layer}"), points: changes.iter().map(point).collect(), band: Vec::new() }
}

/// A count as an axis has it.
fn count(count: f64) -> String {
    match count {
        count if count >= 1e6 => format!("{} M", plain(count / 1e6)),
        count if count >= 1e3 => format!("{} k", plain(count / 1e3)),
        count => plain(count),
    }
}

/// A number without zeros that say nothing.
fn plain(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
