//! An audit on the terminal.

use anyhow::Result;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use rome_audit::audit::{Comparison, Guess};
use rome_audit::{Audit, Kind};
use rome_core::request::one_line;

use crate::commands::edit::shortened;
use crate::output;

/// The widest prompt of a table.
const WIDEST: usize = 52;

pub(crate) fn print(audit: &Audit) -> Result<()> {
    let verdict = format!("{} on {}: {}", audit.change, audit.model, audit.judgement.verdict.text());
    output::line(output::bold(&verdict))?;
    for reason in &audit.judgement.reasons {
        output::line(format!("  {reason}"))?;
    }
    changes(audit)?;
    edits(audit)?;
    for kind in Kind::ALL {
        let prompts: Vec<&Comparison> = audit.of_kind(kind).collect();
        if !prompts.is_empty() {
            output::line(format!("\n{}", output::bold(kind.title())))?;
            answers(&prompts)?;
        }
    }
    Ok(())
}

fn changes(audit: &Audit) -> Result<()> {
    output::line(format!("\n{}", output::bold("What was changed")))?;
    if audit.changes.is_empty() {
        return output::line("  nothing: all tensors are the same");
    }
    let mut table = table(&["tensor", "rank", "‖ΔW‖ / ‖W‖", "energy of text", "shift of outputs"]);
    for change in &audit.changes {
        let typical =
            |text: fn(&rome_audit::Typical) -> String| change.typical.as_ref().map_or("–".to_owned(), text);
        table.add_row([
            one_line(&change.tensor),
            change.rank.map_or("–".to_owned(), |rank| rank.to_string()),
            format!("{:.1} %", 100.0 * change.relative_norm),
            typical(|typical| format!("{:.3}", typical.energy)),
            typical(|typical| format!("{:.1} %", 100.0 * typical.output_shift)),
        ]);
    }
    show(table, 1)
}

/// The edits with what they were divided by, where that is known.
fn edits(audit: &Audit) -> Result<()> {
    let known: Vec<_> = audit.edits.iter().filter(|edit| edit.division_factor.is_some()).collect();
    if known.is_empty() {
        return Ok(());
    }
    output::line(format!("\n{}", output::bold("The edits")))?;
    let mut table = table(&["request", "layer", "last loss", "division factor", "cosine"]);
    for edit in known {
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
        let request = edit.request.as_ref().map_or("not recorded".to_owned(), ToString::to_string);
        table.add_row([
            shortened(&request, WIDEST),
            edit.layer.to_string(),
            number(edit.losses.last().map(|losses| losses[0])),
            number(edit.division_factor),
            number(edit.alignment),
        ]);
    }
    show(table, 1)
}

fn answers(prompts: &[&Comparison]) -> Result<()> {
    let has_objects = prompts.iter().any(|prompt| prompt.p_new.is_some());
    let mut table = match has_objects {
        true => table(&["prompt", "old", "new", "→ old", "→ new", "KL", "says before", "says after"]),
        false => table(&["prompt", "KL", "says before", "says after"]),
    };
    for prompt in prompts {
        let percent =
            |p: Option<[f64; 2]>, index: usize| p.map_or("–".to_owned(), |p| output::percent(p[index]));
        let mut row = vec![shortened(&one_line(&prompt.prompt), WIDEST)];
        if has_objects {
            let (old, new) = (prompt.p_old, prompt.p_new);
            row.extend([percent(old, 0), percent(new, 0), percent(old, 1), percent(new, 1)]);
        }
        row.extend([format!("{:.3}", prompt.divergence), first(&prompt.before), first(&prompt.after)]);
        table.add_row(row);
    }
    let last_number = if has_objects { 5 } else { 1 };
    let n_columns = last_number + 1;
    for column in 1..n_columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    show(table, usize::MAX)
}

/// The most probable token.
fn first(guesses: &[Guess]) -> String {
    guesses.first().map_or(String::new(), |guess| one_line(guess.text.trim()))
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

/// Prints a table, its columns from `right` on aligned to the right.
fn show(mut table: Table, right: usize) -> Result<()> {
    for column in right..table.column_count() {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        output::line(format!(" {}", line.trim_end()))?;
    }
    Ok(())
}
