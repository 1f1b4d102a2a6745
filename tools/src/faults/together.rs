//! Several processes write to one place.

use anyhow::{Result, bail, ensure};
use rome_core::{EditFile, Request};

use super::tally::Tally;
use super::writer::Writer;
use crate::process::ProcessOutcome;
use crate::trial::{Bench, artefact, expect_code, expect_refusal};

const FOLDER: &str = "together";

pub(super) fn run(bench: &Bench, n_rounds: usize) -> Result<Vec<Tally>> {
    let [mut edit, mut collect, mut same, mut other, mut export] = [
        "edit, one output",
        "stats collect, one folder",
        "eval, one run",
        "eval, two runs",
        "export, one folder",
    ]
    .map(|command| Tally::new("at once", command));
    for _ in 0..n_rounds {
        let files = [0, 1].map(|n| {
            format!(
                "edit -m facts-gpt2 --request {} -o together/edit.safetensors",
                ["request.jsonl", "others.jsonl --keep-going"][n]
            )
        });
        try_it(bench, &mut edit, &files, |ended| one_of_them(bench, ended))?;

        let [alone, twice] = ["alone", FOLDER].map(|folder| Writer::Collect.args(folder));
        bench.empty("alone")?;
        bench.ok(&alone)?;
        try_it(bench, &mut collect, &[twice.clone(), twice], |ended| {
            some_succeed(ended)?;
            Writer::Collect.compare(bench, FOLDER, "alone")
        })?;

        let [alone, twice] = ["alone", FOLDER].map(|folder| Writer::Eval.args(folder));
        bench.empty("alone")?;
        bench.ok(&alone)?;
        try_it(bench, &mut same, &[twice.clone(), twice.clone()], |ended| {
            some_succeed(ended)?;
            Writer::Eval.compare(bench, FOLDER, "alone")
        })?;
        try_it(bench, &mut other, &[twice.clone(), format!("{twice} --clamp 2")], one_refuses)?;

        let [alone, twice] = ["alone", FOLDER].map(|folder| Writer::ExportHf.args(folder));
        bench.empty("alone")?;
        bench.ok(&alone)?;
        try_it(bench, &mut export, &[twice.clone(), twice], |ended| {
            one_refuses(ended)?;
            Writer::ExportHf.compare(bench, FOLDER, "alone")
        })?;
    }
    Ok(vec![edit, collect, same, other, export])
}

/// Runs commands at once in an empty folder.
fn try_it(
    bench: &Bench,
    tally: &mut Tally,
    commands: &[String],
    holds: impl FnOnce(&[ProcessOutcome]) -> Result<()>,
) -> Result<()> {
    bench.empty(FOLDER)?;
    let ended = at_once(bench, commands)?;
    tally.times += 1;
    tally.count("refused", ended.iter().filter(|ended| ended.status.code() == Some(2)).count());
    tally.hold("files whole", artefact::whole_and_nothing_left(bench, FOLDER));
    tally.hold("as of one after the other", holds(&ended));
    Ok(())
}

pub(super) fn at_once(bench: &Bench, commands: &[String]) -> Result<Vec<ProcessOutcome>> {
    let running: Result<Vec<_>> = commands.iter().map(|command| bench.start(command)).collect();
    running?.into_iter().map(|running| running.wait()).collect()
}

/// Each is done or refuses, and one is done.
fn some_succeed(ended: &[ProcessOutcome]) -> Result<()> {
    let refusals = ended.iter().filter(|ended| ended.status.code() != Some(0));
    let refused: Vec<String> = refusals.map(expect_refusal).collect::<Result<_>>()?;
    {
        ensure!(refused.len() < ended.len(), "all refuse: {refused:?}");
        Ok(())
    }
}

/// One is done, and the other refuses.
fn one_refuses(ended: &[ProcessOutcome]) -> Result<()> {
    some_succeed(ended)?;
    let n_done = ended.iter().filter(|ended| ended.status.success()).count();
    {
        ensure!(n_done == 1, "both are done, in one folder");
        Ok(())
    }
}

/// The last one to write has its file there, and no vector of the other.
fn one_of_them(bench: &Bench, ended: &[ProcessOutcome]) -> Result<()> {
    ended.iter().try_for_each(|ended| expect_code(ended, &[0, 1]))?;
    let file = EditFile::from_bytes(&std::fs::read(bench.path("together/edit.safetensors"))?)?;
    let edits: Vec<Request> = file.edits().filter_map(|(entry, _)| entry.request.clone()).collect();
    for name in ["request.jsonl", "others.jsonl"] {
        let text = std::fs::read_to_string(bench.path(name))?;
        let asked: Vec<Request> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        if edits.len() == file.edits().count() && edits.iter().all(|edit| asked.contains(edit)) {
            return Ok(());
        }
    }
    bail!("the file is of neither: {edits:?}")
}
