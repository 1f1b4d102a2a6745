//! `rome stats collect`

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rome_stats::{Collector, Corpus, Packing, Sequences, Shard, State, StatsError};
use serde_json::json;

use crate::args::CollectArgs;
use crate::error::{CliError, Outcome};
use crate::model::Model;
use crate::output::{self, Progress};
use crate::statistics;

pub(crate) fn run(args: CollectArgs) -> Result<Outcome> {
    let files = expand(&args.text)?;
    for path in files.iter().filter(|path| *path != Path::new("-")) {
        fs::metadata(path).map_err(|error| StatsError::Io { path: path.clone(), error })?;
    }
    let corpus = Corpus::new(files, &args.field)?;
    let shard: Option<Shard> = args.shard.as_deref().map(str::parse).transpose()?;
    let mut save_every: SaveEvery = args.save_every.parse()?;
    let model = Model::load(&args.model)?;
    let hash = &model.pretrained.hash;
    let layers = parse_layers(&args.layers, model.causal_lm().shape().n_layers)?;
    let folder = match args.output {
        Some(folder) => folder,
        None => {
            let folder = statistics::cache_folder(hash)?;
            let parent = folder.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            folder
        }
    };
    output::make_folder(&folder)?;
    let sequences = match args.pack {
        true => Sequences::Packed { separator: model.pretrained.end_token },
        false => Sequences::Cut,
    };
    let collector = Collector::new(model.causal_lm(), &model.pretrained.tokenizer, &layers)?;
    let mut collector = collector.sequences(sequences).shard(shard);

    let unfinished = folder.join(format!("unfinished{}", statistics::file_ending(shard)));
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

    let start = Instant::now();
    let n_before = collector.n_tokens();
    let rate = |n_tokens: u64| (n_tokens - n_before) as f64 / start.elapsed().as_secs_f64().max(1e-9);
    let mut progress = Progress::new(corpus.n_bytes(), "{bar:30} {percent}% · {msg} · {eta} left");
    corpus.for_each(&mut |document| -> Result<()> {
        collector.add(document.text)?;
        let (n_tokens, n_documents) = (collector.n_tokens(), collector.n_documents());
        let message = match collector.is_resuming() {
            true => "passing over what is known".to_owned(),
            false => format!("{n_tokens} tokens of {n_documents} documents · {:.0} tokens/s", rate(n_tokens)),
        };
        progress.set(document.bytes_read, message);
        if !collector.is_resuming() && save_every.is_due(n_tokens) {
            output::write_with(&unfinished, |path| Ok(collector.state(hash).write(path)?))?;
            if args.json {
                output::json(&json!({
                    "saved": unfinished, "tokens": n_tokens, "documents": n_documents,
                    "tokens_per_second": rate(n_tokens),
                }))?;
            }
        }
        Ok(())
    })?;
    let rate = rate(collector.n_tokens());
    let collected = collector.finish(hash)?;
    drop(progress);

    let packing = Packing::compact(args.compact);
    let mut files = Vec::new();
    for (layer, statistics) in &collected {
        let path = folder.join(format!("layer-{layer}{}", statistics::file_ending(shard)));
        output::write_file(&path, &statistics.to_bytes(packing)?)?;
        files.push(path.display().to_string());
    }
    // Only now that all is written is the unfinished part not needed any more.
    if unfinished.exists() {
        fs::remove_file(&unfinished).with_context(|| format!("cannot remove {}", unfinished.display()))?;
    }
    let (tokens, documents) =
        collected.values().next().map_or((0, 0), |s| (s.moment.count(), s.provenance.documents));
    if args.json {
        output::json(&json!({
            "tokens": tokens, "documents": documents, "layers": layers, "files": files,
            "tokens_per_second": rate,
        }))?;
    } else {
        output::line(format!(
            "{tokens} tokens of {documents} documents at layers {layers:?}, {rate:.0} tokens a second"
        ))?;
        files.iter().try_for_each(output::line)?;
    }
    Ok(Outcome::Done)
}

/// When a collection is saved: so many seconds or tokens after the last time.
enum SaveEvery {
    Seconds { interval: Duration, last: Instant },
    Tokens { interval: u64, last: u64 },
}

impl SaveEvery {
    fn is_due(&mut self, n_tokens: u64) -> bool {
        match self {
            Self::Seconds { interval, last } => {
                let is_due = last.elapsed() >= *interval;
                if is_due {
                    *last = Instant::now();
                }
                is_due
            }
            Self::Tokens { interval, last } => {
                let is_due = n_tokens >= *last + *interval;
                if is_due {
                    *last = n_tokens;
                }
                is_due
            }
        }
    }
}

impl FromStr for SaveEvery {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            CliError::with_hint(
                format!("{text:?} is not a number of tokens or seconds"),
                "write --save-every 1000000 for tokens, or --save-every 60s for seconds",
            )
        };
        match text.strip_suffix('s') {
            Some(seconds) => {
                let interval = Duration::from_secs(seconds.parse().map_err(|_| wrong())?);
                Ok(Self::Seconds { interval, last: Instant::now() })
            }
            None => match text.parse() {
                Ok(interval) if interval > 0 => Ok(Self::Tokens { interval, last: 0 }),
                _ => Err(wrong()),
            },
        }
    }
}

/// Replaces patterns by the files that match them, in order of their names.
fn expand(texts: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for text in texts {
        let pattern =
            text.to_str().filter(|text| text.contains(['*', '?', '[']) && !Path::new(text).exists());
        let Some(pattern) = pattern else {
            files.push(text.clone());
            continue;
        };
        let matches = glob::glob(pattern).with_context(|| format!("{pattern:?} is not a pattern"))?;
        let before = files.len();
        for path in matches {
            files.push(path.with_context(|| format!("cannot look for {pattern:?}"))?);
        }
        if files.len() == before {
            return Err(CliError::with_hint(
                format!("no file matches {pattern:?}"),
                "give files or a pattern with --text",
            ));
        }
    }
    Ok(files)
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
