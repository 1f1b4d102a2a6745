//! A file is missing, or cut off, when a command starts.

use std::fs;

use anyhow::{Result, ensure};

use super::model::{self, SHARDS};
use super::tally::Tally;
use crate::trial::{Bench, artefact};

/// Commands that read a model, as they follow `-m`, with `out` for what they write.
const READERS: [&str; 5] = [
    "generate --greedy Obama -m",
    "logits --tokens 1,2,3 -o missing/out -m",
    "edit --request request.jsonl --stats identity --layer 1 -o missing/out -m",
    "export --format hf --edit edit-0.safetensors -o missing/out -m",
    "stats collect --layers 0 --text text.txt -o missing/out -m",
];

pub(super) fn run(bench: &mut Bench, n_rounds: usize) -> Result<Vec<Tally>> {
    bench.empty("missing")?;
    Ok(vec![shards(bench)?, cut(bench, n_rounds)?, edits(bench)?])
}

/// One shard of two is not there.
fn shards(bench: &Bench) -> Result<Tally> {
    let mut tally = Tally::new("missing shard", "generate, logits, edit, export, stats collect");
    model::in_parts(bench, "parts")?;
    let [whole, parts] = ["facts-gpt2", "parts"].map(|name| bench.ok(&format!("{} {name}", READERS[0])));
    let is_same = whole?.stdout == parts?.stdout;
    tally.hold("whole it is the same model", same(is_same));
    for shard in SHARDS {
        let (place, aside) = (bench.path("parts").join(shard), bench.path("aside"));
        fs::rename(&place, &aside)?;
        for reader in READERS {
            tally.times += 1;
            tally.hold("refused, named, nothing written", refused(bench, reader, "parts", shard));
        }
        fs::rename(&aside, &place)?;
    }
    Ok(tally)
}

fn same(is_same: bool) -> Result<()> {
    {
        ensure!(is_same, "another output");
        Ok(())
    }
}

/// The weights end somewhere before their end.
fn cut(bench: &mut Bench, n_rounds: usize) -> Result<Tally> {
    let mut tally = Tally::new("truncated weights", "generate, logits, edit, export, stats collect");
    let weights = model::copy(bench, "cut")?;
    let mut len = fs::metadata(&weights)?.len() as usize;
    for _ in 0..n_rounds {
        len = bench.below(len);
        fs::File::options().write(true).open(&weights)?.set_len(len as u64)?;
        for reader in READERS {
            tally.times += 1;
            let result = refused(bench, reader, "cut", "model.safetensors");
            tally.hold("refused, named, nothing written", result);
        }
    }
    Ok(tally)
}

/// A file of edits is removed after it was made, and one of a ledger.
fn edits(bench: &Bench) -> Result<Tally> {
    let mut tally = Tally::new("edits removed", "generate, export, ledger");
    bench.ok("ledger apply edit-0.safetensors edit-1.safetensors -l missing/ledger")?;
    let kept = artefact::find(&bench.path("missing/ledger/edits"))?.files;
    for file in &kept {
        let aside = bench.path("aside");
        fs::rename(file, &aside)?;
        for args in [
            "ledger verify -l missing/ledger",
            "generate --greedy Obama --edit missing/ledger -m facts-gpt2",
            "export --format lora --edit missing/ledger -o missing/out -m facts-gpt2",
        ] {
            tally.times += 1;
            tally.hold("refused, nothing written", bench.refused(args).and_then(|_| nothing(bench)));
        }
        fs::rename(&aside, file)?;
        tally.hold("verifies once it is back", bench.ok("ledger verify -l missing/ledger").map(drop));
    }
    for args in
        ["edit show gone.safetensors", "generate --greedy Obama --edit gone.safetensors -m facts-gpt2"]
    {
        tally.times += 1;
        let named = bench.refused(args).and_then(|said| {
            ensure!(said.contains("gone.safetensors"), "it does not name the file: {said}");
            Ok(())
        });
        tally.hold("refused, named", named);
    }
    Ok(tally)
}

fn refused(bench: &Bench, reader: &str, model: &str, file: &str) -> Result<()> {
    let said = bench.refused(&format!("{reader} {model}"))?;
    ensure!(said.contains(file), "it does not name {file}: {said}");
    nothing(bench)
}

fn nothing(bench: &Bench) -> Result<()> {
    let found = artefact::find(&bench.path("missing"))?;
    let is_there = bench.path("missing/out").exists() || !found.temporary.is_empty();
    {
        ensure!(!is_there, "something was written");
        Ok(())
    }
}
