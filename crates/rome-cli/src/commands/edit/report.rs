//! What edits came to, for a person and as JSON.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use rome_core::edit::{DISABLING_ALIGNMENT, THIN_ALIGNMENT};
use rome_core::{Edit, EditRecord, Request, Variant};
use serde::Serialize;
use serde_json::json;

use super::watch::Seen;
use crate::output;

/// What one edit came to, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    weight: String,
    layer: usize,
    variant: Option<Variant>,
    lookup_idxs: Vec<usize>,
    losses: Vec<[f64; 4]>,
    division_factor: Option<f64>,
    alignment: Option<f64>,
    condition: f64,
    ridge: Option<f64>,
    relative_norm: f64,
    p_target_before: f64,
    p_target_after: f64,
    took: bool,
    seconds: Seconds,
    flops: Flops,
    /// The bytes that were taken of a device with memory of its own.
    device_memory: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Seconds {
    load: f64,
    capture: f64,
    optimise: f64,
    solve: f64,
    total: f64,
}

impl Seconds {
    /// Of the run as a whole.
    pub(crate) fn of_run(load: f64, total: f64) -> Self {
        Self { load, total, ..Self::default() }
    }
}

/// The floating-point operations that the parts could not do without.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Flops {
    capture: u64,
    optimise: u64,
}

/// What an edit took to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    seconds: Seconds,
    flops: Flops,
    device_memory: Option<u64>,
}

impl Measured {
    pub(crate) fn new(edit: &Edit, device_memory: Option<u64>) -> Self {
        let timings = edit.timings;
        let seconds = Seconds {
            capture: timings.capture.as_secs_f64(),
            optimise: timings.optimise.as_secs_f64(),
            solve: timings.solve.as_secs_f64(),
            ..Seconds::default()
        };
        let flops = Flops { capture: edit.flops.capture, optimise: edit.flops.optimise(edit.losses.len()) };
        Self { seconds, flops, device_memory }
    }
}

impl Report {
    /// Reports on the edit at `index` of a record; nothing was measured of those of an earlier run.
    pub(crate) fn new(record: &EditRecord, index: usize, measured: Option<Measured>, run: Seconds) -> Self {
        let entry = &record.edits[index];
        let statistics = record.statistics.get(&entry.layer);
        let outcome = entry.outcome;
        let part = measured.map_or(Seconds::default(), |measured| measured.seconds);
        Self {
            weight: entry.weight.clone(),
            layer: entry.layer,
            variant: record.settings.as_ref().map(|settings| settings.variant),
            lookup_idxs: entry.lookup_idxs.clone(),
            losses: entry.losses.clone(),
            division_factor: entry.division_factor,
            alignment: entry.alignment,
            condition: statistics.map_or(f64::NAN, |statistics| statistics.condition),
            ridge: statistics.and_then(|statistics| statistics.ridge),
            relative_norm: entry.relative_norm,
            p_target_before: outcome.map_or(0.0, |outcome| outcome.p_target_before),
            p_target_after: outcome.map_or(0.0, |outcome| outcome.p_target_after),
            took: outcome.is_some_and(|outcome| outcome.took),
            seconds: Seconds { load: run.load, total: run.total, ..part },
            flops: measured.map_or(Flops::default(), |measured| measured.flops),
            device_memory: measured.and_then(|measured| measured.device_memory),
        }
    }
}

impl Report {
    /// Whether the division has inflated the update so far that it may well disable the model.
    fn is_disabling(&self) -> bool {
        self.alignment.is_some_and(|cosine| cosine.abs() < DISABLING_ALIGNMENT)
    }

    /// Says so if the division inflates the update.
    fn warn_of_division(&self) {
        let (Some(cosine), Some(factor)) = (self.alignment, self.division_factor) else { return };
        if cosine.abs() < THIN_ALIGNMENT {
            let how = if self.is_disabling() { " so far that it may disable the model" } else { "" };
            output::warning(format!(
                "{}: the key it divides by hardly points along the edit (cosine {cosine:.4}, division factor {factor:.4}), \
                 which inflates it{how}; ‖ΔW‖ is {:.1} % of ‖W‖: try --variant mean-key, and see rome audit",
                self.weight,
                100.0 * self.relative_norm
            ));
        }
    }
}

