//! A picture of how a second moment converges.

use rome_core::Convergence;
use rome_plot::{Axis, Figure, Line, Panel, Scale};

use crate::error::Error;

/// Draws how much each doubling of the number of tokens has changed at each layer, as SVG: C on the left, the
/// directions of edits on the right.
///
/// # Errors
/// When it cannot be drawn.
pub fn convergence_picture(curves: &[(usize, &[Convergence])]) -> Result<String, Error> {
    let panel = |of: &str, value: fn(&Convergence) -> f32| Panel {
        title: format!("What a doubling of the text changes in {of}"),
        x: Axis { name: "tokens".to_owned(), scale: Scale::Log, format: count },
        y: Axis {
            name: String::new(),
            scale: Scale::Log,
            format: |value| format!("{} %", plain(100.0 * value)),
        },
        lines: curves.iter().map(|(layer, curve)| line(*layer, curve, value)).collect(),
    };
    let panels = vec![panel("C", |at| at.second_moment), panel("directions C⁻¹k", |at| at.direction)];
    Ok(Figure { panels }.to_svg()?)
}

fn line(layer: usize, curve: &[Convergence], value: fn(&Convergence) -> f32) -> Line {
    let point = |at: &Convergence| (at.tokens as f64, f64::from(value(at)));
    Line { name: format!("layer {layer}"), points: curve.iter().map(point).collect(), band: Vec::new() }
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
