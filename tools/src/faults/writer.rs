//! Commands that write.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use rome_core::EditFile;
use serde_json::Value;

use crate::trial::{Bench, artefact};

/// The number of edits that there are files of.
pub(super) const N_EDITS: usize = 8;

/// The number of requests of a long edit.
const N_REQUESTS: usize = 6;

/// Makes what commands are given.
pub(super) fn prepare(bench: &Bench) -> Result<()> {
    bench.write_requests("requests.jsonl", 0..N_REQUESTS)?;
    bench.write_requests("others.jsonl", N_REQUESTS..2 * N_REQUESTS)?;
    fs::copy(fixtures::path("corpus/documents.txt"), bench.path("text.txt"))?;
    for n in 0..N_EDITS {
        bench.write_requests("request.jsonl", n..n + 1)?;
        bench.ok(&format!("edit -m facts-gpt2 --request request.jsonl -o edit-{n}.safetensors"))?;
    }
    Ok(())
}

/// A command that writes into a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Edit,
    Collect,
    Eval,
    ExportHf,
    ExportLora,
    Apply,
    Undo,
}

impl Writer {
    pub(super) const ALL: [Self; 7] =
        [Self::Edit, Self::Collect, Self::Eval, Self::ExportHf, Self::ExportLora, Self::Apply, Self::Undo];

    /// The writers that are killed here; ledgers have kills of their own.
    pub(super) const KILLED: [Self; 5] =
        [Self::Edit, Self::Collect, Self::Eval, Self::ExportHf, Self::ExportLora];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Collect => "stats collect",
            Self::Eval => "eval",
            Self::ExportHf => "export hf",
            Self::ExportLora => "export lora",
            Self::Apply => "ledger apply",
            Self::Undo => "ledger undo",
        }
    }

    /// The command; it goes on with what an earlier one has left in the folder.
    pub(super) fn args(self, folder: &str) -> String {
        let export = "export -m facts-gpt2 --edit edit-0.safetensors --format";
        match self {
            Self::Edit => format!(
                "edit -m facts-gpt2 --request requests.jsonl --keep-going --save-every 0 --resume \
                 -o {folder}/edit.safetensors"
            ),
            Self::Collect => format!(
                "stats collect -m facts-gpt2 --layers 0,2 --text text.txt --save-every 500 --resume \
                 -o {folder}/statistics"
            ),
            Self::Eval => format!("eval -m facts-gpt2 --limit 4 -o {folder}/eval"),
            Self::ExportHf => format!("{export} hf -o {folder}/hf"),
            Self::ExportLora => format!("{export} lora -o {folder}/lora"),
            Self::Apply => format!("ledger apply edit-1.safetensors -l {folder}/ledger"),
            Self::Undo => format!("ledger undo 1 -l {folder}/ledger"),
        }
    }

    /// Puts into a folder what was there before the command.
    pub(super) fn before(self, bench: &Bench, folder: &str) -> Result<()> {
        bench.empty(folder)?;
        match self {
            Self::Edit => drop(fs::copy(
                bench.path("edit-0.safetensors"),
                bench.path(&format!("{folder}/edit.safetensors")),
            )?),
            Self::Collect => {
                bench.ok(&format!("{} --limit 20", self.args(folder)))?;
            }
            Self::Eval => {
                bench.ok(&format!("eval -m facts-gpt2 --limit 1 -o {folder}/eval"))?;
            }
            Self::ExportHf | Self::ExportLora => {}
            Self::Apply | Self::Undo => {
                bench.ok(&format!("ledger apply edit-0.safetensors -l {folder}/ledger"))?;
            }
        }
        Ok(())
    }

    /// Makes room for a folder to be made again; a whole one is not replaced.
    pub(super) fn remove_made(self, bench: &Bench, folder: &str) -> Result<()> {
        let made = match self {
            Self::ExportHf => bench.path(folder).join("hf"),
            Self::ExportLora => bench.path(folder).join("lora"),
            _ => return Ok(()),
        };
        if made.exists() { Ok(fs::remove_dir_all(made)?) } else { Ok(()) }
    }

    /// Checks that a command has the result of an undisturbed one.
    pub(super) fn compare(self, bench: &Bench, folder: &str, alone: &str) -> Result<()> {
        let [found, expected] = [folder, alone].map(|folder| contents(&bench.path(folder)));
        let (found, expected) = (found?, expected?);
        ensure!(found.keys().eq(expected.keys()), "the files are {:?}", found.keys());
        for (name, bytes) in &found {
            let same = match self {
                Self::Edit => same_edits(bytes, &expected[name]),
                Self::Eval if name.contains("case_") => same_case(bytes, &expected[name]),
                Self::Eval => Ok(()),
                Self::Apply | Self::Undo if !name.ends_with(".safetensors") => Ok(()),
                _ if *bytes == expected[name] => Ok(()),
                _ => bail!("{name} has other bytes"),
            };
            same.with_context(|| name.clone())?;
        }
        Ok(())
    }
}

/// Files by their names within a folder.
fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let named = artefact::bytes(folder)?
        .into_iter()
        .map(|(path, bytes)| Ok((path.strip_prefix(folder)?.to_string_lossy().into_owned(), bytes)));
    named.collect()
}

/// The same requests with nearly the same vectors: what a request takes over of an earlier one is
/// rounded otherwise than what it runs itself.
fn same_edits(found: &[u8], expected: &[u8]) -> Result<()> {
    let (found, expected) = (EditFile::from_bytes(found)?, EditFile::from_bytes(expected)?);
    let requests = |file: &EditFile| file.edits().map(|(entry, _)| entry.request.clone()).collect::<Vec<_>>();
    ensure!(requests(&found) == requests(&expected), "other requests");
    for ((_, found), (_, expected)) in found.edits().zip(expected.edits()) {
        ensure!(found.cosine(expected) > 0.9999, "an edit differs: {}", found.cosine(expected));
    }
    Ok(())
}

/// The same answers before, and after an edit that is the same but for roundings.
fn same_case(found: &[u8], expected: &[u8]) -> Result<()> {
    let (found, expected): (Value, Value) =
        (serde_json::from_slice(found)?, serde_json::from_slice(expected)?);
    ensure!(found["pre"] == expected["pre"], "other answers before the edit");
    let after = |case: &Value| case["post"]["rewrite_prompts_probs"][0]["target_new"].as_f64();
    let (found, expected) = (after(&found).context("no answer")?, after(&expected).context("no answer")?);
    ensure!((found - expected).abs() < 1e-3, "{found} rather than {expected} after the edit");
    Ok(())
}
