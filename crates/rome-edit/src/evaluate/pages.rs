//! Pages and pictures in folders of results.

use std::path::Path;

use rome_eval::Results;

use super::outcome::by_name;
use super::sweep_picture;
use super::sweep_results::SweepResults;
use crate::error::Error;
use crate::pictures::write_picture;

const PAGE: &str = "report.html";

/// Writes the page of one run, beside its cases.
pub(super) fn write_run(results: &Results) -> Result<(), Error> {
    let page = rome_eval::html(&format!("Evaluation of {}", results.run().name), &[results], &[]);
    Ok(rome_files::write(&results.folder().join(PAGE), page.as_bytes())?)
}

/// Writes the comparison of several runs, above their folders.
pub(super) fn write_comparison(
    folder: &Path,
    runs: &[Results],
    sweeps: &[SweepResults],
) -> Result<(), Error> {
    let summaries = serde_json::to_value(by_name(runs)).expect("numbers are JSON");
    rome_files::write(&folder.join("comparison.json"), format!("{summaries:#}\n").as_bytes())?;
    let mut pictures = Vec::new();
    for sweep in sweeps {
        if let Some(svg) = sweep_picture::draw(sweep)? {
            write_picture(folder, sweep.setting, &svg)?;
            pictures.push(svg);
        }
    }
    let runs: Vec<&Results> = runs.iter().collect();
    let page = rome_eval::html("Ways of editing compared", &runs, &pictures);
    Ok(rome_files::write(&folder.join(PAGE), page.as_bytes())?)
}
