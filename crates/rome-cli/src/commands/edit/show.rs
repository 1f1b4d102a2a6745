//! `rome edit show`

use anyhow::Result;
use rome_core::request::one_line;
use rome_core::{EditEntry, EditPart};
use serde_json::json;

use crate::args::EditShowArgs;
use crate::edits;
use crate::error::{CliError, Outcome};
use crate::model;
use crate::output;

pub(crate) fn run(args: &EditShowArgs) -> Result<Outcome> {
    let file = edits::read(&args.file)?;
    if file.parts.is_empty() {
        return Err(CliError::with_hint(
            format!("{} has no edits on", args.file.display()),
            "see rome ledger log for those that were",
        ));
    }
    let bytes = file.to_bytes()?;
    if let Some(model) = &args.model {
        file.check_model(&model::hash(&model::source(model)?)?)?;
    }
    if args.json {
        let parts: Vec<_> = file.parts.iter().map(|part| &part.record).collect();
        let hash = blake3::hash(&bytes).to_hex().to_string();
        output::json(&json!({
            "hash": hash, "bytes": bytes.len(), "parts": parts,
            "rank": file.updates().iter().map(|(weight, updates)| (*weight, updates.len())).collect::<std::collections::BTreeMap<_, _>>(),
        }))?;
        return Ok(Outcome::Done);
    }
    let ranks = file.updates();
    output::line(format!(
        "{}: {} of {}, {}",
        output::bold(&args.file.display().to_string()),
        count(file.edits().count(), "edit"),
        count(ranks.len(), "weight"),
        output::size(bytes.len() as u64)
    ))?;
    for (weight, updates) in &ranks {
        output::line(format!("  {}: rank {}", one_line(weight), updates.len()))?;
    }
    if let Some(model) = &args.model {
        output::line(format!("  made for {model}: its weights are those that the edits were computed on"))?;
    }
    let mut number = 0;
    for part in &file.parts {
        output::line("")?;
        origin(part)?;
        for entry in &part.record.edits {
            one(number, entry)?;
            number += 1;
        }
    }
    Ok(Outcome::Done)
}

/// Prints how the edits of one go came about.
fn origin(part: &EditPart) -> Result<()> {
    let record = &part.record;
    let model = one_line(output::short(&record.model_hash));
    output::line(format!("made by {} for the model {model}…", one_line(&record.made_by)))?;
    if let Some(from) = &record.imported_from {
        output::line(format!("  imported from {}", one_line(from)))?;
    }
    if !record.on_top_of.is_empty() {
        let others = record.on_top_of.iter().map(|hash| format!("{}…", one_line(output::short(hash))));
        output::line(format!("  on top of {}", others.collect::<Vec<_>>().join(", ")))?;
    }
    if let Some(settings) = &record.settings {
        let variant = json!(settings.variant);
        output::line(format!(
            "  {}, {} steps at most, learning rate {}, weight decay {}, clamp {}, KL factor {}",
            variant.as_str().unwrap_or_default(),
            settings.steps,
            settings.learning_rate,
            settings.weight_decay,
            settings.clamp_norm_factor,
            settings.kl_factor
        ))?;
        let seed = match record.seed {
            Some(seed) => format!("sampled with seed {seed}"),
            None => "given".to_owned(),
        };
        output::line(format!(
            "  {}, {seed}; {}",
            count(record.contexts.len(), "context"),
            count(record.preservations.len(), "preservation prompt")
        ))?;
    }
    for (layer, statistics) in &record.statistics {
        let source = one_line(statistics.source.split(", ").next().unwrap_or_default());
        let ridge = statistics.ridge.map_or(String::new(), |ridge| format!(", ridge {ridge:.1e}"));
        output::line(format!(
            "  C of layer {layer}: {source}, condition {:.1e}{ridge}",
            statistics.condition
        ))?;
    }
    Ok(())
}

/// Prints an edit by its number.
fn one(number: usize, entry: &EditEntry) -> Result<()> {
    let request = entry.request.as_ref().map_or("(not recorded)".to_owned(), ToString::to_string);
    output::line(format!("{number:>3}  {}", output::bold(&request)))?;
    let scale = match entry.scale {
        1.0 => String::new(),
        scale => format!(", scaled by {scale}"),
    };
    let norm = 100.0 * entry.relative_norm;
    output::line(format!("     {}: ‖ΔW‖ is {norm:.1} % of ‖W‖{scale}", one_line(&entry.weight)))?;
    if let Some(outcome) = entry.outcome {
        output::line(format!(
            "     probability of the target {} → {}, {}",
            output::percent(outcome.p_target_before),
            output::percent(outcome.p_target_after),
            if outcome.took { "took" } else { "did not take" }
        ))?;
    }
    if let (Some(first), Some(last)) = (entry.losses.first(), entry.losses.last()) {
        output::line(format!(
            "     loss {:.3} → {:.3} in {}, division factor {:.2}, cosine {:.2}",
            first[0],
            last[0],
            count(entry.losses.len(), "step"),
            entry.division_factor.unwrap_or_default(),
            entry.alignment.unwrap_or_default()
        ))?;
    }
    Ok(())
}

/// "1 edit", "2 edits"
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
