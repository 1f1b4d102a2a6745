//! What is evaluated: ways of editing, with their settings.

use anyhow::Result;
use clap::ValueEnum;
use rome_core::{EditConfig, ModelShape, Variant};
use rome_eval::FineTuningConfig;
use serde_json::{Value, json};

use crate::args::{EvalRunArgs, MethodArg, VariantArg};
use crate::commands::stats::parse_layers;
use crate::error::CliError;

/// One way of editing, with its settings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    /// As tables call it, and its folder.
    pub(crate) name: String,
    pub(crate) way: Way,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Way {
    Unedited,
    FineTuning(FineTuningConfig),
    /// With so many of the contexts; all of them without a number.
    Rome(EditConfig, Option<usize>),
}

impl Setup {
    /// The method and its settings, for the record of a run.
    pub(crate) fn describe(&self) -> Value {
        match &self.way {
            Way::Unedited => json!({ "method": "unedited" }),
            Way::FineTuning(config) => json!({
                "method": if config.norm_constraint.is_some() { "ft-l" } else { "ft" },
                "layer": config.layer, "steps": config.steps, "learning_rate": config.learning_rate,
                "stop_loss": config.stop_loss, "norm_constraint": config.norm_constraint,
            }),
            Way::Rome(config, n_contexts) => {
                json!({ "method": "rome", "settings": config, "contexts": n_contexts })
            }
        }
    }
}

/// Values of one setting, each a way of editing.
pub(crate) struct Sweep {
    pub(crate) setting: &'static str,
    /// Each with the value, for those that are numbers.
    pub(crate) setups: Vec<(Option<f64>, Setup)>,
}

/// The ways of editing that arguments ask for.
///
/// Without any, ROME itself unless a setting of it is varied, which asks for it already.
pub(crate) fn methods(asked: Option<&[MethodArg]>, config: &EditConfig, or_rome: bool) -> Vec<Setup> {
    let all = MethodArg::value_variants().iter().copied().filter(|method| *method != MethodArg::All);
    let rome: &[MethodArg] = if or_rome { &[MethodArg::Rome] } else { &[] };
    let asked = asked.unwrap_or(rome).iter().flat_map(|method| match method {
        MethodArg::All => all.clone().collect(),
        method => vec![*method],
    });
    let mut setups: Vec<Setup> = Vec::new();
    for setup in asked.map(|method| of_method(method, config)) {
        if !setups.contains(&setup) {
            setups.push(setup);
        }
    }
    setups
}

fn of_method(method: MethodArg, config: &EditConfig) -> Setup {
    // The baselines train one weight: the first that ROME edits.
    let layer = config.layers[0];
    let rome = |variant| Way::Rome(EditConfig { variant, ..config.clone() }, None);
    let way = match method {
        MethodArg::Unedited | MethodArg::All => Way::Unedited,
        MethodArg::Ft => Way::FineTuning(FineTuningConfig::new(layer)),
        MethodArg::FtL => Way::FineTuning(FineTuningConfig::constrained(layer)),
        MethodArg::Rome => rome(config.variant),
        MethodArg::MeanKey => rome(Variant::MeanKey),
        MethodArg::RRome => rome(Variant::RRome),
        MethodArg::PRome => rome(Variant::PRome),
    };
    let name = method.to_possible_value().map(|value| value.get_name().to_owned());
    Setup { name: name.unwrap_or_default(), way }
}

/// The sweeps that arguments ask for.
pub(crate) fn sweeps(args: &EvalRunArgs, config: &EditConfig, shape: &ModelShape) -> Result<Vec<Sweep>> {
    let layers = args.layers.iter().map(|layers| ("layer", layers.as_str()));
    let mut sweeps = Vec::new();
    for vary in &args.vary {
        if !vary.contains('=') {
            return Err(wrong(vary));
        }
    }
    for (setting, values) in layers.chain(args.vary.iter().filter_map(|vary| vary.split_once('='))) {
        sweeps.push(sweep(setting, values, config, shape)?);
    }
    Ok(sweeps)
}

fn wrong(text: &str) -> anyhow::Error {
    CliError::with_hint(
        format!("{text:?} is no setting that can be varied"),
        "write --vary layer=all, variant=all, clamp=1,2,4, steps=5,10,20 or contexts=1,11,21",
    )
}

/// ROME with each value of a setting.
pub(crate) fn sweep(setting: &str, values: &str, config: &EditConfig, shape: &ModelShape) -> Result<Sweep> {
    let texts = || values.split(',').map(str::trim);
    let wrong = || wrong(&format!("{setting}={values}"));
    let numbers = || texts().map(|text| text.parse::<f64>().map_err(|_| wrong())).collect::<Result<Vec<_>>>();
    let counts =
        || texts().map(|text| text.parse::<usize>().map_err(|_| wrong())).collect::<Result<Vec<_>>>();
    let named = |setting: &'static str, setups: Vec<(Option<f64>, String, Way)>| {
        let setup = |(value, name, way)| (value, Setup { name: format!("{setting}-{name}"), way });
        Sweep { setting, setups: setups.into_iter().map(setup).collect() }
    };
    let with = |change: &dyn Fn(&mut EditConfig)| {
        let mut config = config.clone();
        change(&mut config);
        config.check(shape).map(|()| Way::Rome(config, None))
    };
    let sweep = match setting {
        "layer" => {
            let layers = parse_layers(values, shape.n_layers)?.into_iter();
            let setups = layers.map(|layer| {
                Ok((Some(layer as f64), layer.to_string(), with(&|config| config.layers = vec![layer])?))
            });
            named("layer", setups.collect::<Result<_>>()?)
        }
        "variant" => {
            let variants = match values {
                "all" => VariantArg::value_variants().to_vec(),
                _ => texts()
                    .map(|text| VariantArg::from_str(text, false).map_err(|_| wrong()))
                    .collect::<Result<_>>()?,
            };
            let setups = variants.into_iter().map(|variant| {
                let name = variant.to_possible_value().map(|value| value.get_name().to_owned());
                let way = with(&|config| config.variant = variant.into())?;
                Ok((None, name.unwrap_or_default(), way))
            });
            named("variant", setups.collect::<Result<_>>()?)
        }
        "clamp" => {
            let setups = numbers()?.into_iter().map(|clamp| {
                let way = with(&|config| config.clamp_norm_factor = clamp)?;
                Ok((Some(clamp), clamp.to_string(), way))
            });
            named("clamp", setups.collect::<Result<_>>()?)
        }
        "steps" => {
            let setups = counts()?.into_iter().map(|steps| {
                let way = with(&|config| config.steps = steps)?;
                Ok((Some(steps as f64), steps.to_string(), way))
            });
            named("steps", setups.collect::<Result<_>>()?)
        }
        "contexts" => {
            let setups = counts()?.into_iter().map(|n| {
                if n == 0 {
                    return Err(wrong());
                }
                Ok((Some(n as f64), n.to_string(), Way::Rome(config.clone(), Some(n))))
            });
            named("contexts", setups.collect::<Result<_>>()?)
        }
        _ => return Err(wrong()),
    };
    Ok(sweep)
}
