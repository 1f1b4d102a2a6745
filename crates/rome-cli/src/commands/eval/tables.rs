//! Tables of runs, and of how two of them differ.

use anyhow::Result;
use rome_edit::{Comparison, Difference, Estimate, MEASURES, Results, RunSummary, Summary};

use crate::ui::{self, Table};

/// So many flipped prompts are shown.
const SHOWN: usize = 20;

/// Prints a row for each run, and one for the model before any edit.
pub(super) fn runs(runs: &[Results]) -> Result<()> {
    let summaries: Vec<RunSummary> = runs.iter().map(|run| run.summary()).collect();
    let has = |name: &str| summaries.iter().any(|summary| summary.post.contains_key(name));
    let shown: Vec<&str> = MEASURES.into_iter().map(|(name, _)| name).filter(|name| has(name)).collect();
    let mut table = Table::new(["", "records"].into_iter().chain(shown.iter().copied()).chain(["s an edit"]));
    let cells = |summary: &Summary| -> Vec<String> {
        let cell = |estimate: &Estimate| format!("{:.1} ±{:.1}", estimate.mean, estimate.ci95);
        shown.iter().map(|name| summary.get(*name).map_or_else(String::new, cell)).collect()
    };
    let mut row = |name: &str, n: usize, summary: &Summary, time: f64| {
        let time = if time > 0.0 { format!("{time:.2}") } else { String::new() };
        table.row([name.to_owned(), n.to_string()].into_iter().chain(cells(summary)).chain([time]));
    };
    // The unedited model is what it was before any edit.
    if let ([first, ..], false) = (&summaries[..], runs.iter().any(|run| run.is_unedited())) {
        row("before", first.n, &first.pre, 0.0);
    }
    for (run, summary) in runs.iter().zip(&summaries) {
        row(&run.run().name, summary.n, &summary.post, summary.time);
    }
    table.right_from(1).print("")
}

/// Prints the differences of all measures, and the prompts that have flipped.
pub(super) fn comparison(comparison: &Comparison) -> Result<()> {
    let mut table = Table::new(["", "first", "other", "difference", "95 % interval", "p"]);
    for (name, _) in MEASURES {
        let Some(Difference { ours, theirs, difference, low, high, p }) = comparison.measures.get(name)
        else {
            continue;
        };
        table.row([
            name.to_owned(),
            format!("{ours:.1}"),
            format!("{theirs:.1}"),
            format!("{difference:+.2}"),
            format!("{low:+.2} to {high:+.2}"),
            format!("{p:.3}"),
        ]);
    }
    table.right_from(1).print("")?;
    ui::line(format!(
        "{} in both; {:.2} % of their prompts have the same outcome, {} flipped",
        ui::count(comparison.n, "case"),
        100.0 * comparison.agreement(),
        ui::count(comparison.flips.len(), "prompt"),
    ))?;
    if comparison.n_unpaired > 0 {
        ui::line(format!("{} only in one of them, left out", ui::count(comparison.n_unpaired, "case")))?;
    }
    for flip in comparison.flips.iter().take(SHOWN) {
        let run = if flip.ours { "first" } else { "other" };
        let (case, kind, index) = (flip.case_id, flip.kind, flip.index);
        ui::line(format!("  case {case}, {kind} prompt {index}: right in the {run} alone"))?;
    }
    match comparison.flips.len().checked_sub(SHOWN) {
        None | Some(0) => Ok(()),
        Some(n) => ui::line(format!("  and {n} more: see --json")),
    }
}
