//! `rome verify`: recomputes edits from their record and compares them with the file.

use std::process::ExitCode;

use anyhow::Result;
use rome_edit::{Verification, VerifiedEdit, Verify};

use crate::args::VerifyArgs;
use crate::error::exit_code;
use crate::inputs::statistics;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: VerifyArgs) -> Result<ExitCode> {
    let statistics = statistics(args.stats.as_deref());
    let verify = Verify { file: args.file, edits: args.edits, statistics, sample: args.sample };
    let mut bar = ProgressBar::new();
    let model = args.model.load(&mut bar)?;
    let verification = verify.run(model, &mut bar)?;
    drop(bar);
    args.form.print(&verification, show)?;
    Ok(exit_code(verification.same))
}

fn show(verification: &Verification) -> Result<()> {
    verification.edits.iter().try_for_each(show_edit)?;
    let values = &verification.values;
    if !values.is_empty() {
        let n_equal = values.iter().filter(|value| value.equal).count();
        let least = values.iter().map(|value| value.cosine).fold(1.0, f64::min);
        let n = ui::count(values.len(), "value");
        ui::line(format!("{n} computed anew: {n_equal} byte-identical, cosine {least:.7} at least"))?;
    }
    if !verification.differences.is_empty() && !verification.equal {
        ui::line(format!("computed elsewhere: {}", verification.differences.join("; ")))?;
    }
    Ok(())
}

fn show_edit(edit: &VerifiedEdit) -> Result<()> {
    let VerifiedEdit { weight, request, equal, cosine, difference_of_norms, same, outcome } = edit;
    let how = match (equal, same) {
        (true, _) => "byte-identical".to_owned(),
        (false, true) => format!(
            "equal up to rounding: cosine {cosine:.7}, norms within {:.0e}",
            difference_of_norms.abs()
        ),
        (false, false) => {
            format!("DIFFERENT: cosine {cosine:.4}, norm {:+.1} %", 100.0 * difference_of_norms)
        }
    };
    let verdict = outcome.as_ref().map_or_else(String::new, |outcome| format!("; {}", ui::verdict(outcome)));
    ui::line(format!("{request}, {weight}: {how}{verdict}"))
}
