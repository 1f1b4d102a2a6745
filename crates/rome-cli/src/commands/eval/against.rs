//! `rome eval against`: two folders of results, record by record.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use rome_eval::{Against, Difference, MEASURES, Results};

use super::report::count;
use crate::args::EvalAgainstArgs;
use crate::error::{CliError, Outcome};
use crate::output;

pub(crate) fn run(args: &EvalAgainstArgs) -> Result<Outcome> {
    let [ours, theirs] = [&args.ours, &args.theirs].map(|folder| Results::open(folder));
    let against = Against::new(&ours?, &theirs?);
    if against.n == 0 {
        return Err(CliError::with_hint(
            "the folders have no case in common",
            "compare runs over the same records",
        ));
    }
    match args.json {
        true => output::json(&against)?,
        false => output::line(table(&against))?,
    }
    Ok(Outcome::Done)
}

/// The differences of all measures, and what has flipped.
pub(crate) fn table(against: &Against) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["", "first", "other", "difference", "95 % interval", "p"]);
    for (name, _) in MEASURES {
        let Some(Difference { ours, theirs, difference, low, high, p }) = against.measures.get(name) else {
            continue;
        };
        table.add_row([
            name.to_owned(),
            format!("{ours:.1}"),
            format!("{theirs:.1}"),
            format!("{difference:+.2}"),
            format!("{low:+.2} to {high:+.2}"),
            format!("{p:.3}"),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.push(format!(
        "{} in both; {:.2} % of their prompts have the same outcome, {} flipped",
        count(against.n, "case"),
        100.0 * against.agreement(),
        count(against.flips.len(), "prompt"),
    ));
    if against.n_unpaired > 0 {
        lines.push(format!("{} only in one of them, left out", count(against.n_unpaired, "case")));
    }
    const SHOWN: usize = 20;
    for flip in against.flips.iter().take(SHOWN) {
        let who = if flip.ours { "right in the first alone" } else { "right in the other alone" };
        lines.push(format!("  case {}, {} prompt {}: {who}", flip.case_id, flip.kind, flip.index));
    }
    if against.flips.len() > SHOWN {
        lines.push(format!("  and {} more: see --json", against.flips.len() - SHOWN));
    }
    lines.join("\n")
}
