//! `rome edit --method …` and `rome edit again`: many facts at once.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use rome_edit::files::check_writable;
use rome_edit::method::mass::MassMethod;
use rome_edit::{
    Context, ContextGroups, EditAgain, EditMany, EditTogether, FactReport, Inputs, Session, Settings,
    TogetherOutcome, edits, requests,
};

use super::make::request;
use crate::args::{AgainArgs, MakeArgs};
use crate::cli_error::CliError;
use crate::error::exit_code;
use crate::inputs::{other_model, statistics};
use crate::ui::{self, ProgressBar, Table};

/// Facts that a table shows; of more, the worst.
const SHOWN: usize = 10;

/// The widest request of a table.
const WIDEST: usize = 60;

pub(crate) fn run(args: MakeArgs, method: MassMethod) -> Result<ExitCode> {
    let started = Instant::now();
    if args.settings.variant.is_some() {
        return CliError::fail("--variant is a setting of rome, not of many facts at once", "leave it out");
    }
    let EditMany { requests, left_out, .. } = match &args.request {
        Some(path) => EditMany::read(path, args.keep_going)?,
        None => EditMany::new(vec![request(&args)?]),
    };
    check_writable(&args.output)?;
    let contexts = args.inputs.contexts.as_deref().map(ContextGroups::read).transpose()?;
    let below = edits::read_all(&args.edits.edits)?;
    let kl_prompts = args.inputs.preserve.as_deref().map(requests::read_kl_prompts).transpose()?;
    let mut bar = ProgressBar::new();
    let model = args.model.load(&mut bar)?;
    let config = args.settings.mass(method, &args.together.metric, &model)?;
    // The session's own contexts are for edits one after the other.
    let inputs = Inputs {
        contexts: Some(vec![Context::clean()]),
        kl_prompts,
        seed: args.inputs.seed,
        statistics: statistics(args.inputs.stats.as_deref()),
    };
    let settings = Settings::of(&model)?;
    let mut session = Session::new(model, settings, inputs)?;
    edits::check_model(&below, session.model().hash(), other_model(args.edits.force))?;
    session.apply_unchecked(&below)?;
    let together = EditTogether {
        left_out,
        contexts,
        seed: args.inputs.seed,
        values: args.together.values,
        keep_values: !args.together.no_values,
        batch: args.together.batch,
        output: Some(args.output.clone()),
        keep_going: args.keep_going,
        resume: args.resume,
        save_every: Duration::from_secs(args.save_every),
        started,
        ..EditTogether::new(requests, config)
    };
    if let Some(shard) = args.together.shard {
        let n = together.compute_values(shard, &mut session, &mut bar)?;
        drop(bar);
        ui::line(format!("wrote {} to {}", ui::count(n, "value"), args.output.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let outcome = together.run(&mut session, &mut bar)?;
    drop(bar);
    args.form.print(&outcome, |outcome| show(outcome, &args.output.display().to_string()))?;
    Ok(exit_code(outcome.succeeded))
}

pub(crate) fn again(args: AgainArgs) -> Result<ExitCode> {
    let started = Instant::now();
    check_writable(&args.output)?;
    let again = EditAgain {
        add: args.add.as_deref().map(requests::read).transpose()?.unwrap_or_default(),
        drop: args.drop,
        statistics: statistics(args.stats.as_deref()),
        output: Some(args.output.clone()),
        resume: args.resume,
        started,
        ..EditAgain::new(args.file)
    };
    let mut bar = ProgressBar::new();
    let model = args.model.load(&mut bar)?;
    let (_, outcome) = again.run(model, &mut bar)?;
    drop(bar);
    args.form.print(&outcome, |outcome| show(outcome, &args.output.display().to_string()))?;
    Ok(exit_code(outcome.succeeded))
}

/// Prints a table of the facts, or of the worst of them, then where all of them stand.
fn show(outcome: &TogetherOutcome, output: &str) -> Result<()> {
    let mut table = Table::new(["", "request", "target before", "now", "written", ""]);
    for (number, fact) in shown(&outcome.facts) {
        let share = fact.shares.iter().sum::<f64>() / fact.shares.len().max(1) as f64;
        table.row([
            number.to_string(),
            ui::shortened(&fact.request.to_string(), WIDEST),
            ui::percent(fact.p_target_before),
            ui::percent(fact.p_target_now),
            ui::percent(share),
            if fact.holds { "holds" } else { "does not hold" }.to_owned(),
        ]);
    }
    table.right([0, 2, 3, 4]).print("")?;
    let n_left = outcome.facts.len() - shown(&outcome.facts).len();
    if n_left > 0 {
        ui::line(format!("and {n_left} others (--json lists all)"))?;
    }
    for failed in &outcome.failed {
        ui::line(format!("request {} failed: {}", failed.request + 1, failed.error))?;
    }
    let n = outcome.n_facts + outcome.failed.len() + outcome.left_out.len();
    ui::line(ui::bold(&format!("{} of {n} hold", outcome.held)))?;
    for weight in &outcome.weights {
        let rank = match weight.rank {
            0 => "stored whole".to_owned(),
            rank => format!("rank {rank}"),
        };
        ui::line(format!("  {}: {}, {rank}", weight.weight, ui::relative_norm(weight.relative_norm)))?;
    }
    ui::line(format!(
        "perplexity on the built-in text is {:.3} times that before, the edited weights are {:.3} times as large",
        outcome.health.perplexity, outcome.health.norm
    ))?;
    let written = ui::size(outcome.n_bytes.unwrap_or(0) as u64);
    ui::line(format!("wrote {output} ({written}) in {:.1} s", outcome.seconds.total))
}

/// The facts that a table shows, with their numbers: all of a few, or those with the least probable targets.
fn shown(facts: &[FactReport]) -> Vec<(usize, &FactReport)> {
    let mut numbered: Vec<(usize, &FactReport)> = facts.iter().enumerate().collect();
    if numbered.len() > 2 * SHOWN {
        let worst = |fact: &FactReport| (fact.holds, fact.p_target_now);
        numbered
            .sort_by(|(_, a), (_, b)| worst(a).partial_cmp(&worst(b)).unwrap_or(std::cmp::Ordering::Equal));
        numbered.truncate(SHOWN);
        numbered.sort_by_key(|(number, _)| *number);
    }
    numbered
}
