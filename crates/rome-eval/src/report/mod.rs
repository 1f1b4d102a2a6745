//! Results as an HTML page: measures, distributions, and the worst cases.

mod histogram;

use maud::{Markup, PreEscaped, html};

use crate::answers::Answers;
use crate::aspect::Aspect;
use crate::case::Case;
use crate::estimate::Estimate;
use crate::measures::{MEASURES, SCORES, contributions};
use crate::page::page;
use crate::results::Results;
use crate::summary::RunSummary;

/// The number of worst cases to show.
const N_WORST: usize = 20;

/// Makes a page of the results of one run, or of several to compare; `pictures` are SVG.
pub fn html(title: &str, runs: &[&Results], pictures: &[String]) -> String {
    let body = html! {
        body.evaluation {
            h1 { (title) }
            @if let [run, ..] = runs {
                p { "Model " (run.run().model_hash.short()) "…, records of " (run.run().dataset) "." }
            }
            (table(runs))
            @for picture in pictures { figure { (PreEscaped(picture)) } }
            @if let [run] = runs {
                (distributions(run))
                (worst(run))
            }
            p.faint { "Made by rome eval " (env!("CARGO_PKG_VERSION")) "." }
        }
    };
    page(title, &body)
}

fn table(runs: &[&Results]) -> Markup {
    let summaries: Vec<(&str, RunSummary)> =
        runs.iter().map(|run| (run.run().name.as_str(), run.summary())).collect();
    let has = |name: &str| {
        summaries.iter().any(|(_, summary)| summary.post.contains_key(name) || summary.pre.contains_key(name))
    };
    let shown: Vec<(&str, &str)> = MEASURES.into_iter().filter(|(name, _)| has(name)).collect();
    let cell = |estimate: Option<&Estimate>| {
        html! {
            td.number {
                @match estimate {
                    Some(Estimate { mean, ci95 }) => { (format!("{mean:.1}")) " " small { "±" (format!("{ci95:.1}")) } }
                    None => "–",
                }
            }
        }
    };
    html! {
        section {
            h2 { "Before and after" }
            p { "Means over records, times 100, with 95 % intervals." }
            div.wide { table {
                thead { tr {
                    th { "method" } th.number { "records" } th.number { "s an edit" }
                    @for (name, _) in &shown { th.number { (name) } }
                } }
                tbody {
                    // The unedited model is what it was before any edit.
                    @if let (Some((_, summary)), false) = (summaries.first(), runs.iter().any(|run| run.is_unedited())) {
                        tr {
                            td { "unedited" } td.number { (summary.n) } td.number { "–" }
                            @for (name, _) in &shown { (cell(summary.pre.get(*name))) }
                        }
                    }
                    @for (name, summary) in &summaries {
                        tr {
                            td { (name) } td.number { (summary.n) } td.number { (format!("{:.2}", summary.time)) }
                            @for (name, _) in &shown { (cell(summary.post.get(*name))) }
                        }
                    }
                }
            } }
            table.meanings { tbody { @for (name, meaning) in &shown { tr { th { (name) } td { (meaning) } } } } }
        }
    }
}

/// Of each kind of prompt, how much more probable the object is that should be.
fn distributions(run: &Results) -> Markup {
    let values = |of: fn(&Case) -> &Answers, aspect, sign: f64| {
        let nlls = run.cases().values().flat_map(move |case| of(case).nlls(aspect)).flatten();
        nlls.map(|nll| sign * nll.difference()).collect::<Vec<f64>>()
    };
    let aspects = [
        ("edited prompt: p(new) − p(old)", Aspect::Rewrite, 1.0),
        ("paraphrases: p(new) − p(old)", Aspect::Paraphrase, 1.0),
        ("neighbors: p(old) − p(new)", Aspect::Neighborhood, -1.0),
    ];
    let figures: Vec<(&str, [Vec<f64>; 2])> = aspects
        .into_iter()
        .map(|(name, aspect, sign)| {
            (name, [values(|case| &case.pre, aspect, sign), values(|case| &case.post, aspect, sign)])
        })
        .filter(|(_, [before, after])| !before.is_empty() || !after.is_empty())
        .collect();
    html! {
        @if !figures.is_empty() {
            section {
                h2 { "Distributions" }
                p { "Prompts by the difference of both objects' probabilities; positive is right."
                    span.swatch.before {} "before" span.swatch.after {} "after" }
                div.histograms {
                    @for (name, [before, after]) in &figures {
                        figure { (histogram::draw(before, after)) figcaption { (name) } }
                    }
                }
            }
        }
    }
}

/// The cases that came out worst: the mean of what they contribute to S, or to the score of zsRE.
fn worst(run: &Results) -> Markup {
    let merit = |case: &Case| {
        let contributed = contributions(&case.post);
        let parts = SCORES.iter().flat_map(|(_, parts)| parts);
        let values: Vec<f64> = parts.filter_map(|part| contributed.get(part).copied()).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    let mut cases: Vec<(f64, &Case)> = run.cases().values().map(|case| (merit(case), case)).collect();
    cases.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.case_id.cmp(&b.1.case_id)));
    cases.retain(|(merit, _)| *merit < 1.0);
    html! {
        section {
            h2 { "Worst cases" }
            @if cases.is_empty() { p { "Every prompt is right." } }
            @else {
                div.wide { table {
                    thead { tr {
                        th.number { "case" } th { "edit" } th { "from" } th { "to" } th.number { "right" }
                        th.number { "edited prompt" } th.number { "paraphrases" } th.number { "neighbors" }
                    } }
                    tbody {
                        @for (merit, case) in cases.iter().take(N_WORST) {
                            tr {
                                td.number { (case.case_id) }
                                td { (case.requested_rewrite.sentence()) }
                                td { (case.requested_rewrite.target_true.str) }
                                td { (case.requested_rewrite.target_new.str) }
                                td.number { (format!("{:.0} %", 100.0 * merit)) }
                                @for aspect in Aspect::ALL { (right(&case.post.outcomes(aspect))) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// The number of prompts, or tokens of an answer, that are right.
fn right(outcomes: &[bool]) -> Markup {
    let n_right = outcomes.iter().filter(|outcome| **outcome).count();
    let class = if n_right < outcomes.len() { "number wrong" } else { "number" };
    html! { td class=(class) { @if outcomes.is_empty() { "–" } @else { (n_right) " of " (outcomes.len()) } } }
}
