//! `rome suggest`: a layer and settings for a model without published ones.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rome_edit::files::check_writable;
use rome_edit::{Suggest, Suggestion};

use crate::args::SuggestArgs;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: SuggestArgs) -> Result<()> {
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
