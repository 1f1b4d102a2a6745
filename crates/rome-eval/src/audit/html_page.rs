//! The report of an audit as a page.

use maud::{Markup, PreEscaped, html};
use rome_core::EditEntry;
use rome_plot::{Axis, Figure, Line, Panel, Scale};

use super::comparison::{PromptComparison, TokenProbability};
use super::prompt_kind::PromptKind;
use super::report::AuditReport;
use super::verdict::Verdict;
use crate::page::page;

/// Lines of one picture that can still be told apart.
const MOST_LINES: usize = 12;

/// Losses below this are nothing beside those of a tenth and more.
const LEAST_LOSS: f64 = 1e-3;

/// The number of tokens shown of each prompt.
const N_TOKENS: usize = 3;

/// And none but the first that would be shown as 0 %.
const SHOWN: f64 = 0.0005;

/// Makes a page of a report, which needs nothing else: no script, no font, no file, no network.
pub fn html_page(report: &AuditReport) -> String {
    let title = format!("{}: {}", report.change, report.assessment.verdict.text());
    let body = html! {
        body.audit {
            (header(report))
            main {
                (answers(report))
                (text(report))
                (losses(&report.edits))
                (weights(report))
                (edits(&report.edits))
            }
            footer { "Computed by " (report.environment) "." }
        }
    };
    page(&title, &body)
}

fn header(report: &AuditReport) -> Markup {
    let assessment = &report.assessment;
    let class = match assessment.verdict {
        Verdict::Took => "good",
        Verdict::SpilledOver | Verdict::Unknown | Verdict::Unchanged => "fair",
        Verdict::DidNotTake | Verdict::Disabled => "bad",
    };
    html! {
        header {
            p.what { (report.change) " on " (report.model) }
            h1 class=(class) { "The edit " (assessment.verdict.text()) }
            ul { @for reason in &assessment.reasons { li { (reason) } } }
        }
    }
}

fn answers(report: &AuditReport) -> Markup {
    html! {
        section {
            h2 { "Before and after" }
            p.key {
                span.swatch.new {} "the new object " span.swatch.old {} "the old object, or the answer before"
            }
            @for kind in PromptKind::ALL {
                @if report.of_kind(kind).next().is_some() {
                    h3 { (kind.title()) }
                    table.answers {
                        thead { tr { th { "prompt" } th { "before" } th { "after" } th.number { "divergence" } } }
                        tbody { @for prompt in report.of_kind(kind) { (answer(prompt)) } }
                    }
                }
            }
            @if !report.kl_prompts.is_empty() {
                h3 { "Preservation prompts" }
                table.answers {
                    tbody {
                        @for prompt in &report.kl_prompts {
                            tr { td { (prompt.prompt) } td.number { (nats(prompt.divergence)) } }
                        }
                    }
                }
            }
        }
    }
}

fn answer(prompt: &PromptComparison) -> Markup {
    let side = |index: usize, top: &[TokenProbability]| {
        html! {
            td.side {
                @if let Some(p) = prompt.p_new { (bar("new", p[index])) }
                @if let Some(p) = prompt.p_old { (bar("old", p[index])) }
                p.guesses {
                    @for (place, token) in top.iter().take(N_TOKENS).enumerate() {
                        @if place == 0 || token.p > SHOWN {
                            @if place > 0 { ", " }
                            (token.text.trim()) "\u{a0}" (percent(token.p))
                        }
                    }
                }
            }
        }
    };
    html! {
        tr.moved[prompt.moved() && prompt.kind >= PromptKind::Neighbour] {
            td.prompt { (prompt.prompt) }
            (side(0, &prompt.before))
            (side(1, &prompt.after))
            td.number {
                (nats(prompt.divergence))
                @if let (Some([before, after]), true) = (prompt.p_old, prompt.kind >= PromptKind::Neighbour) {
                    div.shift { (points(after - before)) }
                }
            }
        }
    }
}

fn bar(class: &str, p: f64) -> Markup {
    html! {
        div.bar {
            div class={ "fill " (class) } style={ "width:" (format!("{:.2}", 76.0 * p.clamp(0.0, 1.0))) "%" } {}
            span { (percent(p)) }
        }
    }
}

fn text(report: &AuditReport) -> Markup {
    html! {
        @if let Some(perplexity) = &report.perplexity {
            section {
                h2 { "Ordinary text" }
                p {
                    "Perplexity on " (perplexity.text) ", " (perplexity.n_tokens) " tokens: "
                    b { (format!("{:.2}", perplexity.before)) } " before, "
                    b { (format!("{:.2}", perplexity.after)) } " after, "
                    (format!("{:+.2} %", 100.0 * (perplexity.ratio() - 1.0))) "."
                }
            }
        }
    }
}

