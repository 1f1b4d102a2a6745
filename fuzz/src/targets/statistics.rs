//! Second moments, and what is kept beside them.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use rome_core::{CholeskyFactor, ModelHash, Precision, SecondMoment};
use rome_models::{Pretrained, Source};
use rome_stats::{CollectionState, Collector, Provenance, Statistics, StatsError, SumFormat, npz};

use super::model;
use crate::{Bound, Files, Outcome, Seed, Target, zip};

/// Larger ones are not factored here: that takes long by itself.
const MOST_FACTORED: usize = 64;

fn statistics() -> Result<Statistics> {
    let sum = vec![4.0, 2.0, 3.0, 2.0, 7.0, 6.0, 3.0, 6.0, 9.5];
    let moment = SecondMoment::from_sum(3, 3, sum).context("a square")?;
    let provenance = Provenance {
        model_hash: Some(ModelHash::new("0123456789abcdef".repeat(4))),
        layer: Some(1),
        documents: 2,
        max_tokens: Some(8),
        dtype: "float32".to_owned(),
        made_by: "fuzz".to_owned(),
        ..Provenance::default()
    };
    Ok(Statistics { moment, provenance, convergence: Vec::new() })
}

/// Statistics as an edit uses them.
fn used(statistics: Result<Statistics, StatsError>) -> Outcome {
    let statistics = match statistics {
        Ok(statistics) => statistics,
        Err(error) => return Outcome::refused(&error),
    };
    let _ = (statistics.sums_hash(), statistics.is_verifiable());
    if statistics.moment.d_ff() > MOST_FACTORED {
        return Outcome::Taken;
    }
    match CholeskyFactor::new(&statistics.moment) {
        Err(error) => Outcome::refused(&error),
        Ok(factor) => solved(&factor),
    }
}

/// A factor as an edit uses it.
fn solved(factor: &CholeskyFactor) -> Outcome {
    if factor.solve(&vec![0.5; factor.d_ff()]).len() == factor.d_ff() {
        Outcome::Taken
    } else {
        Outcome::Broken("what was solved has another size".to_owned())
    }
}

pub(super) static NPZ: Target = Target {
    name: "npz",
    about: "statistics of the reference, by rome_stats::npz::read, and their factor",
    bound: Bound::PACKED,
    n_cases: 2_000,
    seeds: || {
        let bytes = npz::write(&statistics()?)?;
        Ok(vec![
            Seed::new("entries", zip::unpack(&bytes)?),
            Seed::new("archive", Files::one("stats.npz", bytes)),
        ])
    },
    read: |files| match zip::pack(files) {
        Ok(bytes) => used(npz::read(Cursor::new(bytes))),
        Err(error) => Outcome::Broken(format!("no archive: {error}")),
    },
};

pub(super) static STATISTICS: Target = Target {
    name: "statistics",
    about: "statistics, by Statistics::from_bytes, and their factor",
    bound: Bound::PARSED,
    n_cases: 2_000,
    seeds: || {
        let seed = |(name, format): (&str, SumFormat)| {
            Ok(Seed::new(name, Files::one("stats.safetensors", statistics()?.to_bytes(format)?)))
        };
        [("full", SumFormat::Full), ("compact", SumFormat::Compact)].into_iter().map(seed).collect()
    },
    read: |files| used(Statistics::from_bytes(files.bytes())),
};

pub(super) static FACTOR: Target = Target {
    name: "factor",
    about: "a factor of C beside statistics, by rome_stats::read_factor",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || {
        let folder = tempfile::tempdir_in(crate::files::scratch())?;
        let (path, statistics) = (folder.path().join("factor.safetensors"), statistics()?);
        rome_stats::write_factor(&path, &CholeskyFactor::new(&statistics.moment)?, &statistics.sums_hash())?;
        Ok(vec![Seed::new("three", Files::read(folder.path())?)])
    },
    read: |files| {
        let Ok(statistics) = statistics() else { return Outcome::Broken("no statistics".to_owned()) };
        in_file(files, |path| match rome_stats::read_factor(path, &statistics.sums_hash()) {
            Ok(factor) => factor.map_or(Outcome::Taken, |factor| solved(&factor)),
            Err(error) => Outcome::refused(&error),
        })
    },
};

pub(super) static STATE: Target = Target {
    name: "state",
    about: "an unfinished collection, by rome_stats::CollectionState::read",
    bound: Bound::PARSED,
    n_cases: 1_200,
    seeds: || {
        let folder = model::gpt2()?.folder()?;
        let source = Source::Folder(folder.path().to_owned());
        let read = Pretrained::from_source(&source, &fixtures::device(), Precision::F32, &mut ())?;
        let mut collector = Collector::new(read.model.as_ref(), &read.tokenizer, &[0, 1])?;
        for _ in 0..3 {
            collector.add("the ab the cat")?;
        }
        let written = tempfile::tempdir_in(crate::files::scratch())?;
        collector.state(&ModelHash::new("hash")).write(&written.path().join("state.safetensors"))?;
        Ok(vec![Seed::new("begun", Files::read(written.path())?)])
    },
    read: |files| {
        in_file(files, |path| match CollectionState::read(path) {
            Ok(_) => Outcome::Taken,
            Err(error) => Outcome::refused(&error),
        })
    },
};

/// Does something with the file of an input.
pub(super) fn in_file(files: &Files, read: impl FnOnce(&Path) -> Outcome) -> Outcome {
    match (files.folder(), files.0.first()) {
        (Ok(folder), Some((name, _))) => read(&folder.path().join(name)),
        _ => Outcome::Broken("no file".to_owned()),
    }
}
