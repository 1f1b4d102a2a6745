//! Draws the answers of the demo before and after its edit, and a causal trace of its fact.

use rome_eval::trace::{Trace, heat_map};
use rome_plot::{Shift, ShiftChart, ShiftGroup, beside};

use super::report::{DemoPrompt, DemoReport};
use crate::Error;

/// Draws the report and, beside it, the traces of the fact before the edit.
pub(super) fn svg(report: &DemoReport, traces: &[Trace]) -> Result<String, Error> {
    let DemoReport { subject, old, new, .. } = report;
    let group = |(name, prompts): (&str, &[DemoPrompt])| ShiftGroup {
        name: name.to_owned(),
        shifts: prompts.iter().map(shift).collect(),
    };
    let answers = ShiftChart {
        title: format!("One edit: {subject}'s mother tongue is {new}, not {old}"),
        groups: report.groups().into_iter().map(group).collect(),
        x_name: format!("p({new}) before \u{25cb} and after \u{25cf}"),
    };
    let mut pictures = vec![answers.to_svg()?];
    for trace in traces {
        pictures.push(heat_map(trace, &report.model).to_svg()?);
    }
    Ok(beside(&pictures)?)
}

fn shift(prompt: &DemoPrompt) -> Shift {
    Shift { name: prompt.prompt.clone(), before: prompt.before.new, after: prompt.after.new }
}
