//! `rome edit show`

use std::collections::BTreeMap;

use anyhow::Result;
use rome_core::request::one_line;
use rome_core::statistics::Route;
use rome_core::{EditEntry, EditPart, WeightUpdate};
use rome_edit::{Error, RomeConfig, edits, model};
use serde_json::json;

use crate::args::EditShowArgs;
use crate::cli_error::CliError;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: &EditShowArgs) -> Result<()> {
    let file = edits::read(&args.file)?;
    if file.parts.is_empty() {
        let message = format!("{} has no active edits", args.file.display());
        return CliError::fail(message, "list earlier ones with rome ledger log");
    }
    let bytes = file.to_bytes().map_err(Error::from)?;
    if let Some(model) = &args.model {
        let mut bar = ProgressBar::new();
        let hash = model::hash(&model::source(model, &mut bar)?, &mut bar)?;
        file.check_model(&hash).map_err(Error::from)?;
    }
    let rank =
        |updates: Vec<&WeightUpdate>| updates.iter().map(|update| update.rank_at_most()).sum::<usize>();
    let ranks: BTreeMap<_, _> =
        file.updates().into_iter().map(|(weight, updates)| (weight, rank(updates))).collect();
    if args.json {
        let parts: Vec<_> = file.parts.iter().map(|part| &part.record).collect();
        let hash = blake3::hash(&bytes).to_hex().to_string();
        return ui::json(&json!({ "hash": hash, "bytes": bytes.len(), "parts": parts, "rank": ranks }));
    }
    let name = ui::bold(&args.file.display().to_string());
    let (edits, weights) = (ui::count(file.n_edits(), "edit"), ui::count(ranks.len(), "weight"));
    ui::line(format!("{name}: {edits} of {weights}, {}", ui::size(bytes.len() as u64)))?;
    for (weight, rank) in &ranks {
        ui::line(format!("  {}: rank {rank}", one_line(weight)))?;
    }
    if let Some(model) = &args.model {
        ui::line(format!("  matches {model}: the edits were computed on its weights"))?;
    }
    let mut numbers = 0..;
    file.parts.iter().try_for_each(|part| {
        ui::line("")?;
        origin(part)?;
        if part.is_together() {
            return together(part, &mut numbers);
        }
        part.record.edits.iter().zip(&mut numbers).try_for_each(|(entry, number)| one(number, entry))
    })
}

/// Prints the origin of the edits of one run.
fn origin(part: &EditPart) -> Result<()> {
    let record = &part.record;
    let model = one_line(record.model_hash.short());
    let hub = record.hub.as_ref().map_or_else(String::new, |hub| format!(" ({})", one_line(hub)));
    ui::line(format!("made by {} for the model {model}…{hub}", one_line(&record.made_by)))?;
    if let Some(from) = &record.imported_from {
        ui::line(format!("  imported from {}", one_line(from)))?;
    }
    if !record.on_top_of.is_empty() {
        let others = record.on_top_of.iter().map(|hash| format!("{}…", one_line(ui::short(hash))));
        ui::line(format!("  on top of {}", others.collect::<Vec<_>>().join(", ")))?;
    }
    if let Some(settings) = record.settings.as_ref().and_then(|settings| settings.rome()) {
        let RomeConfig { variant, steps, learning_rate, weight_decay, .. } = settings;
        ui::line(format!(
            "  {variant}, {steps} steps at most, learning rate {learning_rate}, weight decay {weight_decay}, \
             clamp {}, KL factor {}",
            settings.clamp_norm_factor, settings.kl_factor
        ))?;
        let seed = record.seed.map_or("given".to_owned(), |seed| format!("sampled with seed {seed}"));
        let contexts = ui::count(record.contexts.len(), "context");
        let prompts = ui::count(record.kl_prompts.len(), "preservation prompt");
        ui::line(format!("  {contexts}, {seed}; {prompts}"))?;
    }
    if let Some(settings) = record.settings.as_ref().and_then(|settings| settings.mass()) {
        let kept = if part.values.is_empty() { "values not kept" } else { "values kept" };
        let batches = match record.batches.len() {
            0 | 1 => String::new(),
            n => format!(" in {n} batches"),
        };
        let facts = ui::count(record.facts.len(), "fact");
        ui::line(format!(
            "  {}, {facts} together{batches}, {} steps at most, learning rate {}, weight decay {}, clamp {}, KL factor \
             {}, weight of C {}, {kept}",
            record.method,
            settings.steps,
            settings.learning_rate,
            settings.weight_decay,
            settings.clamp_norm_factor,
            settings.kl_factor,
            settings.covariance_weight
        ))?;
    }
    for (layer, statistics) in &record.statistics {
        let source = one_line(statistics.source.split(", ").next().unwrap_or_default());
        let ridge = statistics.ridge.map_or(String::new(), |ridge| format!(", ridge {ridge:.1e}"));
        ui::line(format!("  C of layer {layer}: {source}, condition {:.1e}{ridge}", statistics.condition))?;
    }
    Ok(())
}

/// Prints facts that were edited together, by their numbers.
fn together(part: &EditPart, numbers: &mut impl Iterator<Item = usize>) -> Result<()> {
    let record = &part.record;
    for entry in &record.edits {
        let route = match entry.route {
            Some(Route::Keys) => ", solved by keys",
            Some(Route::Features) => ", solved by features",
            None => "",
        };
        let norm = ui::relative_norm(entry.relative_norm);
        ui::line(format!("  {}: {norm}{route}", one_line(&entry.weight)))?;
    }
    for (fact, number) in record.facts.iter().zip(numbers) {
        ui::line(format!("{number:>3}  {}", ui::bold(&fact.request.to_string())))?;
        let share = fact.shares.iter().sum::<f64>() / fact.shares.len().max(1) as f64;
        let outcome = fact.outcome.map_or_else(String::new, |outcome| {
            let change = ui::change(outcome.p_target_before, outcome.p_target_after);
            format!("probability of the target {change}, {}, ", ui::verdict(&outcome))
        });
        ui::line(format!("     {outcome}{} of what it missed was written", ui::percent(share)))?;
    }
    Ok(())
}

/// Prints an edit by its number.
fn one(number: usize, entry: &EditEntry) -> Result<()> {
    let request = entry.request.as_ref().map_or("(not recorded)".to_owned(), ToString::to_string);
    ui::line(format!("{number:>3}  {}", ui::bold(&request)))?;
    let scale = match entry.scale {
        1.0 => String::new(),
        scale => format!(", scaled by {scale}"),
    };
    let norm = ui::relative_norm(entry.relative_norm);
    ui::line(format!("     {}: {norm}{scale}", one_line(&entry.weight)))?;
    if let Some(outcome) = entry.outcome {
        let change = ui::change(outcome.p_target_before, outcome.p_target_after);
        ui::line(format!("     probability of the target {change}, {}", ui::verdict(&outcome)))?;
    }
    if let (Some(first), Some(last)) = (entry.losses.first(), entry.losses.last()) {
        ui::line(format!(
            "     loss {:.3} → {:.3} in {}, division factor {:.2}, cosine {:.2}",
            first[0],
            last[0],
            ui::count(entry.losses.len(), "step"),
            entry.division_factor.unwrap_or_default(),
            entry.cosine.unwrap_or_default()
        ))?;
    }
    Ok(())
}
