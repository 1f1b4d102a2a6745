//! Text that statistics are collected over.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use rome_stats::{Corpus, StatsError};

use crate::{Bound, Files, Outcome, Seed, Target};

const NAMES: [&str; 5] =
    ["documents.txt", "documents.jsonl", "documents.parquet", "documents.jsonl.zst", "documents.txt.gz"];

fn seeds() -> Result<Vec<Seed>> {
    let mut seeds = Vec::new();
    for name in NAMES {
        let bytes = std::fs::read(fixtures::path("corpus").join(name))?;
        seeds.push(Seed::new(name, Files::one(name, bytes)));
    }
    // One line that packs a thousand to one.
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![b'a'; 8 << 20])?;
    seeds.push(Seed::new("one-line.txt.gz", Files::one("documents.txt.gz", packed.finish()?)));
    Ok(seeds)
}

pub(super) static CORPUS: Target = Target {
    name: "corpus",
    about: "text, JSONL and Parquet, packed or not, by rome_stats::Corpus",
    bound: Bound::PACKED,
    n_cases: 1_200,
    seeds,
    read: |files| {
        super::statistics::in_file(files, |path| {
            let read = Corpus::new(vec![path.to_owned()], "text")
                .and_then(|corpus| corpus.for_each::<StatsError>(&mut |_| Ok(ControlFlow::Continue(()))));
            match read {
                Ok(()) => Outcome::Taken,
                Err(error) => Outcome::refused(&error),
            }
        })
    },
};
