//! `rome suggest`: the settings for a model that nobody has published any for.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use rome_core::{EditConfig, Variant};
use rome_eval::{Dataset, Estimate, Results};
use rome_session::{Session, Settings};
use serde_json::{Value, json};

use super::eval::runner::Runner;
use super::eval::setups::{Sweep, Way, sweep};
use super::eval::{Records, report, sweep as advice};
use crate::args::SuggestArgs;
use crate::error::{CliError, Outcome};
use crate::inputs::inputs;
use crate::model;
use crate::output;
use crate::settings::settings;

/// What is tried one after the other, each with the best so far of those before it.
const REFINED: [(&str, &str); 2] = [("variant", "all"), ("clamp", "1,2,4,8")];

pub(crate) fn run(args: &SuggestArgs) -> Result<Outcome> {
    let start = Instant::now();
    if let Some(path) = &args.output {
        output::check_writable(path)?;
    }
    let inputs = inputs(&args.inputs)?;
    let model = model::load(&args.model)?;
    let dataset = Dataset::CounterFact;
    let records = Records::of(&model, dataset, args.data.as_deref(), Some(args.limit as usize), None, false)?;
    let settings = settings(&args.settings, &model)?;
    let mut config = settings.config.clone();
    let shape = model.causal_lm().shape().clone();
    let weight = model.causal_lm().weight_name(0);
    let session = Session::new(model, settings, inputs)?;
    let load = start.elapsed();
    let tokens = session.model().pretrained.tokenizer.clone();
    let mut runner = Runner::new(session, &tokens, &records, dataset, false, None);

    // Results are of no further use, and settings change from one sweep to the next.
    let folder = tempfile::tempdir()?;
    let mut tried: Vec<(Sweep, BTreeMap<String, Results>)> = Vec::new();
    let mut score = None;
    let asked = [("layer", args.layers.as_str())].into_iter().chain(REFINED);
    for (setting, values) in asked {
        let sweep = sweep(setting, values, &config, &shape)?;
        let mut results = BTreeMap::new();
        for (_, setup) in &sweep.setups {
            let done = runner.run(setup, &folder.path().join(&setup.name), &format!("{} · ", setup.name))?;
            results.insert(setup.name.clone(), done);
        }
        if let Some((best, found)) = advice::best(&sweep, &results)
            && score.is_none_or(|score: Estimate| found.mean > score.mean)
            && let Way::Rome(best, _) = &best.way
        {
            (config, score) = (best.clone(), Some(found));
        }
        if !args.json {
            output::line(advice::advice(&sweep, &results).unwrap_or_default())?;
        }
        tried.push((sweep, results));
    }
    let Some(score) = score else {
        return Err(CliError::with_hint(
            "no record has paraphrases and neighbours, so there is no score to go by",
            "give records of CounterFact with --data",
        ));
    };
    let use_statistics = args.inputs.stats.as_deref() != Some(Path::new("identity"));
    let hparams = hparams(&config, runner.session().settings(), use_statistics, &weight);
    if let Some(path) = &args.output {
        output::write_file(path, format!("{hparams:#}\n").as_bytes())?;
    }
    if args.json {
        let scores: serde_json::Map<String, Value> = tried
            .iter()
            .flat_map(|(_, results)| results.iter().map(|(name, run)| (name.clone(), json!(run.summary()))))
            .collect();
        output::json(&json!({
            "layer": config.layers[0], "settings": config, "S": score, "tried": scores,
            "seconds": runner.seconds(load),
        }))?;
        return Ok(Outcome::Done);
    }
    output::line(format!(
        "use --layer {} --variant {} --clamp {}: S {:.1} ±{:.1}, over {}",
        config.layers[0],
        name_of(config.variant),
        config.clamp_norm_factor,
        score.mean,
        score.ci95,
        report::count(records.list.len(), "fact")
    ))?;
    if let Some(path) = &args.output {
        output::line(format!("wrote {}; give it to --hparams", path.display()))?;
    }
    Ok(Outcome::Done)
}

fn name_of(variant: Variant) -> String {
    json!(variant).as_str().unwrap_or_default().to_owned()
}

/// Settings as the reference writes them, and the variant, which it does not know.
fn hparams(config: &EditConfig, settings: &Settings, use_statistics: bool, weight: &str) -> Value {
    let module = weight.trim_end_matches(".weight").replacen(".0.", ".{}.", 1);
    json!({
        "layers": config.layers,
        "fact_token": "subject_last",
        "v_num_grad_steps": config.steps,
        "v_lr": config.learning_rate,
        "v_weight_decay": config.weight_decay,
        "clamp_norm_factor": config.clamp_norm_factor,
        "kl_factor": config.kl_factor,
        "mom2_adjustment": settings.use_statistics && use_statistics,
        "context_template_length_params": settings.context_lengths,
        "rewrite_module_tmp": module,
        "variant": config.variant,
    })
}
