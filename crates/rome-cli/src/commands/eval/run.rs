//! `rome eval`: ways of editing, evaluated on the same records.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use rome_eval::{Against, Dataset, Fluency, Results, SUMMARY_LOCK, Snippets};
use rome_files::{Claim, FileError};
use rome_session::{Model, Session};
use rome_stats::{Corpus, Shard, StatsError};
use serde_json::json;

use super::runner::{Judged, Runner};
use super::setups::{self, Setup, Sweep};
use super::{Records, against, report, sweep};
use crate::args::EvalRunArgs;
use crate::error::{CliError, Outcome};
use crate::inputs::inputs;
use crate::model;
use crate::output::{self, note};
use crate::settings::settings;

pub(crate) fn run(args: &EvalRunArgs) -> Result<Outcome> {
    let start = Instant::now();
    let shard = args.shard.as_deref().map(str::parse).transpose()?;
    let dataset = Dataset::from(args.dataset);
    let theirs = args.against.as_deref().map(Results::open).transpose()?;
    let inputs = inputs(&args.inputs)?;
    let model = model::load(&args.model)?;
    let fluency = judged(args, &model)?;
    let limit = args.limit.map(|limit| limit as usize);
    let records = Records::of(&model, dataset, args.data.as_deref(), limit, shard, args.keep_going)?;
    let settings = settings(&args.settings, &model)?;
    let config = settings.config.clone();
    let sweeps = setups::sweeps(args, &config, model.causal_lm().shape())?;
    let methods = setups::methods(args.methods.as_deref(), &config, sweeps.is_empty());
    let swept = sweeps.iter().flat_map(|sweep| sweep.setups.iter().map(|(_, setup)| setup));
    let all: Vec<&Setup> = methods.iter().chain(swept).collect();
    let is_one = matches!(all[..], [_]);
    check_output(&args.output)?;
    if let Some(theirs) = &theirs {
        check_comparable(theirs, &records, is_one)?;
    }

    let session = Session::new(model, settings, inputs)?;
    let tokens = session.model().pretrained.tokenizer.clone();
    let mut runner = Runner::new(session, &tokens, &records, dataset, args.keep_going, fluency.as_ref());
    let load = start.elapsed();
    // Of one way of editing, the runner claims the folder.
    let _claim = (!is_one).then(|| claim(&args.output, shard)).transpose()?;
    let mut results = BTreeMap::new();
    for (index, setup) in all.iter().enumerate() {
        let (folder, place) = match is_one {
            true => (args.output.clone(), String::new()),
            false => {
                let place = format!("{} ({} of {}) · ", setup.name, index + 1, all.len());
                (args.output.join(&setup.name), place)
            }
        };
        results.insert(setup.name.clone(), runner.run(setup, &folder, &place)?);
    }
    if !is_one {
        compare(&args.output, &all, &sweeps, &mut results)?;
    }
    let in_order = in_order(&all, &results);
    let against = theirs.map(|theirs| Against::new(in_order[0], &theirs));

    if args.json {
        let seconds = runner.seconds(load);
        output::json(&report::json(&in_order, seconds, &runner.faults, against.as_ref()))?;
    } else {
        output::line(report::table(&in_order))?;
        for advice in sweeps.iter().filter_map(|sweep| sweep::advice(sweep, &results)) {
            output::line(advice)?;
        }
        if let Some(against) = &against {
            output::line(against::table(against))?;
        }
        output::line(format!("results are in {}; report.html shows them", args.output.display()))?;
        if !runner.faults.is_empty() {
            output::line(format!("{} left out:", report::count(runner.faults.len(), "record")))?;
            for fault in &runner.faults {
                output::line(format!("  {fault}"))?;
            }
        }
    }
    Ok(if runner.faults.is_empty() { Outcome::Done } else { Outcome::NotTaken })
}

/// Makes a folder, and those that it is in, and keeps other processes from writing into it.
pub(super) fn claim(folder: &Path, shard: Option<Shard>) -> Result<Claim> {
    let failed = |error| FileError::WriteInto { folder: folder.to_owned(), error };
    fs::create_dir_all(folder).map_err(failed)?;
    output::claim(folder, shard)
}

