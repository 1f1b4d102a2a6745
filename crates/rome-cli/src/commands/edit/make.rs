//! `rome edit`: edits requests one after the other.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use rome_edit::files::check_writable;
use rome_edit::{BatchOutcome, EditMany, EditReport, Health, Inflation, Request, edits};

use crate::args::MakeArgs;
use crate::cli_error::CliError;
use crate::error::exit_code;
use crate::inputs::other_model;
use crate::ui::{self, ProgressBar, Table};

/// With more requests than this, another method is worth a look.
const MANY: usize = 30;

/// The widest request of a table.
const WIDEST: usize = 60;

pub(crate) fn run(args: MakeArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let many = match &args.request {
        Some(path) => EditMany::read(path, args.keep_going)?,
        None => EditMany::new(vec![request(&args)?]),
    };
    let many = EditMany {
        output: Some(args.output.clone()),
        keep_going: args.keep_going,
        allow_collapse: args.allow_collapse,
        resume: args.resume,
        save_every: Duration::from_secs(args.save_every),
        started,
        ..many
    };
    if many.requests.len() > MANY {
        tracing::info!(
            "edits one after the other wear a model out; --method memit edits all facts at once, and can change the set later"
        );
    }
    check_writable(&args.output)?;
    let below = edits::read_all(&args.edits.edits)?;
    let mut bar = ProgressBar::new();
    let mut session = args.settings.session(&args.model, &args.inputs, &mut bar)?;
    edits::check_model(&below, session.model().hash(), other_model(args.edits.force))?;
    session.apply_unchecked(&below)?;
    let outcome = session.edit_many(&many, &mut bar)?;
    drop(bar);
    outcome.reports.iter().for_each(warn_of_inflation);
    let one = many.requests.first().filter(|_| many.requests.len() + many.left_out.len() == 1);
    match (args.form.json, outcome.reports.as_slice(), one) {
        (true, [report], Some(_)) => ui::json(report)?,
        (true, ..) => ui::json(&outcome)?,
        (false, reports, Some(request)) => show_one(request, reports)?,
        (false, _, None) => show_many(&many.requests, &outcome)?,
    }
    if !args.form.json {
        let written = ui::size(outcome.n_bytes.unwrap_or(0) as u64);
        let seconds = many.started.elapsed().as_secs_f64();
        ui::line(format!("wrote {} ({written}) in {seconds:.1} s", args.output.display()))?;
    }
    Ok(exit_code(outcome.succeeded))
}

/// The request of the options.
pub(super) fn request(args: &MakeArgs) -> Result<Request> {
    match (&args.prompt, &args.subject, &args.target) {
        (Some(prompt), Some(subject), Some(target)) => Ok(Request::text(prompt, subject, target)),
        _ => {
            CliError::fail("no request was given", "give --prompt, --subject and --target, or --request FILE")
        }
    }
}

/// Warns if the division inflates an update.
fn warn_of_inflation(report: &EditReport) {
    let (Some(inflation), Some(cosine), Some(factor)) =
        (report.inflation(), report.cosine, report.division_factor)
    else {
        return;
    };
    let how = match inflation {
        Inflation::Disabling => " and may disable the model",
        Inflation::Thin => "",
    };
    tracing::warn!(
        "{}: the lookup key is nearly orthogonal to the edit direction (cosine {cosine:.4}, division factor \
         {factor:.4}), so the update is inflated{how}; {}: try --variant mean-key, and check with rome audit",
        report.weight,
        ui::relative_norm(report.relative_norm)
    );
}

/// Prints a request's outcome, then a line or two for each layer.
fn show_one(request: &Request, reports: &[EditReport]) -> Result<()> {
    let Some(last) = reports.last() else { return Ok(()) };
    let verdict = ui::verdict(&last.outcome());
    ui::line(format!("{}: {verdict}", ui::bold(&request.to_string())))?;
    let change = ui::change(last.p_target_before, last.p_target_after);
    ui::line(format!("  probability of the target {change}"))?;
    for report in reports {
        let [first, last] = report.first_and_last_loss();
        ui::line(format!("  {}: {}", report.weight, ui::relative_norm(report.relative_norm)))?;
        ui::line(format!(
            "  loss {first:.3} → {last:.3}, division factor {:.2}, cosine {:.2}, condition of C {:.1e}",
            report.division_factor.unwrap_or_default(),
            report.cosine.unwrap_or_default(),
            report.condition
        ))?;
    }
    Ok(())
}

/// The verdict on a request after all others, in a word or two.
fn verdict_now(report: &EditReport) -> &'static str {
    match (report.holds, report.succeeded) {
        (true, _) => "holds",
        (false, true) => "no longer holds",
        (false, false) => ui::verdict(&report.outcome()),
    }
}

/// Prints a table of many requests.
fn show_many(requests: &[Request], outcome: &BatchOutcome) -> Result<()> {
    let mut table = Table::new(["", "request", "target before", "when made", "now", "‖ΔW‖ / ‖W‖", ""]);
    let mut n_succeeded = 0;
    for (index, (request, result)) in requests.iter().zip(outcome.by_request()).enumerate() {
        let cells = match result {
            Ok(reports) => {
                let Some(last) = reports.last() else { continue };
                n_succeeded += usize::from(last.succeeded);
                let norms = reports.iter().map(|report| format!("{:.1} %", 100.0 * report.relative_norm));
                vec![
                    ui::percent(last.p_target_before),
                    ui::percent(last.p_target_after),
                    ui::percent(last.p_target_now),
                    norms.collect::<Vec<_>>().join(", "),
                    verdict_now(last).to_owned(),
                ]
            }
            Err(error) => [vec![String::new(); 4], vec![format!("failed: {error}")]].concat(),
        };
        let label = ui::shortened(&request.to_string(), WIDEST);
        table.row([index.to_string(), label].into_iter().chain(cells));
    }
    table.right([0, 2, 3, 4, 5]).print("")?;
    let n_failed = outcome.failed.len() + outcome.left_out.len();
    let n = requests.len() + outcome.left_out.len();
    let failed = if n_failed > 0 { format!(", {n_failed} failed") } else { String::new() };
    let held = ui::bold(&format!("{} of {n} hold now", outcome.held));
    ui::line(format!("{held}, {n_succeeded} of {n} succeeded when made{failed}"))?;
    if let Some(Health { perplexity, norm, .. }) = outcome.health.iter().flatten().last() {
        ui::line(format!(
            "perplexity on the built-in text is {perplexity:.3} times that before, the edited weights are {norm:.3} \
             times as large"
        ))?;
    }
    Ok(())
}
