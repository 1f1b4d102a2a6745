//! `rome stats`

use std::fs;

use anyhow::{Context, Result};
use rome_core::Factor;
use rome_stats::{Collector, Corpus, Packing, StatsError};
use serde_json::json;

use crate::args::{CollectArgs, ShowArgs, StatsArgs, StatsCommand};
use crate::error::{CliError, Outcome};
use crate::model::Model;
use crate::output::{self, Progress};
use crate::statistics;

/// Below this many tokens for each dimension, edits get measurably worse (arXiv 2506.04226).
const FEW_TOKENS: u64 = 2;

pub(crate) fn run(args: StatsArgs) -> Result<Outcome> {
    match args.command {
        StatsCommand::Collect(args) => collect(args),
        StatsCommand::Show(args) => show(args),
    }
}

fn collect(args: CollectArgs) -> Result<Outcome> {
    let corpus = Corpus::new(args.text.clone(), &args.field)?;
    for path in &args.text {
        fs::metadata(path).map_err(|error| StatsError::Io { path: path.clone(), error })?;
    }
    let model = Model::load(&args.model)?;
    let layers = parse_layers(&args.layers, model.causal_lm().shape().n_layers)?;
    let folder = match args.output {
        Some(folder) => folder,
        None => {
            let folder = statistics::cache_folder(&model.pretrained.hash)?;
            let parent = folder.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            folder
        }
    };
    output::make_folder(&folder)?;
    let mut collector = Collector::new(model.causal_lm(), &model.pretrained.tokenizer, &layers)?;

    let mut progress = Progress::new(corpus.n_bytes(), "{bar:30} {percent}% · {msg} · {eta} left");
    let mut read = 0;
    corpus.for_each(&mut |document, n_bytes| {
        collector.add(document)?;
        read += n_bytes;
        progress.set(read, format!("{} tokens", collector.n_tokens()));
        Ok(())
    })?;
    let collected = collector.finish(&model.pretrained.hash)?;
    drop(progress);

    let packing = if args.compact { Packing::Compact } else { Packing::Full };
    let mut files = Vec::new();
    for (layer, statistics) in &collected {
        let path = folder.join(statistics::file_name(*layer));
        output::write_file(&path, &statistics.to_bytes(packing)?)?;
        files.push(path.display().to_string());
    }
    let (tokens, documents) =
        collected.values().next().map_or((0, 0), |s| (s.moment.count(), s.provenance.documents));
    if args.json {
        output::json(&json!({ "tokens": tokens, "documents": documents, "layers": layers, "files": files }))?;
    } else {
        output::line(format!("{tokens} tokens of {documents} documents at layers {layers:?}"))?;
        files.iter().try_for_each(output::line)?;
    }
    Ok(Outcome::Done)
}

fn show(args: ShowArgs) -> Result<Outcome> {
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
    if args.json {
        output::json(&json!({
            "d_ff": moment.d_ff(),
            "count": moment.count(),
            "tokens_per_dimension": per_dimension,
            "trace": moment.trace(),
            "condition": factor.condition(),
            "ridge": factor.ridge(),
            "provenance": provenance,
        }))?;
        return Ok(Outcome::Done);
    }
    let unknown = || "not said".to_owned();
    let rows = [
        ("model", provenance.model_hash.clone().unwrap_or_else(unknown)),
        ("layer", provenance.layer.map_or_else(unknown, |layer| layer.to_string())),
        ("corpus", provenance.corpus_hash.clone().unwrap_or_else(unknown)),
        ("documents", provenance.documents.to_string()),
        (
            "tokens",
            format!("{} ({per_dimension:.1} for each of {} dimensions)", moment.count(), moment.d_ff()),
        ),
        ("trace of C", format!("{:.6}", moment.trace())),
        ("condition of C", format!("{:.3e}", factor.condition())),
        ("ridge", factor.ridge().map_or_else(|| "none needed".to_owned(), |ridge| format!("{ridge:.1e}"))),
    ];
    rows.iter().try_for_each(|(name, value)| output::line(format!("{name:<15} {value}")))?;
    Ok(Outcome::Done)
}

fn parse_layers(text: &str, n_layers: usize) -> Result<Vec<usize>> {
    if text == "all" {
        return Ok((0..n_layers).collect());
    }
    let layers: Result<Vec<usize>, _> = text.split(',').map(|layer| layer.trim().parse()).collect();
    let mut layers = layers.map_err(|_| {
        CliError::with_hint(format!("{text:?} is not a list of layers"), "write --layers 1,3 or --layers all")
    })?;
    layers.sort_unstable();
    layers.dedup();
    Ok(layers)
}
