//! `rome eval --together`: many facts on one model.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use rome_edit::{
    Context, ContextGroups, EvaluateTogether, Inputs, RecordSelection, Session, TogetherEvaluation,
    TogetherMethod, TogetherPoint, requests,
};

use crate::args::{EvalRunArgs, Method};
use crate::inputs::statistics;
use crate::ui::{self, ProgressBar, Table};

pub(super) fn run(args: EvalRunArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let records = RecordSelection {
        dataset: args.dataset,
        data: args.data,
        limit: None,
        shard: None,
        keep_going: args.keep_going,
    };
    let methods = if args.method.is_empty() { vec![Method::Rome] } else { args.method };
    let is_in_turn = methods.contains(&Method::Rome);
    let contexts = args.inputs.contexts.as_deref().map(ContextGroups::read).transpose()?;
    let kl_prompts = args.inputs.preserve.as_deref().map(requests::read_kl_prompts).transpose()?;
    let mut bar = ProgressBar::new();
    let model = args.model.load(&mut bar)?;
    let with_config = |method: Method| -> Result<TogetherMethod> {
        Ok(match method {
            Method::Rome => TogetherMethod::Rome,
            Method::Mass(method) => {
                TogetherMethod::Mass(Box::new(args.settings.mass(method, &args.metric, &model)?))
            }
        })
    };
    let methods = methods.into_iter().map(with_config).collect::<Result<_>>()?;
    let settings = args.settings.settings(&model)?;
    let inputs = Inputs {
        // Only edits one after the other take the session's own.
        contexts: if is_in_turn { None } else { Some(vec![Context::clean()]) },
        kl_prompts,
        seed: args.inputs.seed,
        statistics: statistics(args.inputs.stats.as_deref()),
    };
    let mut session = Session::new(model, settings, inputs)?;
    let evaluate = EvaluateTogether {
        records,
        methods,
        counts: args.together,
        batch: args.batch,
        contexts,
        seed: args.inputs.seed,
        output: args.output.clone(),
        started,
    };
    let outcome = evaluate.run(&mut session, &mut bar)?;
    drop(bar);
    args.form.print(&outcome, show)?;
    if !args.form.json {
        let scaling = if outcome.points.len() > 1 { "; scaling.svg shows them" } else { "" };
        ui::line(format!("results are in {}{scaling}", args.output.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(outcome: &TogetherEvaluation) -> Result<()> {
    let names = ["S", "ES", "PS", "NS"];
    let others = ["NS*", "generated", "perplexity", "‖ΔW‖ / ‖W‖", "s"];
    let mut table = Table::new(["", "facts"].into_iter().chain(names).chain(others));
    for point in &outcome.points {
        let score = |name: &str| {
            point.summary.post(name).map_or_else(String::new, |score| format!("{:.1}", score.mean))
        };
        let unedited =
            point.unedited_neighbours.map_or_else(String::new, |score| format!("{:.1}", score.mean));
        let norms: Vec<String> = point.relative_norms.iter().map(|norm| format!("{norm:.2}")).collect();
        let cells = [
            unedited,
            ui::percent(point.generated as f64 / point.n as f64),
            format!("{:.2}×", point.perplexity),
            norms.join(", "),
            format!("{:.1}", point.seconds),
        ];
        let row = [label(point), point.n.to_string()];
        table.row(row.into_iter().chain(names.map(score)).chain(cells));
    }
    table.right_from(1).print("")?;
    ui::line("NS* leaves out neighbours whose subjects are edited themselves")
}

fn label(point: &TogetherPoint) -> String {
    match point.batch {
        Some(batch) => format!("{}, by {batch}", point.method),
        None => point.method.clone(),
    }
}
