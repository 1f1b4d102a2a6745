//! `rome stats show`

use anyhow::{Context, Result};
use rome_core::Factor;
use rome_session::statistics;
use rome_stats::{Change, Provenance};
use serde_json::json;

use crate::args::ShowArgs;
use crate::error::Outcome;
use crate::{output, plot};

/// Below this many tokens for each dimension, edits get measurably worse (arXiv 2506.04226).
const FEW_TOKENS: u64 = 2;

pub(crate) fn run(args: ShowArgs) -> Result<Outcome> {
    let statistics = statistics::read(&args.file)?;
    let (moment, provenance) = (&statistics.moment, &statistics.provenance);
    let factor = Factor::new(moment).with_context(|| args.file.display().to_string())?;
    let per_dimension = moment.count() as f64 / moment.d_ff() as f64;
    if moment.count() < FEW_TOKENS * moment.d_ff() as u64 {
        output::warning(format!(
            "{per_dimension:.1} tokens for each of {} dimensions are few; collect at least {FEW_TOKENS} for each",
            moment.d_ff()
        ));
    }
    if let Some(path) = &args.plot {
        let layer = provenance.layer.unwrap_or_default();
        output::write_file(path, plot::convergence(&[(layer, &statistics.changes)])?.as_bytes())?;
    }
    if args.json {
        output::json(&json!({
            "d_ff": moment.d_ff(),
            "count": moment.count(),
            "tokens_per_dimension": per_dimension,
            "trace": moment.trace(),
            "eigenvalues": factor.eigenvalues(),
            "condition": factor.condition(),
            "ridge": factor.ridge(),
            "changes": statistics.changes,
            "provenance": provenance,
        }))?;
        return Ok(Outcome::Done);
    }
    let unknown = || "not said".to_owned();
    let [smallest, greatest] = factor.eigenvalues();
    let rows = [
        ("model", provenance.model_hash.clone().unwrap_or_else(unknown)),
        ("layer", provenance.layer.map_or_else(unknown, |layer| layer.to_string())),
        ("corpus", provenance.corpus_hash.clone().unwrap_or_else(unknown)),
        ("documents", format!("{}{}", provenance.documents, of_shards(provenance))),
        (
            "tokens",
            format!("{} ({per_dimension:.1} for each of {} dimensions)", moment.count(), moment.d_ff()),
        ),
        ("trace of C", format!("{:.6}", moment.trace())),
        ("eigenvalues of C", format!("{smallest:.3e} to {greatest:.3e}")),
        ("condition of C", format!("{:.3e}", factor.condition())),
        ("computed by", provenance.environment.as_ref().map_or_else(unknown, ToString::to_string)),
        ("ridge", factor.ridge().map_or_else(|| "none needed".to_owned(), |ridge| format!("{ridge:.1e}"))),
    ];
    rows.iter().try_for_each(|(name, value)| output::line(format!("{name:<17} {value}")))?;
    if !statistics.changes.is_empty() {
        output::line(format!("\n{:>12}  {:>12}  {:>12}", "up to tokens", "C changed by", "C⁻¹k by"))?;
    }
    for Change { tokens, second_moment, direction } in &statistics.changes {
        let [second_moment, direction] =
            [second_moment, direction].map(|&change| output::percent(change.into()));
        output::line(format!("{tokens:>12}  {second_moment:>12}  {direction:>12}"))?;
    }
    Ok(Outcome::Done)
}

fn of_shards(provenance: &Provenance) -> String {
    let shards = provenance.shards.as_ref();
    shards.map_or_else(String::new, |shards| format!(" in {} of {} shards", shards.indices.len(), shards.of))
}