/// The losses of one edit by their parts, or the total losses of many.
fn losses(edits: &[EditEntry]) -> Markup {
    const PARTS: [&str; 4] = ["total", "likelihood", "KL", "decay"];
    let drawn: Vec<&EditEntry> = edits.iter().filter(|edit| edit.losses.len() > 1).take(MOST_LINES).collect();
    let points = |edit: &EditEntry, part: usize| {
        let points = (0u32..).zip(&edit.losses).map(|(step, losses)| (f64::from(step), losses[part]));
        points.filter(|(_, loss)| *loss >= LEAST_LOSS).collect()
    };
    let lines: Vec<Line> = match drawn.as_slice() {
        [] => return html! {},
        [edit] => PARTS
            .iter()
            .enumerate()
            .map(|(part, name)| Line {
                name: (*name).to_owned(),
                points: points(edit, part),
                band: Vec::new(),
            })
            .collect(),
        edits => (0..)
            .zip(edits)
            .map(|(n, edit)| Line { name: format!("edit {n}"), points: points(edit, 0), band: Vec::new() })
            .collect(),
    };
    let axis = |name: &str, scale, format| Axis { name: name.to_owned(), scale, format };
    let panel = Panel {
        title: "Losses of the optimization".to_owned(),
        x: axis("step", Scale::Linear, |step| format!("{step:.0}")),
        y: axis("loss", Scale::Log, |loss| format!("{loss}")),
        lines,
    };
    match (Figure { panels: vec![panel] }).to_svg() {
        Ok(svg) => html! { section { h2 { "Optimization" } figure { (PreEscaped(svg)) } } },
        Err(_) => html! {},
    }
}

fn weights(report: &AuditReport) -> Markup {
    let optional = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    html! {
        section {
            h2 { "Changes" }
            @if report.weights.is_empty() { p { "None: all tensors are the same." } }
            @else {
                table {
                    thead { tr {
                        th { "tensor" } th.number { "rank" } th.number { "‖ΔW‖ / ‖W‖" }
                        th.number { "energy of text" } th.number { "shift of outputs on text" }
                    } }
                    tbody {
                        @for change in &report.weights {
                            tr {
                                td { code { (change.tensor) } }
                                td.number { (optional(change.rank.map(|rank| rank.to_string()))) }
                                td.number { (format!("{:.1} %", 100.0 * change.relative_norm)) }
                                td.number { (optional(change.text_effect.map(|effect| format!("{:.3}", effect.energy)))) }
                                td.number { (optional(change.text_effect.map(|effect| format!("{:.1} %", 100.0 * effect.output_shift)))) }
                            }
                        }
                    }
                }
                p.note {
                    "Energy of text: the energy of text's keys along the directions that the change reads, 1 for an average direction. "
                    "Far below 1, the change hardly affects ordinary text."
                }
            }
        }
    }
}

fn edits(edits: &[EditEntry]) -> Markup {
    html! {
        @if !edits.is_empty() {
            section {
                h2 { "Edits" }
                table {
                    thead { tr {
                        th {} th { "request" } th.number { "layer" } th.number { "last loss" }
                        th.number { "division factor" } th.number { "cosine" }
                    } }
                    tbody {
                        @for (number, edit) in edits.iter().enumerate() {
                            tr {
                                td.number { (number) }
                                td { (edit.request.as_ref().map_or("not recorded".to_owned(), ToString::to_string)) }
                                td.number { (edit.layer) }
                                td.number { (number_or_dash(edit.losses.last().map(|losses| losses[0]))) }
                                td.number { (number_or_dash(edit.division_factor)) }
                                td.number { (number_or_dash(edit.cosine)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn number_or_dash(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}

fn percent(p: f64) -> String {
    match 100.0 * p {
        value if value < 0.05 => "0\u{a0}%".to_owned(),
        value if value < 9.95 => format!("{value:.1}\u{a0}%"),
        value => format!("{value:.0}\u{a0}%"),
    }
}

fn points(shift: f64) -> String {
    match 100.0 * shift {
        points if points.abs() < 0.05 => "0.0 points".to_owned(),
        points => format!("{points:+.1} points"),
    }
}

fn nats(divergence: f64) -> String {
    format!("{divergence:.3}")
}
