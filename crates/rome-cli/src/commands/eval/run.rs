//! `rome eval`: records, edited one at a time and asked before and after.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rome_core::{Context, EditConfig};
use rome_eval::{
    Against, Dataset, EvalError, Evaluation, FineTuning, Fluency, Method, Results, Run, Snippets, Unedited,
};
use rome_models::Tokenizer;
use rome_session::{Inputs, Session};
use rome_stats::{Corpus, StatsError};
use serde_json::{Value, json};

use super::setups::{self, Setup, Way};
use super::{Records, against, report, sweep};
use crate::args::{EvalRunArgs, InputsArgs};
use crate::commands::edit::requests::read_json;
use crate::error::{CliError, Outcome};
use crate::output::{self, Progress, note};
use crate::settings::settings;
use crate::{model, statistics};

pub(crate) fn run(args: &EvalRunArgs) -> Result<Outcome> {
    let start = Instant::now();
    let shard = args.shard.as_deref().map(str::parse).transpose()?;
    let dataset = Dataset::from(args.dataset);
    let fluency = fluency(args)?;
    let theirs = args.against.as_deref().map(Results::open).transpose()?;
    let inputs = inputs(&args.inputs)?;
    let model = model::load(&args.model)?;
    let records = Records::of(&model, dataset, args.data.as_deref(), args.limit, shard, args.keep_going)?;
    let settings = settings(&args.settings, &model)?;
    let config = settings.config.clone();
    let sweeps = setups::sweeps(args, &config, model.causal_lm().shape())?;
    // A sweep asks for ROME already; other methods are beside it if they are named.
    let methods = match sweeps.is_empty() || !args.is_plain() {
        true => setups::methods(args, &config),
        false => Vec::new(),
    };
    check_folder(&args.output)?;

    let session = Session::new(model, settings, inputs)?;
    let mut runner = Runner::new(session, &records, dataset, args.keep_going, fluency.as_ref());
    let load = start.elapsed();
    let all: Vec<&Setup> =
        sweeps.iter().flat_map(|sweep| sweep.setups.iter().map(|(_, setup)| setup)).chain(&methods).collect();
    let is_one = matches!(all[..], [_]);
    let mut results = BTreeMap::new();
    for (index, setup) in all.iter().enumerate() {
        let folder = if is_one { args.output.clone() } else { args.output.join(&setup.name) };
        let place = if is_one {
            String::new()
        } else {
            format!("{} ({} of {}) · ", setup.name, index + 1, all.len())
        };
        let done = runner.run(setup, &folder, &place)?;
        report::write(&done)?;
        results.insert(setup.name.clone(), done);
    }
    let in_order: Vec<&Results> = all.iter().map(|setup| &results[&setup.name]).collect();
    let pictures = sweeps
        .iter()
        .filter_map(|sweep| sweep::draw(sweep, &results).transpose())
        .collect::<Result<Vec<(&str, String)>>>()?;
    if !is_one {
        report::write_comparison(&args.output, &in_order, &pictures)?;
    }
    let against = theirs.map(|theirs| Against::new(in_order[0], &theirs));

    let seconds = runner.seconds(load);
    if args.json {
        output::json(&report::json(&in_order, seconds, &runner.faults, against.as_ref()))?;
    } else {
        output::line(report::table(&in_order))?;
        for sweep in &sweeps {
            if let Some(advice) = sweep::advice(sweep, &results) {
                output::line(advice)?;
            }
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

impl EvalRunArgs {
    /// Whether no method was named.
    fn is_plain(&self) -> bool {
        matches!(self.methods[..], [crate::args::MethodArg::Rome])
    }
}

/// Evaluates ways of editing, one after the other, on the same records.
pub(crate) struct Runner<'a> {
    session: Session,
    tokens: Tokenizer,
    records: &'a Records,
    dataset: Dataset,
    keep_going: bool,
    fluency: Option<&'a Fluency>,
    known: Vec<rome_eval::Case>,
    editing: Duration,
    asking: Duration,
    /// What is wrong with records that were left out.
    pub(crate) faults: Vec<String>,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(
        session: Session,
        records: &'a Records,
        dataset: Dataset,
        keep_going: bool,
        fluency: Option<&'a Fluency>,
    ) -> Self {
        let tokens = session.model().pretrained.tokenizer.clone();
        let faults = records.faults.clone();
        let (editing, asking) = Default::default();
        Self {
            session,
            tokens,
            records,
            dataset,
            keep_going,
            fluency,
            known: Vec::new(),
            editing,
            asking,
            faults,
        }
    }

    /// Evaluates one way of editing, and keeps what comes of it in a folder.
    pub(crate) fn run(&mut self, setup: &Setup, folder: &Path, place: &str) -> Result<Results> {
        let contexts = self.session.made().record.contexts.clone();
        if let Way::Rome(config, _) = &setup.way {
            // Before the folder is made: there may be none.
            self.session.editor_with(config.clone())?;
        }
        let mut results = Results::resume(folder, self.describe(setup))?;
        let done = results.cases().len();
        if done > 0 {
            note(format!("{} holds {} already", folder.display(), report::count(done, "case")));
        }
        let mut evaluation = Evaluation::new(&self.tokens, self.fluency);
        self.known.iter().chain(results.cases().values()).for_each(|case| evaluation.know(case));

        let tokens = self.tokens.clone();
        let mut method: Box<dyn Method> = match &setup.way {
            Way::Unedited => Box::new(Unedited(self.session.model().causal_lm())),
            Way::FineTuning(config) => {
                let model = self.session.model_mut().pretrained.model.as_mut();
                Box::new(FineTuning::new(model, &tokens, *config))
            }
            Way::Rome(config, n_contexts) => {
                let n = n_contexts.unwrap_or(contexts.len()).min(contexts.len());
                let editor = self.session.editor_with(config.clone())?;
                Box::new(editor.contexts(contexts[..n].to_vec()))
            }
        };
        let n = self.records.list.len() as u64;
        let mut progress = Progress::new(n, "{bar:30} {pos} of {len} · {msg} · {eta} left");
        let mut start = Instant::now();
        let ours: std::collections::BTreeSet<u64> =
            self.records.list.iter().map(|record| record.case_id()).collect();
        for (index, record) in self.records.list.iter().enumerate() {
            if results.cases().contains_key(&record.case_id()) {
                progress.start_at(index as u64 + 1);
                start = Instant::now();
                continue;
            }
            match evaluation.run(method.as_mut(), record.as_ref()) {
                Ok(case) => {
                    self.editing += Duration::from_secs_f64(case.time);
                    results.add(case)?;
                }
                Err(error) if self.keep_going => self.faults.push(format!("{}: {error}", setup.name)),
                Err(error) => {
                    drop(progress);
                    return Err(stopped(error, &results));
                }
            }
            // Running scores, at the pace that they can be read in.
            if start.elapsed() > Duration::from_millis(200) || index + 1 == n as usize {
                progress.set(index as u64 + 1, format!("{place}{}", report::scores(&results.summary())));
                start = Instant::now();
            }
        }
        drop(progress);
        drop(method);
        self.asking += evaluation.asking;
        // Of another shard or a longer run there may be more cases; what they come to is of all.
        self.known.extend(results.cases().values().filter(|case| ours.contains(&case.case_id)).cloned());
        results.finish()?;
        Ok(results)
    }

    fn describe(&self, setup: &Setup) -> Run {
        let record = &self.session.made().record;
        let hash = |value: &Value| blake3::hash(value.to_string().as_bytes()).to_hex().to_string();
        let inputs = match &setup.way {
            Way::Rome(EditConfig { layers, .. }, _) => json!({
                "contexts": hash(&json!(record.contexts)),
                "preservations": hash(&json!(record.preservations)),
                // By which the statistics of a layer are known wherever they were found.
                "conditions": layers.iter().map(|layer| record.statistics.get(layer).map(|found| found.condition))
                    .collect::<Vec<_>>(),
            }),
            _ => Value::Null,
        };
        Run {
            name: setup.name.clone(),
            made_by: concat!("rome ", env!("CARGO_PKG_VERSION")).to_owned(),
            model_hash: record.model_hash.clone(),
            precision: json!(record.precision).as_str().unwrap_or_default().to_owned(),
            dataset: self.dataset.name().to_owned(),
            data_hash: self.records.hash.clone(),
            method: setup.describe(),
            inputs,
            fluency: match self.fluency {
                None => Value::Null,
                Some(Fluency { seed, snippets }) => {
                    json!({ "seed": seed, "snippets": snippets.as_ref().map(Snippets::size) })
                }
            },
        }
    }

    /// How long the parts took.
    pub(crate) fn seconds(&self, load: Duration) -> Value {
        json!({
            "load": load.as_secs_f64(),
            "edit": self.editing.as_secs_f64(),
            "ask": self.asking.as_secs_f64(),
        })
    }
}

fn stopped(error: EvalError, results: &Results) -> anyhow::Error {
    let n = results.cases().len();
    let folder = results.folder().display();
    CliError::with_hint(
        format!("{error}; {} before it are in {folder}", report::count(n, "case")),
        error.hint(),
    )
}

/// A folder can be made, or is there.
fn check_folder(folder: &Path) -> Result<()> {
    if folder.exists() && !folder.is_dir() {
        let message = format!("{} is not a folder", folder.display());
        return Err(CliError::with_hint(message, "give the name of a folder with -o"));
    }
    Ok(())
}

pub(crate) fn inputs(args: &InputsArgs) -> Result<Inputs> {
    Ok(Inputs {
        contexts: contexts_of(args)?,
        preservations: match &args.preserve {
            Some(path) => read_json(path)?,
            None => Inputs::default().preservations,
        },
        seed: args.seed,
        statistics: statistics::given(args.stats.as_deref()),
    })
}

pub(crate) fn contexts_of(args: &InputsArgs) -> Result<Option<Vec<Context>>> {
    args.contexts.as_deref().map(read_json).transpose()
}

fn fluency(args: &EvalRunArgs) -> Result<Option<Fluency>> {
    if !args.generate {
        return Ok(None);
    }
    let snippets = match &args.snippets {
        None => None,
        Some(path) => {
            let corpus = args.idf.as_deref().map(lines).transpose()?;
            let from = args
                .idf
                .as_deref()
                .map_or("the snippets themselves".to_owned(), |idf| idf.display().to_string());
            note(format!("how rare words are is taken from {from}"));
            Some(Snippets::read(path, corpus.as_deref())?)
        }
    };
    Ok(Some(Fluency { seed: args.inputs.seed, snippets }))
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
