//! `rome stats merge`

use anyhow::{Context, Result};
use rome_stats::{Packing, Statistics, StatsError};
use serde_json::json;

use crate::args::MergeArgs;
use crate::error::Outcome;
use crate::output;
use rome_session::statistics;

pub(crate) fn run(args: MergeArgs) -> Result<Outcome> {
    output::check_writable(&args.output)?;
    // Added in the order of their shards, the sum does not depend on that of the files.
    let mut files = Vec::new();
    for path in &args.files {
        let shards = statistics::read(path)?.provenance.shards;
        files.push((shards.and_then(|shards| shards.indices.first().copied()), path));
    }
    files.sort();
    let mut sum: Option<Statistics> = None;
    for (_, path) in files {
        let part = statistics::read(path)?;
        sum = Some(match sum {
            None => part,
            Some(sum) => sum.merge(&part).with_context(|| path.display().to_string())?,
        });
    }
    let sum = sum.ok_or(StatsError::Empty)?;
    let packing = Packing::compact(args.compact);
    output::write_file(&args.output, &sum.to_bytes(packing)?)?;

    let (tokens, documents) = (sum.moment.count(), sum.provenance.documents);
    let missing =
        sum.provenance.shards.as_ref().map_or(0, |shards| shards.of as usize - shards.indices.len());
    if args.json {
        output::json(&json!({
            "tokens": tokens, "documents": documents, "file": args.output, "missing_shards": missing,
        }))?;
    } else {
        output::line(format!("{tokens} tokens of {documents} documents in {}", args.output.display()))?;
    }
    if missing > 0 {
        output::note(format!("{missing} shards are still to be merged"));
    }
    Ok(Outcome::Done)
}
