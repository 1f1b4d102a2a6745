//! `rome eval merge` and `compare`: folders of results.

use anyhow::Result;
use rome_edit::{CompareResults, MergeResults};

use super::tables;
use crate::args::{EvalCompareArgs, EvalMergeArgs};

pub(crate) fn merge(args: EvalMergeArgs) -> Result<()> {
    let outcome = MergeResults { folders: args.folders, output: args.output }.run()?;
    args.form.print(&outcome, |outcome| tables::runs(&outcome.runs))
}

pub(crate) fn compare(args: EvalCompareArgs) -> Result<()> {
    let comparison = CompareResults { ours: args.ours, theirs: args.theirs }.run()?;
    args.form.print(&comparison, tables::comparison)
}
