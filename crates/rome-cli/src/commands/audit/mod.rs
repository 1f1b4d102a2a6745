//! `rome audit`

mod changes;
mod prompts;
mod show;

use anyhow::Result;
use rome_audit::{Answers, Audit, Verdict};
use rome_core::EditFile;
use rome_core::generate::NotFiniteLogits;

use crate::args::AuditArgs;
use crate::edits::Edits;
use crate::error::Outcome;
use crate::model;
use crate::output;

pub(crate) fn run(args: &AuditArgs) -> Result<Outcome> {
    args.html.as_deref().map(output::check_writable).transpose()?;
    let edits = Edits::read(&args.edits, args.force)?;
    let mut model = model::load(&args.model)?;
    let questions = prompts::questions(args, &model, &edits.file)?;
    let before = Answers::of(model.causal_lm(), &questions);
    // After an edit, that is a verdict on the edit.
    if !before.are_finite() {
        return Err(NotFiniteLogits.into());
    }
    let (change, changes, after) = match &args.other {
        None => {
            let changes = changes::by_edits(args, &model, &edits.file)?;
            edits.apply(&mut model)?;
            (names(args), changes, Answers::of(model.causal_lm(), &questions))
        }
        Some(other) => {
            let changes = changes::between(args, &model, &model::source(other)?)?;
            // One model at a time: two of them may not fit.
            let tokenizer = model.pretrained.tokenizer.clone();
            drop(model);
            let edited = model::load_named(other, &args.model.device)?;
            let after = Answers::of(edited.causal_lm(), &questions);
            model = edited;
            model.pretrained.tokenizer = tokenizer;
            (other.clone(), changes, after)
        }
    };
    let entries = edits.file.edits().map(|(entry, _)| entry.clone()).collect();
    let tokens = &model.pretrained.tokenizer;
    let audit =
        Audit::new(&args.model.model, &change, &questions, [&before, &after], tokens, changes, entries);
    if let Some(path) = &args.html {
        output::write_file(path, audit.to_html().as_bytes())?;
    }
    match args.json {
        true => output::json(&audit)?,
        false => show::print(&audit)?,
    }
    if let (Some(path), false) = (&args.html, args.json) {
        output::line(format!("\nwrote {}", path.display()))?;
    }
    Ok(match audit.judgement.verdict {
        Verdict::Took | Verdict::SpilledOver | Verdict::Unknown | Verdict::Unchanged => Outcome::Done,
        Verdict::DidNotTake | Verdict::Disabled => Outcome::NotTaken,
    })
}

/// What the edits are called.
fn names(args: &AuditArgs) -> String {
    let name = |path: &std::path::PathBuf| match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    };
    args.edits.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The requests of edits, each once.
fn requests(file: &EditFile) -> Vec<(&rome_core::Request, &rome_core::EditRecord)> {
    let mut requests: Vec<(&rome_core::Request, &rome_core::EditRecord)> = Vec::new();
    for part in &file.parts {
        for request in part.record.edits.iter().filter_map(|entry| entry.request.as_ref()) {
            if !requests.iter().any(|(other, _)| *other == request) {
                requests.push((request, &part.record));
            }
        }
    }
    requests
}
