//! Pictures of traces, in the paper's layout.

use rome_plot::{Axis, Figure, HeatMap, Line, Palette, Panel, PlotError, Ramp, Scale};

use super::averages::TraceAverages;
use super::kind::TraceKind;
use super::trace::Trace;

/// Tokens down, layers across; the subject's tokens have a star.
pub fn heat_map(trace: &Trace, model: &str) -> HeatMap {
    let [start, end] = trace.subject_range;
    let label = |(index, token): (usize, &String)| {
        let star = if (start..end).contains(&index) { "*" } else { "" };
        format!("{token}{star}")
    };
    let cut = match trace.severed {
        Some(severed) => format!(", {} severed", noun(severed)),
        None => String::new(),
    };
    HeatMap {
        title: format!("Impact of restoring {}{cut} after corrupted input", noun(trace.kind)),
        rows: trace.tokens.iter().enumerate().map(label).collect(),
        x_name: x_name(trace.kind, trace.window, model),
        values: trace.scores.clone(),
        bar: format!("p({})", trace.answer.trim()),
        ramp: ramp(trace.kind),
        range: Some((
            trace.low_score,
            trace.scores.iter().flatten().copied().fold(trace.low_score, f64::max),
        )),
    }
}

/// Roles down, layers across: average indirect effects.
pub fn averages_map(averages: &TraceAverages, model: &str) -> HeatMap {
    HeatMap {
        title: format!("Average indirect effect of {} over {} facts", noun(averages.kind), averages.n),
        rows: averages.roles.iter().map(|average| average.role.label().to_owned()).collect(),
        x_name: x_name(averages.kind, averages.window, model),
        values: averages
            .roles
            .iter()
            .map(|average| match average.n {
                // Nothing has this role in any prompt.
                0 => vec![f64::NAN; average.effects.len()],
                _ => average.effects.iter().map(|effect| effect.mean).collect(),
            })
            .collect(),
        bar: "AIE".to_owned(),
        ramp: ramp(averages.kind),
        range: None,
    }
}

/// Average indirect effects as lines over layers, with their 95 % intervals: a panel for each kind.
///
/// # Errors
/// When the drawing library gives up.
pub fn averages_figure(averages: &[TraceAverages], model: &str) -> Result<String, PlotError> {
    let panel = |averages: &TraceAverages| {
        let lines = averages.roles.iter().filter(|average| average.n > 0).map(|average| {
            let effects = &average.effects;
            Line {
                name: average.role.label().to_owned(),
                points: effects
                    .iter()
                    .enumerate()
                    .map(|(layer, effect)| (layer as f64, effect.mean))
                    .collect(),
                band: effects
                    .iter()
                    .map(|effect| (effect.mean - effect.ci95, effect.mean + effect.ci95))
                    .collect(),
            }
        });
        Panel {
            title: format!("Average indirect effect of {}", noun(averages.kind)),
            x: Axis {
                name: format!("layer of {model}"),
                scale: Scale::Linear,
                format: |layer| format!("{layer}"),
            },
            y: Axis {
                name: "indirect effect on p(answer)".to_owned(),
                scale: Scale::Linear,
                format: |effect| format!("{effect:.2}"),
            },
            lines: lines.collect(),
        }
    };
    Figure { panels: averages.iter().map(panel).collect() }.to_svg_with(Palette::Categorical)
}

fn noun(kind: TraceKind) -> &'static str {
    match kind {
        TraceKind::State => "state",
        TraceKind::Mlp => "MLP",
        TraceKind::Attn => "attention",
    }
}

fn x_name(kind: TraceKind, window: usize, model: &str) -> String {
    match kind {
        TraceKind::State => format!("single restored layer within {model}"),
        kind => format!("center of interval of {window} restored {} layers within {model}", noun(kind)),
    }
}

fn ramp(kind: TraceKind) -> Ramp {
    match kind {
        TraceKind::State => Ramp::Purple,
        TraceKind::Mlp => Ramp::Green,
        TraceKind::Attn => Ramp::Red,
    }
}
