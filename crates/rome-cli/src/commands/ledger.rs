//! `rome ledger …`

use std::path::Path;

use anyhow::Result;
use rome_core::EditFile;
use rome_core::request::one_line;
use rome_edit::ledger::{Action, Entry, LockedLedger, Remark};
use rome_edit::{Error, Ledger, edits, model};
use serde_json::json;

use crate::args::{JsonArgs, LedgerApplyArgs, LedgerArgs, LedgerCommand, LedgerEntryArgs, RemarkArgs};
use crate::cli_error::CliError;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: LedgerArgs) -> Result<()> {
    let folder = args.ledger.as_path();
    match args.command {
        LedgerCommand::Apply(args) => show_changes(apply(folder, args)?),
        LedgerCommand::Undo(args) => show_changes(undo(folder, args)?),
        LedgerCommand::Checkout(args) => show_changes(checkout(folder, args)?),
        LedgerCommand::Log(args) => log(folder, &args),
        LedgerCommand::Verify { model } => verify(folder, model.as_deref()),
    }
}

/// A ledger and the numbers of the entries that were just made.
type Changes = (LockedLedger, Vec<usize>);

fn apply(folder: &Path, args: LedgerApplyArgs) -> Result<Changes, Error> {
    // Read before the ledger is taken, so that a wrong name leaves no new folder.
    let files = args.files.iter().map(|path| edits::read(path)).collect::<Result<Vec<_>, _>>()?;
    let all = EditFile::combine(files.iter().cloned());
    if let Some(part) = all.parts.first() {
        all.check_model(&part.record.model_hash)?;
    }
    let mut ledger = Ledger::lock(folder)?;
    let numbers = ledger.apply(files, &remark(args.remark))?;
    Ok((ledger, numbers))
}

fn undo(folder: &Path, args: LedgerEntryArgs) -> Result<Changes, Error> {
    let mut ledger = Ledger::lock_existing(folder)?;
    let is_followed = ledger.on().into_iter().any(|number| number > args.number);
    let number = ledger.undo(args.number, remark(args.remark))?;
    if is_followed {
        tracing::info!("later edits stay as they were computed, on top of the edits undone now");
    }
    Ok((ledger, vec![number]))
}

fn checkout(folder: &Path, args: LedgerEntryArgs) -> Result<Changes, Error> {
    let mut ledger = Ledger::lock_existing(folder)?;
    let number = ledger.checkout(args.number, remark(args.remark))?;
    Ok((ledger, vec![number]))
}

fn remark(args: RemarkArgs) -> Remark {
    Remark { author: args.author, message: args.message }
}

/// Prints new entries, and the active ones.
fn show_changes((ledger, numbers): Changes) -> Result<()> {
    for number in numbers {
        if let Some(entry) = ledger.log().entry(number) {
            ui::line(format!("{number:>3}  {}", describe(entry)))?;
        }
        ui::line(format!("     {}", active(&ledger)))?;
    }
    Ok(())
}

fn active(ledger: &Ledger) -> String {
    let numbers: Vec<String> = ledger.on().iter().map(usize::to_string).collect();
    match numbers.as_slice() {
        [] => "no active edits".to_owned(),
        numbers => format!("active entries: {}", numbers.join(", ")),
    }
}

fn describe(entry: &Entry) -> String {
    match &entry.action {
        Action::Apply { facts, .. } if !facts.is_empty() => {
            let first = facts[0].request.to_string();
            match facts.len() - 1 {
                0 => format!("apply    {first}"),
                n => format!("apply    {first}, and {} together with it", ui::count(n, "fact")),
            }
        }
        Action::Apply { edits, .. } => {
            let first = edits.first().and_then(|edit| edit.request.as_ref());
            let n_others = edits.iter().filter(|edit| edit.request.as_ref() != first).count();
            let first = first.map_or("imported".to_owned(), ToString::to_string);
            match n_others {
                0 => format!("apply    {first}"),
                n => format!("apply    {first}, and {} more", ui::count(n, "edit")),
            }
        }
        Action::Undo(of) => format!("undo     {of}"),
        Action::Checkout(0) => "checkout 0, the untouched model".to_owned(),
        Action::Checkout(to) => format!("checkout {to}"),
    }
}

fn log(folder: &Path, form: &JsonArgs) -> Result<()> {
    let ledger = Ledger::open(folder).map_err(Error::from)?;
    let is_on = ledger.on();
    if form.json {
        return ui::json(&json!({ "log": ledger.log(), "on": is_on }));
    }
    for (number, entry) in (1..).zip(&ledger.log().entries) {
        let mark = if is_on.contains(&number) { "active" } else { "" };
        let time = entry.time.strftime("%Y-%m-%d %H:%M:%S");
        ui::line(format!("{number:>3}  {mark:<6}  {time}  {}", ui::bold(&describe(entry))))?;
        let Remark { author, message } = &entry.remark;
        let remark = [author, message].map(|part| part.as_deref().unwrap_or_default()).join("  ");
        if !remark.trim().is_empty() {
            ui::line(format!("         {}", one_line(remark.trim())))?;
        }
        let Action::Apply { edits, file, facts } = &entry.action else { continue };
        if !facts.is_empty() {
            let held =
                facts.iter().filter(|fact| fact.outcome.is_some_and(|outcome| outcome.succeeded)).count();
            ui::line(format!("         {held} of {} held", ui::count(facts.len(), "fact")))?;
        }
        for edit in edits {
            let outcome = edit.outcome.map_or_else(String::new, |outcome| {
                let change = ui::change(outcome.p_target_before, outcome.p_target_after);
                format!(", target {change}, {}", ui::verdict(&outcome))
            });
            let norm = 100.0 * edit.relative_norm;
            ui::line(format!("         {}: ‖ΔW‖ {norm:.1} %{outcome}", one_line(&edit.weight)))?;
        }
        ui::line(format!("         {}…", one_line(ui::short(file))))?;
    }
    ui::line(active(&ledger))
}

fn verify(folder: &Path, model: Option<&str>) -> Result<()> {
    let ledger = Ledger::open(folder).map_err(Error::from)?;
    let (mut faults, unnamed) = ledger.verify().map_err(Error::from)?;
    if let Some(fault) = faults.pop() {
        faults.iter().for_each(|fault| tracing::warn!("{fault}"));
        return Err(Error::from(fault).into());
    }
    if let (Some(name), Some(expected)) = (model, &ledger.log().model_hash) {
        let mut bar = ProgressBar::new();
        let found = model::hash(&model::source(name, &mut bar)?, &mut bar)?;
        if found != *expected {
            let (expected, found) = (expected.short(), found.short());
            let message = format!("the ledger is for model {expected}…, but {name} is {found}…");
            return CliError::fail(message, "give the model that its edits were made for");
        }
    }
    if !unnamed.is_empty() {
        let files = ui::count(unnamed.len(), "file");
        tracing::info!("{files} without an entry, left by an interruption (harmless)");
    }
    let n_entries = ui::count(ledger.log().entries.len(), "entry");
    ui::line(format!("{n_entries}, every file as recorded; {}", active(&ledger)))
}
