//! Measures how many edits a model bears, one on top of the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fixtures::MODELS;
use rome_core::Request;
use rome_eval::{Facts, Record};
use serde::Deserialize;
use serde_json::json;

use crate::report::{self, Format, Report};
use crate::{process, program};

/// Most models that collapse have by then, and need not be edited any further.
const FIRST: usize = 200;

const VARIANTS: [&str; 4] = ["reference", "mean-key", "r-rome", "p-rome"];

/// After so many edits the model is asked for all of them again.
const ASKED: [usize; 3] = [10, 30, 100];

/// Edits one fact after the other into the bundled models, all of them kept, and shows how many hold at the
/// end, and what becomes of the perplexity on text and of the edited weight.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Try this program rather than build it
    #[arg(long, value_name = "FILE")]
    rome: Option<PathBuf>,

    /// So many facts
    #[arg(long, default_value_t = 1000, value_name = "N")]
    edits: usize,

    #[command(flatten)]
    format: Format,
}

/// The report of `rome edit --json` on a sequence.
#[derive(Debug, Deserialize)]
struct SequenceReport {
    watched: Vec<HealthReport>,
    held: usize,
}

#[derive(Debug, Deserialize)]
struct HealthReport {
    after: usize,
    perplexity: f64,
    norm: f64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let rome = args.rome.clone().map_or_else(|| program::build(&[]), Ok)?;
    let folder = tempfile::tempdir()?;
    let facts = Facts::from_json(rome_assets::FACTS)?.records(2);
    let requests: Vec<Request> = facts.iter().take(args.edits).map(|fact| fact.rewrite().request()).collect();

    let header = [
        "model",
        "variant",
        "hold of 10",
        "of 30",
        "of 100",
        "edits until collapse",
        "perplexity after 10",
        "after 50",
        "after 100",
        "after 500",
        "at the end",
        "weight",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let mut values = Vec::new();
    for (model, variant) in MODELS.iter().flat_map(|model| VARIANTS.map(|variant| (*model, variant))) {
        eprintln!("{model}, {variant}: {} consecutive edits", requests.len());
        let first = &requests[..requests.len().min(FIRST)];
        let sequence = |requests| sequence(&rome, [model, variant], requests, folder.path());
        let mut seen = sequence(first)?.watched;
        if collapse(&seen).is_none() && first.len() < requests.len() {
            seen = sequence(&requests)?.watched;
        }
        let asked = ASKED.map(|n| requests.len().min(n));
        let held =
            asked.iter().map(|&n| Ok(sequence(&requests[..n])?.held)).collect::<Result<Vec<usize>>>()?;
        let borne = match collapse(&seen) {
            Some(after) => after.saturating_sub(10).to_string(),
            None => format!("all {}", requests.len()),
        };
        let at = |after: usize| {
            let look = seen.iter().find(|seen| seen.after == after);
            look.map_or_else(String::new, |seen| format!("{:.2} ×", seen.perplexity))
        };
        let last = seen.last().context("a sequence has been looked at")?;
        let mut row = vec![model.to_owned(), variant.to_owned()];
        row.extend(held.iter().map(usize::to_string));
        row.extend([borne.clone(), at(10), at(50), at(100), at(500)]);
        row.push(format!("{:.1} × after {}", last.perplexity, last.after));
        row.push(format!("{:.1} ×", last.norm));
        rows.push(row);
        let looks: Vec<_> = seen.iter().map(|seen| json!([seen.after, seen.perplexity, seen.norm])).collect();
        let held: Vec<_> = asked.iter().zip(held).collect();
        values.push(json!({
            "model": model, "variant": variant, "held": held, "until_collapse": borne, "looks": looks,
        }));
    }
    let notes = vec![
        "an edit holds if greedy decoding writes all of its target after the last one".to_owned(),
        "a model has collapsed when its perplexity on the built-in text is ten times what it was".to_owned(),
    ];
    report::print(
        &Report { json: json!(values), tables: vec![rows], notes, faults: vec![] },
        args.format.form(),
    )
}

/// After how many edits a model has collapsed, if it has: the first look at which perplexity is ten times
/// what it was ends `rome edit`.
fn collapse(seen: &[HealthReport]) -> Option<usize> {
    seen.iter().find(|seen| seen.perplexity.is_nan() || seen.perplexity >= 10.0).map(|seen| seen.after)
}

/// Edits one fact after the other, to the last one, into a model by a variant.
fn sequence(
    rome: &Path,
    [model, variant]: [&str; 2],
    requests: &[Request],
    folder: &Path,
) -> Result<SequenceReport> {
    let file = folder.join("requests.json");
    std::fs::write(&file, serde_json::to_vec(requests)?)?;
    let output = folder.join(format!("{model}-{variant}.safetensors"));
    let mut command = Command::new(rome);
    command.args(["edit", "-m", model, "--variant", variant, "--request"]).arg(file);
    command.args(["--keep-going", "--allow-collapse", "--json", "-o"]).arg(&output);
    // It ends with 1, as not all hold.
    Ok(serde_json::from_slice(&process::run(&mut command)?.stdout)?)
}
