//! `rome eval merge`

use anyhow::Result;
use rome_eval::Results;
use serde_json::Value;

use super::report;
use crate::args::EvalMergeArgs;
use crate::error::Outcome;
use crate::output;

pub(crate) fn run(args: &EvalMergeArgs) -> Result<Outcome> {
    let parts = args.folders.iter().map(|folder| Results::open(folder)).collect::<Result<Vec<_>, _>>()?;
    let mut merged = Results::merge(&args.output, &parts)?;
    let _summing = merged.gather()?;
    merged.finish()?;
    report::write(&merged)?;
    match args.json {
        true => output::json(&report::json(&[&merged], Value::Null, &[], None))?,
        false => output::line(report::table(&[&merged]))?,
    }
    Ok(Outcome::Done)
}
