//! `rome stats collect`

use std::fs;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use rome_stats::{Change, Collector, Corpus, Document, Packing, Sequences, Shard, State, StatsError};
use serde_json::json;

use super::save_every::SaveEvery;
use super::selection::{expand, parse_layers};
use crate::args::CollectArgs;
use crate::error::{CliError, Outcome};
use crate::model;
use crate::output::{self, Progress};
use crate::{plot, statistics};

pub(crate) fn run(args: CollectArgs) -> Result<Outcome> {
    let files = expand(&args.text)?;
    for path in files.iter().filter(|path| *path != Path::new("-")) {
        fs::metadata(path).map_err(|error| StatsError::Io { path: path.clone(), error })?;
    }
    let corpus = Corpus::new(files, &args.field)?;
    let shard: Option<Shard> = args.shard.as_deref().map(str::parse).transpose()?;
    let save_every = args.save_every.parse()?;
    if let Some(plot) = &args.plot {
        output::check_writable(plot)?;
    }
    let model = model::load(&args.model)?;
    let hash = &model.pretrained.hash;
    let layers = parse_layers(&args.layers, model.causal_lm().shape().n_layers)?;
    let folder = statistics::output_folder(args.output.as_deref(), hash)?;
    let _claim = output::claim(&folder, shard)?;
    let sequences = match args.pack {
        true => Sequences::Packed { separator: model.pretrained.end_token },
        false => Sequences::Cut,
    };
    let collector = Collector::new(model.causal_lm(), &model.pretrained.tokenizer, &layers)?;
    let mut collector = collector.sequences(sequences).shard(shard);

    let unfinished = folder.join(format!("unfinished{}", rome_session::statistics::file_ending(shard)));
    if unfinished.exists() {
        if !args.resume {
            return Err(CliError::with_hint(
                format!("there is an unfinished collection in {}", unfinished.display()),
                "go on with it by --resume, or delete this file to start anew",
            ));
        }
        let state = State::read(&unfinished)?;
        collector = collector.resume(state, hash).with_context(|| unfinished.display().to_string())?;
    }

    let mut collection = Collection {
        args: &args,
        hash,
        unfinished: &unfinished,
        n_tokens_before: collector.n_tokens(),
        collector,
        save_every,
        start: Instant::now(),
        n_plotted: 0,
    };
    let mut progress = Progress::new(corpus.n_bytes(), "{bar:30} {percent}% · {msg} · {eta} left");
    corpus.for_each(&mut |document| collection.take(document, &mut progress))?;
    let (rate, change) = (collection.rate(), collection.collector.change());
    let place =
        |layer: &usize| folder.join(format!("layer-{layer}{}", rome_session::statistics::file_ending(shard)));
    // Where an end between two layers would leave one of this collection beside one of an earlier one,
    // it is saved what there is to go on from.
    if layers.len() > 1 && layers.iter().any(|layer| place(layer).exists()) {
        collection.write_state()?;
    }
    let collected = collection.collector.finish(hash)?;
    drop(progress);
    if let Some(path) = &args.plot {
        let curves: Vec<_> = collected.iter().map(|(&layer, found)| (layer, &*found.changes)).collect();
        write_plot(path, &curves)?;
    }

    let packing = Packing::compact(args.compact);
    let mut files = Vec::new();
    for (layer, statistics) in &collected {
        let path = place(layer);
        output::write_file(&path, &statistics.to_bytes(packing)?)?;
        files.push(path.display().to_string());
    }
    // Only now that all is written is the unfinished part not needed any more.
    match fs::remove_file(&unfinished) {
        // There was none.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        result => result.with_context(|| format!("cannot remove {}", unfinished.display()))?,
    }
    let (tokens, documents) =
        collected.values().next().map_or((0, 0), |s| (s.moment.count(), s.provenance.documents));
    if args.json {
        output::json(&json!({
            "tokens": tokens, "documents": documents, "layers": layers, "files": files,
            "tokens_per_second": rate, "change": change,
        }))?;
    } else {
        output::line(format!(
            "{tokens} tokens of {documents} documents at layers {layers:?}, {rate:.0} tokens a second"
        ))?;
        if let Some(Change { second_moment, direction, .. }) = change {
            output::line(format!(
                "the last doubling of the text changed C by {} and directions C⁻¹k by {}",
                output::percent(second_moment.into()),
                output::percent(direction.into())
            ))?;
        }
        files.iter().try_for_each(output::line)?;
    }
    Ok(Outcome::Done)
}

/// A collection under way.
struct Collection<'a> {
    args: &'a CollectArgs,
    hash: &'a str,
    /// Where it is saved.
    unfinished: &'a Path,
    collector: Collector<'a>,
    n_tokens_before: u64,
    save_every: SaveEvery,
    start: Instant,
    /// The number of changes that the plot shows.
    n_plotted: usize,
}

impl Collection<'_> {
    fn take(&mut self, document: Document<'_>, progress: &mut Progress) -> Result<ControlFlow<()>> {
        // Asked before a document is taken, so that one that goes on ends where it would have ended.
        if !self.collector.is_resuming() && self.is_enough() {
            return Ok(ControlFlow::Break(()));
        }
        self.collector.add(document.text)?;
        progress.set(document.bytes_read, self.message());
        if !self.collector.is_resuming() {
            self.plot()?;
            if self.save_every.is_due(self.collector.n_tokens()) {
                self.save()?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn is_enough(&self) -> bool {
        let is_settled = |limit| self.collector.change().is_some_and(|change| change.is_within(limit));
        self.args.limit.is_some_and(|limit| self.collector.n_seen() >= limit)
            || self.args.until.is_some_and(is_settled)
    }

    fn message(&self) -> String {
        if self.collector.is_resuming() {
            return "passing over what is known".to_owned();
        }
        let change = self.collector.change().map_or_else(String::new, |change| {
            format!(
                " · C ± {}, C⁻¹k ± {}",
                output::percent(change.second_moment.into()),
                output::percent(change.direction.into())
            )
        });
        let (n_tokens, n_documents) = (self.collector.n_tokens(), self.collector.n_documents());
        format!("{n_tokens} tokens of {n_documents} documents · {:.0} tokens/s{change}", self.rate())
    }

    /// Tokens a second.
    fn rate(&self) -> f64 {
        let n_tokens = self.collector.n_tokens() - self.n_tokens_before;
        n_tokens as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// Draws what is known of the changes, if more is known than before.
    fn plot(&mut self) -> Result<()> {
        let Some(path) = &self.args.plot else { return Ok(()) };
        let curves: Vec<_> = self.collector.changes().collect();
        let n_changes = curves.iter().map(|(_, changes)| changes.len()).sum();
        if n_changes > self.n_plotted {
            self.n_plotted = n_changes;
            write_plot(path, &curves)?;
        }
        Ok(())
    }

    fn write_state(&self) -> Result<()> {
        let state = self.collector.state(self.hash);
        output::write_with(self.unfinished, |path| Ok(state.write(path)?))
    }

    fn save(&self) -> Result<()> {
        self.write_state()?;
        if self.args.json {
            output::json(&json!({
                "saved": self.unfinished,
                "tokens": self.collector.n_tokens(),
                "documents": self.collector.n_documents(),
                "tokens_per_second": self.rate(),
                "change": self.collector.change(),
            }))?;
        }
        Ok(())
    }
}

fn write_plot(path: &Path, curves: &[(usize, &[Change])]) -> Result<()> {
    output::write_file(path, plot::convergence(curves)?.as_bytes())
}
