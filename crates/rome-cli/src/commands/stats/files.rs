//! `rome stats fetch`, `merge`, `convert` and `show`

use anyhow::Result;
#[cfg(feature = "hub")]
use rome_edit::statistics::FetchStatistics;
use rome_edit::statistics::{
    ConvertStatistics, MergeStatistics, ShowStatistics, StatisticsFile, StatisticsReport,
};

#[cfg(feature = "hub")]
use crate::args::FetchArgs;
use crate::args::{ConvertArgs, MergeArgs, ShowArgs, sum_format};
use crate::ui::{self, ProgressBar};

#[cfg(feature = "hub")]
pub(crate) fn fetch(args: FetchArgs) -> Result<()> {
    let FetchArgs { model, layers, name, url, dataset, samples, precision, output, form } = args;
    let fetch = FetchStatistics { layers, name, url, dataset, samples, precision, output };
    let mut bar = ProgressBar::new();
    let fetched = fetch.run(&model.load(&mut bar)?, &mut bar)?;
    drop(bar);
    form.print(&fetched, |fetched| fetched.files.iter().try_for_each(print_file))
}

pub(crate) fn merge(args: MergeArgs) -> Result<()> {
    let merge = MergeStatistics { files: args.files, output: args.output, format: sum_format(args.compact) };
    let merged = merge.run(&mut ProgressBar::new())?;
    args.form.print(&merged, |merged| {
        let (tokens, documents) = (merged.tokens, merged.documents);
        ui::line(format!("{tokens} tokens of {documents} documents in {}", merged.file.display()))
    })?;
    if merged.missing_shards > 0 {
        tracing::info!("{} shards are missing", merged.missing_shards);
    }
    Ok(())
}

pub(crate) fn convert(args: ConvertArgs) -> Result<()> {
    let convert =
        ConvertStatistics { input: args.input, output: args.output, format: sum_format(args.compact) };
    print_file(&convert.run()?)
}

/// Prints a file with its size.
fn print_file(file: &StatisticsFile) -> Result<()> {
    ui::line(format!("{} ({})", file.path.display(), ui::size(file.n_bytes)))
}

pub(crate) fn show(args: ShowArgs) -> Result<()> {
    let report = ShowStatistics { file: args.file, plot: args.plot }.run()?;
    args.form.print(&report, print)
}

fn print(report: &StatisticsReport) -> Result<()> {
    let StatisticsReport { provenance, count, tokens_per_dimension, d_ff, .. } = report;
    let [smallest, largest] = report.eigenvalues;
    let unknown = || "not said".to_owned();
    let shards = provenance.shards.as_ref();
    let of_shards = shards.map(|shards| format!(" in {} of {} shards", shards.indices.len(), shards.of));
    let rows = [
        ("model", provenance.model_hash.as_ref().map_or_else(unknown, ToString::to_string)),
        ("layer", provenance.layer.map_or_else(unknown, |layer| layer.to_string())),
        ("corpus", provenance.corpus_hash.clone().unwrap_or_else(unknown)),
        ("documents", format!("{}{}", provenance.documents, of_shards.unwrap_or_default())),
        ("tokens", format!("{count} ({tokens_per_dimension:.1} for each of {d_ff} dimensions)")),
        ("trace of C", format!("{:.6}", report.trace)),
        ("eigenvalues of C", format!("{smallest:.3e} to {largest:.3e}")),
        ("condition of C", format!("{:.3e}", report.condition)),
        ("computed by", provenance.environment.as_ref().map_or_else(unknown, ToString::to_string)),
        ("ridge", report.ridge.map_or_else(|| "none needed".to_owned(), |ridge| format!("{ridge:.1e}"))),
    ];
    rows.iter().try_for_each(|(name, value)| ui::line(format!("{name:<17} {value}")))?;
    if !report.convergence.is_empty() {
        ui::line(format!("\n{:>12}  {:>12}  {:>12}", "up to tokens", "C changed by", "C⁻¹k by"))?;
    }
    for at in &report.convergence {
        let [second_moment, direction] =
            [at.second_moment, at.direction].map(|change| ui::percent(change.into()));
        ui::line(format!("{:>12}  {second_moment:>12}  {direction:>12}", at.tokens))?;
    }
    Ok(())
}
