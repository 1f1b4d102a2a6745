//! What evaluations came to, for a person, as JSON and as pages.

use std::path::Path;

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use rome_eval::{Against, Estimate, MEASURES, Results, RunSummary};
use serde_json::{Value, json};

pub(crate) use crate::commands::edit::count;
use crate::{output, plot};

/// The page of one run, beside its cases.
pub(crate) fn write(results: &Results) -> Result<()> {
    let page = rome_eval::html(&format!("Evaluation of {}", results.run().name), &[results], &[]);
    output::write_file(&results.folder().join("report.html"), page.as_bytes())
}

/// What several runs come to, above their folders.
pub(crate) fn write_comparison(folder: &Path, runs: &[&Results], pictures: &[(&str, String)]) -> Result<()> {
    let summaries: serde_json::Map<String, Value> =
        runs.iter().map(|run| (run.run().name.clone(), json!(run.summary()))).collect();
    output::write_file(
        &folder.join("comparison.json"),
        format!("{:#}\n", Value::Object(summaries)).as_bytes(),
    )?;
    for (setting, svg) in pictures {
        plot::write(folder, setting, svg)?;
    }
    let pictures: Vec<String> = pictures.iter().map(|(_, svg)| svg.clone()).collect();
    let page = rome_eval::html("Ways of editing compared", runs, &pictures);
    output::write_file(&folder.join("report.html"), page.as_bytes())
}

/// A row for each run, and one for the model before any edit.
pub(crate) fn table(runs: &[&Results]) -> String {
    let summaries: Vec<RunSummary> = runs.iter().map(|run| run.summary()).collect();
    let has = |name: &str| summaries.iter().any(|summary| summary.post.contains_key(name));
    let shown: Vec<&str> = MEASURES.into_iter().map(|(name, _)| name).filter(|name| has(name)).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let header = ["", "records"].into_iter().chain(shown.iter().copied()).chain(["s an edit"]);
    table.set_header(header);
    let cells = |summary: &std::collections::BTreeMap<String, Estimate>| -> Vec<String> {
        let cell = |name: &&str| match summary.get(*name) {
            Some(Estimate { mean, ci95 }) => format!("{mean:.1} ±{ci95:.1}"),
            None => String::new(),
        };
        shown.iter().map(cell).collect()
    };
    // The unedited model is what it was before any edit.
    if let ([first, ..], false) = (&summaries[..], runs.iter().any(|run| run.is_unedited())) {
        let start = ["before".to_owned(), first.n.to_string()];
        table.add_row(start.into_iter().chain(cells(&first.pre)).chain([String::new()]));
    }
    for (run, summary) in runs.iter().zip(&summaries) {
        let start = [run.run().name.clone(), summary.n.to_string()];
        let time = if summary.time > 0.0 { format!("{:.2}", summary.time) } else { String::new() };
        table.add_row(start.into_iter().chain(cells(&summary.post)).chain([time]));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The scores so far, on one line.
pub(crate) fn scores(summary: &RunSummary) -> String {
    let names = ["S", "ES", "PS", "NS", "score", "efficacy", "paraphrase", "specificity"];
    let shown = names.iter().filter_map(|name| Some(format!("{name} {:.1}", summary.post.get(*name)?.mean)));
    shown.collect::<Vec<_>>().join(" ")
}

pub(crate) fn json(runs: &[&Results], seconds: Value, faults: &[String], against: Option<&Against>) -> Value {
    let mut value = match runs {
        [run] => json!(run.summary()),
        runs => {
            let runs: serde_json::Map<String, Value> =
                runs.iter().map(|run| (run.run().name.clone(), json!(run.summary()))).collect();
            json!({ "runs": runs })
        }
    };
    value["seconds"] = seconds;
    value["left_out"] = json!(faults);
    if let Some(against) = against {
        value["against"] = json!(against);
    }
    value
}
