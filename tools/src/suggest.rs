//! Checks that `rome suggest` finds the layer: its choice on some facts against a full sweep over others.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use fixtures::MODELS;
use rome_eval::{CounterFact, Facts};
use serde::Deserialize;
use serde_json::json;

use crate::report::{self, Format, Report};
use crate::{process, program};

/// The largest distance of the layer it picks from the best one, in points of S.
const NEAR: f64 = 3.0;

/// Lets `rome suggest` choose a layer of each bundled model on some of its facts, and evaluates all
/// layers on others.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// So many facts to choose by
    #[arg(long, default_value_t = 40, value_name = "N")]
    facts: usize,

    /// So many others to judge the choice by
    #[arg(long, default_value_t = 60, value_name = "N")]
    others: usize,

    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Deserialize)]
struct Suggested {
    layer: usize,
}

#[derive(Debug, Deserialize)]
struct Evaluated {
    runs: BTreeMap<String, Summary>,
}

#[derive(Debug, Deserialize)]
struct Summary {
    post: BTreeMap<String, Estimate>,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    mean: f64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let rome = program::build(&[])?;
    let records = Facts::from_json(rome_assets::FACTS)?.records(1);
    let folder = tempfile::tempdir()?;
    let (chosen_by, judged_by) = (folder.path().join("facts.json"), folder.path().join("others.json"));
    let of = |range: std::ops::Range<usize>| {
        records.get(range).with_context(|| format!("there are {} facts in all", records.len()))
    };
    write(&chosen_by, of(0..args.facts)?)?;
    write(&judged_by, of(args.facts..args.facts + args.others)?)?;

    let mut rows =
        vec![["model", "layer it picks", "its S", "the best", "its S"].map(str::to_owned).to_vec()];
    let (mut values, mut faults) = (Vec::new(), Vec::new());
    for model in MODELS {
        eprintln!("{model}: rome suggest on {} facts", args.facts);
        let mut suggest = Command::new(&rome);
        suggest.args(["suggest", "--json", "-m", model, "--limit"]).arg(args.facts.to_string());
        suggest.arg("--data").arg(&chosen_by);
        let Suggested { layer } = serde_json::from_slice(&process::run(&mut suggest)?.stdout)?;

        eprintln!("{model}: every layer on {} others", args.others);
        let mut eval = Command::new(&rome);
        eval.args(["eval", "--json", "-m", model, "--layers", "all", "--data"]).arg(&judged_by);
        eval.arg("-o").arg(folder.path().join(model));
        let Evaluated { runs } = serde_json::from_slice(&process::run(&mut eval)?.stdout)?;
        let score = |name: &str| Some(runs.get(name)?.post.get("S")?.mean);
        let picked = score(&format!("layer-{layer}")).context("the layer has been evaluated")?;
        let all = runs.keys().filter_map(|name| Some((name, score(name)?)));
        let (best, best_score) = all.max_by(|a, b| a.1.total_cmp(&b.1)).context("some layer has a score")?;
        if best_score - picked > NEAR {
            faults.push(format!("{model}: layer {layer} is {:.1} below the best one", best_score - picked));
        }
        let best = best.trim_start_matches("layer-").to_owned();
        values
            .push(json!({ "model": model, "layer": layer, "S": picked, "best": best, "best_S": best_score }));
        rows.push(vec![
            model.to_owned(),
            layer.to_string(),
            format!("{picked:.1}"),
            best,
            format!("{best_score:.1}"),
        ]);
    }
    let notes = vec![format!("chosen by {} facts, judged by {} others", args.facts, args.others)];
    report::print(&Report { json: json!(values), tables: vec![rows], notes, faults }, args.format.form())
}

fn write(path: &Path, records: &[CounterFact]) -> Result<()> {
    std::fs::write(path, serde_json::to_vec(records)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