/// Writes how ways of editing compare, with what other shards have added since each was done here.
fn compare(
    folder: &Path,
    setups: &[&Setup],
    sweeps: &[Sweep],
    results: &mut BTreeMap<String, Results>,
) -> Result<()> {
    let _summing = Claim::wait_if_it_can_be(&folder.join(SUMMARY_LOCK))?;
    for done in results.values_mut() {
        drop(done.gather()?);
    }
    let pictures = sweeps.iter().filter_map(|sweep| sweep::draw(sweep, results).transpose());
    report::write_comparison(folder, &in_order(setups, results), &pictures.collect::<Result<Vec<_>>>()?)
}

fn in_order<'r>(setups: &[&Setup], results: &'r BTreeMap<String, Results>) -> Vec<&'r Results> {
    setups.iter().map(|setup| &results[&setup.name]).collect()
}

/// A folder can be made, or is there.
fn check_output(folder: &Path) -> Result<()> {
    if folder.exists() && !folder.is_dir() {
        let message = format!("{} is not a folder", folder.display());
        return Err(CliError::with_hint(message, "give the name of a folder with -o"));
    }
    Ok(())
}

/// Before hours are spent: there is one run to compare, and something to compare it by.
fn check_comparable(theirs: &Results, records: &Records, is_one: bool) -> Result<()> {
    if !is_one {
        return Err(CliError::with_hint(
            "several ways of editing cannot be compared with one folder at once",
            "compare their folders afterwards: rome eval against DIR OTHER",
        ));
    }
    if !records.list.iter().any(|record| theirs.cases().contains_key(&record.case_id())) {
        return Err(CliError::with_hint(
            format!("{} has none of the records to evaluate", theirs.folder().display()),
            "compare runs over the same records",
        ));
    }
    Ok(())
}

/// How generated text is judged, if it is.
fn judged(args: &EvalRunArgs, model: &Model) -> Result<Option<Judged>> {
    if !args.generate {
        return Ok(None);
    }
    if Dataset::from(args.dataset) == Dataset::ZsRe {
        return Err(CliError::with_hint(
            "records of zsRE have nothing to be continued as text",
            "leave --generate out",
        ));
    }
    let pretrained = &model.pretrained;
    let end = pretrained.end_token.or(pretrained.start_token);
    let end_text =
        end.map(|token| rome_core::TokenCodec::decode(&pretrained.tokenizer, &[token])).transpose()?;
    let snippets = match &args.snippets {
        None => None,
        Some(path) => {
            let corpus = args.idf.as_deref().map(lines).transpose()?;
            let from = args.idf.as_deref().map(|idf| idf.display().to_string());
            let from = from.unwrap_or_else(|| "the snippets themselves".to_owned());
            note(format!("how rare words are is taken from {from}"));
            Some(Snippets::read(path, corpus.as_deref())?)
        }
    };
    let hash = |path: &Option<std::path::PathBuf>| -> Result<Option<String>> {
        let Some(path) = path else { return Ok(None) };
        let mut hasher = blake3::Hasher::new();
        hasher
            .update_reader(std::fs::File::open(path)?)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(hasher.finalize().to_hex().to_string()))
    };
    let seed = args.inputs.seed;
    let made_of = json!({ "seed": seed, "snippets": hash(&args.snippets)?, "idf": hash(&args.idf)? });
    let fluency = Fluency { seed, end_text: end_text.unwrap_or_default(), snippets };
    Ok(Some(Judged { fluency, made_of }))
}

fn lines(path: &Path) -> Result<Vec<String>> {
    let mut documents = Vec::new();
    Corpus::new(vec![path.to_owned()], "text")?
        .for_each(&mut |document| {
            documents.push(document.text.to_owned());
            Ok::<_, StatsError>(std::ops::ControlFlow::Continue(()))
        })
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(documents)
}
