//! An audit on the terminal.

use anyhow::Result;
use rome_core::request::one_line;
use rome_edit::{AuditReport, PromptComparison, PromptKind, TextEffect, TokenProbability};

use crate::ui::{self, Table};

/// The widest prompt of a table.
const WIDEST: usize = 52;

/// Of more prompts than this, a table shows the worst.
const MOST_SHOWN: usize = 40;

/// So many of them.
const SHOWN: usize = 20;

pub(crate) fn print(report: &AuditReport) -> Result<()> {
    let verdict = report.assessment.verdict.text();
    ui::line(ui::bold(&format!("{} on {}: {verdict}", report.change, report.model)))?;
    for reason in &report.assessment.reasons {
        ui::line(format!("  {reason}"))?;
    }
    weights(report)?;
    edits(report)?;
    for kind in PromptKind::ALL {
        let all: Vec<&PromptComparison> = report.of_kind(kind).collect();
        if all.is_empty() {
            continue;
        }
        heading(kind.title())?;
        let worst = worst(kind, &all);
        answers(&worst)?;
        if worst.len() < all.len() {
            ui::line(format!("  the worst {} of {} (--json lists all)", worst.len(), all.len()))?;
        }
    }
    Ok(())
}

/// The prompts that a table shows: all of a few, or those that came out worst.
fn worst<'a>(kind: PromptKind, prompts: &[&'a PromptComparison]) -> Vec<&'a PromptComparison> {
    if prompts.len() <= MOST_SHOWN {
        return prompts.to_vec();
    }
    // An edited prompt should have the new object; others should change little.
    let rank = |prompt: &PromptComparison| match (kind, prompt.p_new) {
        (PromptKind::Rewrite | PromptKind::Paraphrase, Some([_, after])) => after,
        _ => -prompt.divergence,
    };
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by(|&a, &b| rank(prompts[a]).total_cmp(&rank(prompts[b])));
    order.truncate(SHOWN);
    order.sort_unstable();
    order.into_iter().map(|index| prompts[index]).collect()
}

fn heading(title: &str) -> Result<()> {
    ui::line(format!("\n{}", ui::bold(title)))
}

fn weights(report: &AuditReport) -> Result<()> {
    heading("Changes")?;
    if report.weights.is_empty() {
        return ui::line("  none: all tensors are the same");
    }
    let mut table = Table::new(["tensor", "rank", "‖ΔW‖ / ‖W‖", "energy of text", "shift of outputs"]);
    for change in &report.weights {
        let effect = |text: fn(&TextEffect) -> String| or_dash(change.text_effect.as_ref().map(text));
        table.row([
            one_line(&change.tensor),
            or_dash(change.rank.map(|rank| rank.to_string())),
            format!("{:.1} %", 100.0 * change.relative_norm),
            effect(|effect| format!("{:.3}", effect.energy)),
            effect(|effect| format!("{:.1} %", 100.0 * effect.output_shift)),
        ]);
    }
    table.right_from(1).print(" ")
}

/// The edits with what they were divided by, where that is known.
fn edits(report: &AuditReport) -> Result<()> {
    let known: Vec<_> = report.edits.iter().filter(|edit| edit.division_factor.is_some()).collect();
    if known.is_empty() {
        return Ok(());
    }
    heading("Edits")?;
    let mut table = Table::new(["request", "layer", "last loss", "division factor", "cosine"]);
    for edit in known {
        let number = |value: Option<f64>| or_dash(value.map(|value| format!("{value:.3}")));
        let request = edit.request.as_ref().map_or("not recorded".to_owned(), ToString::to_string);
        table.row([
            ui::shortened(&request, WIDEST),
            edit.layer.to_string(),
            number(edit.losses.last().map(|losses| losses[0])),
            number(edit.division_factor),
            number(edit.cosine),
        ]);
    }
    table.right_from(1).print(" ")
}

fn answers(prompts: &[&PromptComparison]) -> Result<()> {
    let has_objects = prompts.iter().any(|prompt| prompt.p_new.is_some());
    let objects: &[&str] = if has_objects { &["old", "new", "→ old", "→ new"] } else { &[] };
    let mut table = Table::new([&["prompt"], objects, &["KL", "answer before", "answer after"]].concat());
    for prompt in prompts {
        let percent = |p: Option<[f64; 2]>, index: usize| or_dash(p.map(|p| ui::percent(p[index])));
        let mut row = vec![ui::shortened(&one_line(&prompt.prompt), WIDEST)];
        if has_objects {
            let (old, new) = (prompt.p_old, prompt.p_new);
            row.extend([percent(old, 0), percent(new, 0), percent(old, 1), percent(new, 1)]);
        }
        row.extend([format!("{:.3}", prompt.divergence), first(&prompt.before), first(&prompt.after)]);
        table.row(row);
    }
    table.right(1..objects.len() + 2).print(" ")
}

/// The most probable token.
fn first(tokens: &[TokenProbability]) -> String {
    tokens.first().map_or(String::new(), |token| one_line(token.text.trim()))
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}
