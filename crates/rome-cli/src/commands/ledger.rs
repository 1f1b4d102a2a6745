//! `rome ledger …`

use std::path::Path;

use anyhow::Result;
use rome_core::EditFile;
use rome_core::request::one_line;
use rome_ledger::{Action, Entry, Ledger, LedgerError, Remark};
use serde_json::json;

use crate::args::{LedgerArgs, LedgerCommand, RemarkArgs};
use crate::commands::edit::count;
use crate::edits;
use crate::error::{CliError, Outcome};
use crate::model;
use crate::output::{self, note, warning};

pub(crate) fn run(args: LedgerArgs) -> Result<Outcome> {
    let folder = args.ledger.as_path();
    match args.command {
        LedgerCommand::Apply(args) => {
            // Read before the ledger is taken, so that a wrong name leaves no new folder.
            let files = args.files.iter().map(|path| edits::read(path)).collect::<Result<Vec<_>>>()?;
            let all = EditFile::combine(files.iter().cloned());
            if let Some(part) = all.parts.first() {
                all.check_model(&part.record.model_hash)?;
            }
            let mut ledger = Ledger::lock(folder)?;
            for number in ledger.apply(files, &remark(&args.remark))? {
                changed(&ledger, number)?;
            }
        }
        LedgerCommand::Undo(args) => {
            let mut ledger = existing(folder)?;
            let after = ledger.on().into_iter().filter(|&number| number > args.number).count();
            let number = ledger.undo(args.number, remark(&args.remark))?;
            if after > 0 {
                note("what was put on since stays as it was computed, on top of what is taken back now");
            }
            changed(&ledger, number)?;
        }
        LedgerCommand::Checkout(args) => {
            let mut ledger = existing(folder)?;
            let number = ledger.checkout(args.number, remark(&args.remark))?;
            changed(&ledger, number)?;
        }
        LedgerCommand::Log(args) => log(&Ledger::open(folder)?, args.json)?,
        LedgerCommand::Verify(args) => verify(&Ledger::open(folder)?, args.model.as_deref())?,
    }
    Ok(Outcome::Done)
}

/// Takes a ledger that is there: undoing something in a new one would leave it behind.
fn existing(folder: &Path) -> Result<rome_ledger::Locked, LedgerError> {
    match Ledger::is_at(folder) {
        true => Ledger::lock(folder),
        false => Err(LedgerError::NotFound(folder.to_owned())),
    }
}

fn remark(args: &RemarkArgs) -> Remark {
    Remark { author: args.author.clone(), message: args.message.clone() }
}

/// Prints an entry that was just made, and what is on.
fn changed(ledger: &Ledger, number: usize) -> Result<()> {
    if let Some(entry) = ledger.log().entry(number) {
        output::line(format!("{number:>3}  {}", what(entry)))?;
    }
    output::line(format!("     {} on now", on(ledger)))
}

fn on(ledger: &Ledger) -> String {
    match ledger.on().as_slice() {
        [] => "nothing is".to_owned(),
        numbers => {
            let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
            format!("{} {}", numbers.join(", "), if numbers.len() == 1 { "is" } else { "are" })
        }
    }
}

fn what(entry: &Entry) -> String {
    match &entry.action {
        Action::Apply { edits, .. } => {
            let first = edits.first().and_then(|edit| edit.request.as_ref());
            let first = first.map_or("imported".to_owned(), ToString::to_string);
            let requests = edits.iter().map(|edit| &edit.request);
            let n_others = requests.filter(|request| request.as_ref() != edits[0].request.as_ref()).count();
            match n_others {
                0 => format!("apply    {first}"),
                n => format!("apply    {first}, and {} more", count(n, "edit")),
            }
        }
        Action::Undo(of) => format!("undo     {of}"),
        Action::Checkout(0) => "checkout 0, the untouched model".to_owned(),
        Action::Checkout(to) => format!("checkout {to}"),
    }
}

fn log(ledger: &Ledger, as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&json!({ "log": ledger.log(), "on": ledger.on() }));
    }
    let is_on = ledger.on();
    for (number, entry) in (1..).zip(&ledger.log().entries) {
        let mark = if is_on.contains(&number) { "on" } else { "" };
        let time = entry.time.strftime("%Y-%m-%d %H:%M:%S");
        output::line(format!("{number:>3}  {mark:<2}  {time}  {}", output::bold(&what(entry))))?;
        let remark =
            [&entry.remark.author, &entry.remark.message].map(|part| part.as_deref().unwrap_or_default());
        if remark.iter().any(|part| !part.is_empty()) {
            output::line(format!("         {}", one_line(remark.join("  ").trim())))?;
        }
        let Action::Apply { edits, file } = &entry.action else { continue };
        for edit in edits {
            let outcome = edit.outcome.map_or(String::new(), |outcome| {
                let took = if outcome.took { "took" } else { "did not take" };
                format!(
                    ", target {} → {}, {took}",
                    output::percent(outcome.p_target_before),
                    output::percent(outcome.p_target_after)
                )
            });
            output::line(format!(
                "         {}: ‖ΔW‖ {:.1} %{outcome}",
                one_line(&edit.weight),
                100.0 * edit.relative_norm
            ))?;
        }
        output::line(format!("         {}…", one_line(output::short(file))))?;
    }
    output::line(format!("{} on", on(ledger)))
}

fn verify(ledger: &Ledger, model: Option<&str>) -> Result<()> {
    let (faults, unnamed) = ledger.verify()?;
    let n_faults = faults.len();
    for (index, fault) in faults.into_iter().enumerate() {
        match index + 1 < n_faults {
            true => warning(fault.to_string()),
            false => return Err(fault.into()),
        }
    }
    if let (Some(name), Some(expected)) = (model, &ledger.log().model_hash) {
        let found = model::hash(&model::source(name)?)?;
        if found != *expected {
            return Err(CliError::with_hint(
                format!(
                    "the ledger is of the model {}…, and {name} is {}…",
                    output::short(expected),
                    output::short(&found)
                ),
                "give the model that its edits were made for",
            ));
        }
    }
    if !unnamed.is_empty() {
        note(format!(
            "{} that no entry names: left by an interruption, and harmless",
            count(unnamed.len(), "file")
        ));
    }
    let n_entries = count(ledger.log().entries.len(), "entry").replace("entrys", "entries");
    output::line(format!("{n_entries}, every file as recorded; {} on", on(ledger)))
}
