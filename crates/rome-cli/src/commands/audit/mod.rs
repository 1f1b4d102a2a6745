//! `rome audit`: what a change does to a model, and a verdict.

mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use rome_edit::files::check_writable;
use rome_edit::{Audit, AuditText, Verdict, edits};

use crate::args::AuditArgs;
use crate::error::exit_code;
use crate::inputs::{other_model, statistics};
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: AuditArgs) -> Result<ExitCode> {
    args.html.as_deref().map(check_writable).transpose()?;
    let edits = edits::read_all(&args.edits)?;
    let mut bar = ProgressBar::new();
    let model = args.model.load(&mut bar)?;
    edits::check_model(&edits, model.hash(), other_model(args.force))?;
    let audit = match &args.other {
        Some(other) => Audit::of_checkpoint(other),
        None => Audit::of_edits(names(&args.edits), edits),
    };
    let audit = Audit {
        prompts: args.prompts,
        text: AuditText { file: args.text, field: args.field, n_tokens: args.text_tokens },
        statistics: statistics(args.stats.as_deref()),
        html: args.html.clone(),
        ..audit
    };
    let report = audit.run_unchecked(model, &mut bar)?;
    drop(bar);
    args.form.print(&report, |report| {
        show::print(report)?;
        args.html.iter().try_for_each(|html| ui::line(format!("\nwrote {}", html.display())))
    })?;
    let has_failed = matches!(report.assessment.verdict, Verdict::DidNotTake | Verdict::Disabled);
    Ok(exit_code(!has_failed))
}

/// The names of files of edits.
fn names(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| match path.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    };
    paths.iter().map(name).collect::<Vec<_>>().join(", ")
}
