//! `rome suggest`: a layer and settings for a model without published ones.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rome_edit::files::check_writable;
use rome_edit::method::mass::{MassConfig, MassMethod};
use rome_edit::{
    Context, Inputs, Session, Settings, Suggest, SuggestTogether, Suggestion, TogetherSuggestion,
    TriedSetting, requests,
};

use crate::args::{Method, MetricArgs, SuggestArgs};
use crate::inputs::statistics;
use crate::ui::{self, ProgressBar, Table};

pub(crate) fn run(args: SuggestArgs) -> Result<()> {
    if let Method::Mass(method) = args.method {
        return together(args, method);
    }
    let suggest = Suggest {
        started: Instant::now(),
        data: args.data,
        limit: args.limit as usize,
        layers: args.layers,
        output: args.output,
    };
    suggest.output.as_deref().map_or(Ok(()), check_writable)?;
    let mut bar = ProgressBar::new();
    let mut session = args.settings.session(&args.model, &args.inputs, &mut bar)?;
    let suggestion = suggest.run(&mut session, &mut bar)?;
    drop(bar);
    args.form.print(&suggestion, |suggestion| show(suggestion, suggest.output.as_deref()))
}

fn together(args: SuggestArgs, method: MassMethod) -> Result<()> {
    args.output.as_deref().map_or(Ok(()), check_writable)?;
    let started = Instant::now();
    let kl_prompts = args.inputs.preserve.as_deref().map(requests::read_kl_prompts).transpose()?;
    let mut bar = ProgressBar::new();
    let model = args.model.load(&mut bar)?;
    let config = args.settings.mass(method, &MetricArgs::default(), &model)?;
    let settings = Settings::of(&model)?;
    let inputs = Inputs {
        // The session's own are for edits one after the other.
        contexts: Some(vec![Context::clean()]),
        kl_prompts,
        seed: args.inputs.seed,
        statistics: statistics(args.inputs.stats.as_deref()),
    };
    let mut session = Session::new(model, settings, inputs)?;
    let suggest = SuggestTogether {
        data: args.data,
        limit: args.limit as usize,
        layers: args.layers,
        seed: args.inputs.seed,
        output: args.output,
        started,
        ..SuggestTogether::new(config)
    };
    let suggestion = suggest.run(&mut session, &mut bar)?;
    drop(bar);
    args.form.print(&suggestion, |suggestion| show_together(suggestion, suggest.output.as_deref()))
}

fn show_together(suggestion: &TogetherSuggestion, output: Option<&Path>) -> Result<()> {
    let names = ["S", "ES", "PS", "NS"];
    let mut table = Table::new([""].into_iter().chain(names));
    for TriedSetting { name, summary } in &suggestion.tried {
        let score = |name| summary.post(name).map_or_else(String::new, |score| format!("{:.1}", score.mean));
        table.row([name.clone()].into_iter().chain(names.map(score)));
    }
    table.right_from(1).print("")?;
    let MassConfig { layers, learning_rate, covariance_weight, .. } = &suggestion.settings;
    let layers: Vec<String> = layers.iter().map(usize::to_string).collect();
    ui::line(format!(
        "use --layer {} --learning-rate {learning_rate} --weight {covariance_weight}: S {:.1} ±{:.1}, with {} together",
        layers.join(","),
        suggestion.score.mean,
        suggestion.score.ci95,
        ui::count(suggestion.n_facts, "fact")
    ))?;
    if let Some(path) = output {
        ui::line(format!("wrote {}; give it to --hparams", path.display()))?;
    }
    Ok(())
}

fn show(suggestion: &Suggestion, output: Option<&Path>) -> Result<()> {
    suggestion.advice.iter().try_for_each(|advice| ui::line(advice.to_string()))?;
    let (settings, score) = (&suggestion.settings, suggestion.score);
    ui::line(format!(
        "use --layer {} --variant {} --clamp {}: S {:.1} ±{:.1}, over {}",
        suggestion.layer,
        settings.variant,
        settings.clamp_norm_factor,
        score.mean,
        score.ci95,
        ui::count(suggestion.n_facts, "fact")
    ))?;
    if let Some(path) = output {
        ui::line(format!("wrote {}; give it to --hparams", path.display()))?;
    }
    Ok(())
}