/// Prints what all requests came to, and returns whether each was edited and took.
pub(crate) fn print(
    requests: &[Request],
    results: &[Result<(), String>],
    reports: &[Report],
    watched: Option<Vec<Seen>>,
    n_layers: usize,
    as_json: bool,
) -> Result<bool> {
    let all_took = results.iter().all(Result::is_ok)
        && reports.iter().all(|report| report.took && !report.is_disabling());
    for report in reports {
        report.warn_of_division();
    }
    let failed =
        || results.iter().enumerate().filter_map(|(index, result)| Some((index, result.as_ref().err()?)));
    match (as_json, reports, requests) {
        (true, [report], [_]) => output::json(report)?,
        (true, ..) => {
            let failed: Vec<_> =
                failed().map(|(request, error)| json!({ "request": request, "error": error })).collect();
            output::json(
                &json!({ "edits": reports, "took": all_took, "failed": failed, "watched": watched }),
            )?;
        }
        (false, _, [request]) => one(request, reports)?,
        (false, ..) => {
            let mut of_edited = reports.chunks(n_layers);
            let rows: Vec<_> = results
                .iter()
                .map(|result| result.as_ref().map(|()| of_edited.next().unwrap_or_default()))
                .collect();
            many(requests, &rows)?;
            if let Some(Seen { perplexity, norm, .. }) = watched.as_ref().and_then(|seen| seen.last()) {
                output::line(format!(
                    "perplexity on text is {perplexity:.3} times as high as before, the edited weights are {norm:.3} times as large"
                ))?;
            }
        }
    }
    Ok(all_took)
}

/// Prints a request's outcome, then a line or two for each layer.
fn one(request: &Request, reports: &[Report]) -> Result<()> {
    let Some(last) = reports.last() else { return Ok(()) };
    let took = match last.took {
        true if last.p_target_after < 0.5 => "took, by its first token",
        true => "took",
        false => "did not take",
    };
    output::line(format!("{} {took}", output::bold(&request.to_string())))?;
    output::line(format!(
        "  probability of the target {} → {}",
        output::percent(last.p_target_before),
        output::percent(last.p_target_after)
    ))?;
    for report in reports {
        let loss = |losses: Option<&[f64; 4]>| losses.map_or(0.0, |losses| losses[0]);
        output::line(format!("  {}: ‖ΔW‖ is {:.1} % of ‖W‖", report.weight, 100.0 * report.relative_norm))?;
        output::line(format!(
            "  loss {:.3} → {:.3}, division factor {:.2}, cosine {:.2}, condition of C {:.1e}",
            loss(report.losses.first()),
            loss(report.losses.last()),
            report.division_factor.unwrap_or_default(),
            report.alignment.unwrap_or_default(),
            report.condition
        ))?;
    }
    Ok(())
}

/// Prints a table of many requests.
fn many(requests: &[Request], rows: &[Result<&[Report], &String>]) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["", "request", "target before", "after", "‖ΔW‖ / ‖W‖", ""]);
    let (mut n_took, mut n_edited) = (0, 0);
    for (index, (request, row)) in requests.iter().zip(rows).enumerate() {
        let label = shortened(&request.to_string(), 60);
        let cells = match row {
            Ok(reports) => {
                let Some(last) = reports.last() else { continue };
                n_edited += 1;
                n_took += usize::from(last.took);
                let norms = reports.iter().map(|report| format!("{:.1} %", 100.0 * report.relative_norm));
                [
                    output::percent(last.p_target_before),
                    output::percent(last.p_target_after),
                    norms.collect::<Vec<_>>().join(", "),
                    if last.took { "took" } else { "did not take" }.to_owned(),
                ]
            }
            Err(error) => [String::new(), String::new(), String::new(), format!("failed: {error}")],
        };
        table.add_row([index.to_string(), label].into_iter().chain(cells));
    }
    for column in [0, 2, 3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        output::line(line.trim_end())?;
    }
    let n_failed = requests.len() - n_edited;
    let others = [(n_edited - n_took, "did not"), (n_failed, "failed")];
    let others = others.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}"));
    output::line(format!("{n_took} of {} took{}", requests.len(), others.collect::<String>()))
}

/// The beginning of a text that is longer than `len` characters.
pub(crate) fn shortened(text: &str, len: usize) -> String {
    match text.chars().count() > len {
        true => text.chars().take(len - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
