//! Second moments of keys over a text, by our program and by the original.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use rome_stats::{Corpus, Statistics, StatsError};
use serde::Deserialize;
use serde_json::json;

use crate::compare::original::{Driver, Original};
use crate::compare::side_by_side::{figure, median};
use crate::report::Report;
use crate::{process, program};

/// A collection, by the flags of `rome stats collect`.
#[derive(Debug, clap::Args)]
pub(crate) struct Collection {
    /// The text; some documents of Wikipedia by default
    #[arg(long, value_name = "FILE", requires = "stats")]
    pub(crate) text: Option<PathBuf>,

    /// The field of .jsonl, or the column of .parquet, that holds the text
    #[arg(long, default_value = "text", requires = "text")]
    pub(crate) field: String,
}

/// What both programs say of a run.
#[derive(Debug, Deserialize)]
struct Said {
    tokens: u64,
}

/// One run of a program.
struct Run {
    tokens: u64,
    /// The collection alone, from the loaded model to the sum.
    seconds: f64,
    peak_memory: u64,
}

/// Collects at all layers and at one by ours, and at that one by theirs.
pub(crate) fn run(
    original: Option<Original<'_>>,
    (model, layer, n_threads): (&Path, usize, usize),
    collection: &Collection,
    runs: u32,
) -> Result<Report> {
    let rome = program::build(&[])?;
    let default = fixtures::path("goldens/documents.txt");
    let text = collection.text.as_ref().unwrap_or(&default);
    let folder = tempfile::tempdir()?;
    let documents = folder.path().join("documents.json");
    fs::write(&documents, serde_json::to_vec(&read(text, &collection.field)?)?)?;

    let ours = |layers: &str| -> Result<Run> {
        let mut command = Command::new(&rome);
        command.args(["stats", "collect", "--json", "--layers", layers, "--model"]).arg(model);
        command.arg("--text").arg(text).args(["--field", &collection.field]);
        command.arg("--output").arg(folder.path().join("ours"));
        command.env("RAYON_NUM_THREADS", n_threads.to_string());
        let finished = process::run(&mut command)?;
        let last = finished.stdout.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty());
        let said: serde_json::Value = serde_json::from_slice(last.context("rome printed nothing")?)?;
        let tokens = said["tokens"].as_u64().context("rome said no tokens")?;
        let rate = said["tokens_per_second"].as_f64().context("rome said no rate")?;
        Ok(Run { tokens, seconds: tokens as f64 / rate, peak_memory: finished.peak_memory })
    };
    let output = folder.path().join("theirs.safetensors");
    let module = |config: &serde_json::Value| match config["model_type"] == "gptj" {
        true => format!("transformer.h.{layer}.mlp.fc_out"),
        false => format!("transformer.h.{layer}.mlp.c_proj"),
    };
    let config: serde_json::Value = serde_json::from_slice(&fs::read(model.join("config.json"))?)?;
    let theirs = |original: Original<'_>, index: u32| -> Result<Run> {
        let job = json!({
            "model": model, "documents": documents, "layer": layer, "module": module(&config),
            // It takes what it finds there for its own work.
            "folder": folder.path().join(format!("theirs-{index}")),
            "output": output,
        });
        let finished = original.run(Driver::SecondMoment, job, n_threads)?;
        let metadata = &fixtures::metadata(&output)["rome"];
        let Said { tokens } = serde_json::from_str(metadata)?;
        let seconds: serde_json::Value = serde_json::from_str(metadata)?;
        let seconds = seconds["seconds"]["collect"].as_f64().context("no seconds were said")?;
        Ok(Run { tokens, seconds, peak_memory: finished.peak_memory })
    };

    let (mut all, mut one, mut reference) = (Vec::new(), Vec::new(), Vec::new());
    for index in 1..=runs {
        eprintln!("run {index} of {runs}: rome");
        all.push(ours("all")?);
        one.push(ours(&layer.to_string())?);
        if let Some(original) = original {
            eprintln!("run {index} of {runs}: kmeng01/rome");
            reference.push(theirs(original, index)?);
        }
    }
    let rate = |runs: &[Run]| median(runs.iter().map(|run| run.tokens as f64 / run.seconds).collect());
    let memory = |runs: &[Run]| median(runs.iter().map(|run| run.peak_memory as f64).collect());
    let mut rows = vec![["", "tokens/s", "ratio", "peak memory, MiB"].map(str::to_owned).to_vec()];
    let mut json = json!({ "model": model, "layer": layer, "threads": n_threads, "tokens": all[0].tokens });
    let base = (!reference.is_empty()).then(|| rate(&reference));
    let mut add = |name: String, key: &str, runs: &[Run]| {
        let ratio = base.map(|base| rate(runs) / base);
        let ratio_text = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        rows.push(vec![name, figure(rate(runs)), ratio_text, figure(memory(runs) / f64::from(1 << 20))]);
        json[key] = json!({ "tokens_per_second": rate(runs), "ratio": ratio, "peak_memory": memory(runs) });
    };
    add("rome, all layers".to_owned(), "all_layers", &all);
    add(format!("rome, layer {layer}"), "one_layer", &one);
    if !reference.is_empty() {
        add(format!("kmeng01/rome, layer {layer}"), "reference", &reference);
    }
    let mut notes = vec![format!("{} tokens, {n_threads} threads, medians of {runs}", all[0].tokens)];
    if let Some(run) = reference.last() {
        let path = folder.path().join(format!("ours/layer-{layer}.safetensors"));
        let ours = Statistics::from_bytes(&fs::read(path)?)?;
        let (_, sum) = &fixtures::tensors(&output)["sum"];
        let difference = difference(ours.moment.sum(), sum);
        notes.push(format!(
            "the sums differ by {difference:.1e}, relative by Frobenius norms, over {} and {} tokens",
            ours.moment.count(),
            run.tokens
        ));
        json["difference"] = json!(difference);
    }
    Ok(Report { json, tables: vec![rows], notes, faults: Vec::new() })
}

fn read(text: &Path, field: &str) -> Result<Vec<String>> {
    let mut documents = Vec::new();
    Corpus::new(vec![text.to_owned()], field)?.for_each(&mut |document| {
        documents.push(document.text.to_owned());
        Ok::<_, StatsError>(ControlFlow::Continue(()))
    })?;
    Ok(documents)
}

fn difference(ours: &[f64], theirs: &[f32]) -> f64 {
    let pairs = ours.iter().zip(theirs).map(|(a, &b)| (a - f64::from(b)).powi(2));
    (pairs.sum::<f64>() / theirs.iter().map(|&b| f64::from(b).powi(2)).sum::<f64>()).sqrt()
}
