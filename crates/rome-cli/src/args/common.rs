//! Arguments that several commands take.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{ArgMatches, Args as ClapArgs, Command, FromArgMatches, Subcommand};
use rome_edit::{DeviceName, Error, Precision, Variant, layer_range};
use serde::Serialize;

use crate::ui;

/// Parses an argument as the library does, so that a mistake gets the library's message, and the hint for it.
pub(crate) fn parsed<T: FromStr<Err: Into<Error>>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(Into::into)
}

/// Parses a number that is one of those an option takes; `fault` says why another is not.
pub(crate) fn number<T: FromStr + Copy + Send + Sync + 'static>(
    takes: fn(T) -> bool,
    fault: &'static str,
) -> impl TypedValueParser<Value = T> {
    StringValueParser::new().try_map(move |text| text.parse().ok().filter(|value| takes(*value)).ok_or(fault))
}

/// A value of an option that has few of them: its name, help where the name does not say it all, and what it
/// stands for.
pub(crate) type Choice<T> = (&'static str, Option<&'static str>, T);

/// Parses one of a few values by its name.
pub(crate) fn choice<T>(choices: &'static [Choice<T>]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let values = choices.iter().map(|(name, help, _)| PossibleValue::new(*name).help(*help));
    PossibleValuesParser::new(values).try_map(|given| {
        let chosen = choices.iter().find(|(name, ..)| *name == given);
        chosen.map(|(.., value)| *value).ok_or("it is none of these")
    })
}

/// The options of a run, beside the commands that take what runs have made, so that a run needs no third
/// word.
#[derive(Debug)]
pub(crate) enum RunOr<R, C> {
    Run(Box<R>),
    Command(C),
}

impl<R: ClapArgs, C: Subcommand> ClapArgs for RunOr<R, C> {
    fn augment_args(command: Command) -> Command {
        let command = C::augment_subcommands(R::augment_args(command));
        command.subcommand_required(false).subcommand_negates_reqs(true).args_conflicts_with_subcommands(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<R: FromArgMatches, C: FromArgMatches> FromArgMatches for RunOr<R, C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand_name() {
            Some(_) => C::from_arg_matches(matches).map(Self::Command),
            None => R::from_arg_matches(matches).map(|args| Self::Run(Box::new(args))),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The form that a result is printed in.
#[derive(Debug, ClapArgs)]
pub(crate) struct JsonArgs {
    /// Print the result as one JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

impl JsonArgs {
    /// Prints a result as JSON, or as `show` has it.
    pub(crate) fn print<T: Serialize>(&self, result: &T, show: impl FnOnce(&T) -> Result<()>) -> Result<()> {
        if self.json { ui::json(result) } else { show(result) }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelArgs {
    /// Model to use: a folder in Hugging Face form, a hub name, or a bundled one (facts-llama, facts-gpt2, facts-gptj)
    #[arg(short, long, value_name = "MODEL", env = "ROME_MODEL", help_heading = "Model")]
    pub(crate) model: String,

    /// Revision of a hub model: a branch, a tag or a commit; the same as MODEL@REVISION
    #[arg(long, value_name = "REVISION", help_heading = "Model")]
    pub(crate) revision: Option<String>,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DeviceArgs {
    /// Compute on this device: cpu, auto, or one that rome doctor lists, such as wgpu:1
    #[arg(long, default_value = "cpu", value_name = "NAME", env = "ROME_DEVICE", value_parser = parsed::<DeviceName>, help_heading = "Model")]
    pub(crate) device: DeviceName,

    /// Data type of the model's weight matrices; all else is f32
    #[arg(long, default_value = "f32", env = "ROME_DTYPE", value_parser = choice(PRECISIONS), help_heading = "Model")]
    pub(crate) dtype: Precision,
}

const PRECISIONS: &[Choice<Precision>] = &[
    ("f32", None, Precision::F32),
    ("f16", Some("Half the memory, 11 significant bits"), Precision::F16),
    ("bf16", Some("Half the memory, 8 significant bits"), Precision::Bf16),
];

/// Edits to apply to a model.
#[derive(Debug, ClapArgs)]
pub(crate) struct EditsArgs {
    /// Apply the edits in these files, in order, or those of a ledger's folder
    #[arg(long = "edit", value_name = "FILE", num_args = 1.., help_heading = "Model")]
    pub(crate) edits: Vec<PathBuf>,

    /// Apply edits that were made for different weights (they may have no effect, or damage the model)
    #[arg(long, requires = "edits", help_heading = "Model")]
    pub(crate) force: bool,
}

/// Inputs that edits are computed from.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct InputsArgs {
    /// Second moments C of keys: a file, a folder of files, or "identity" to edit without
    #[arg(long, value_name = "FILE|DIR|identity", help_heading = "Inputs")]
    pub(crate) stats: Option<PathBuf>,

    /// JSON list of contexts, each a template or a list of tokens; sampled from the model by default
    #[arg(long, value_name = "FILE", help_heading = "Inputs")]
    pub(crate) contexts: Option<PathBuf>,

    /// JSON list of preservation prompts for the KL term; "{} is a" by default
    #[arg(long, value_name = "FILE", help_heading = "Inputs")]
    pub(crate) preserve: Option<PathBuf>,

    /// Seed of the sampled contexts
    #[arg(long, default_value_t = 0, help_heading = "Inputs")]
    pub(crate) seed: u64,
}

#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Settings (by default published ones, or derived from them)")]
pub(crate) struct SettingsArgs {
    /// Read settings from a file of kmeng01/rome (hparams/ROME/*.json); the options below override it
    #[arg(long, value_name = "FILE")]
    pub(crate) hparams: Option<PathBuf>,

    /// Layer to edit, counted from 0; several with commas or as a range, such as 4-8
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = layers)]
    layer: Option<Vec<Layers>>,

    /// Variant of the update
    #[arg(long, value_parser = choice(VARIANTS))]
    pub(crate) variant: Option<Variant>,

    /// Maximum number of optimisation steps
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<usize>,

    /// Learning rate
    #[arg(long, value_name = "X")]
    pub(crate) learning_rate: Option<f64>,

    /// Weight decay
    #[arg(long, value_name = "X")]
    pub(crate) weight_decay: Option<f64>,

    /// Maximum change of the value, relative to its norm
    #[arg(long, value_name = "X")]
    pub(crate) clamp: Option<f64>,

    /// Factor of the KL term
    #[arg(long, value_name = "X")]
    pub(crate) kl_factor: Option<f64>,
}

/// A layer, or a range of layers.
type Layers = std::ops::RangeInclusive<usize>;

fn layers(text: &str) -> Result<Layers, Error> {
    Ok(layer_range(text)?)
}

impl SettingsArgs {
    /// The layers, if any were given.
    pub(crate) fn layers(&self) -> Option<Vec<usize>> {
        Some(self.layer.as_ref()?.iter().cloned().flatten().collect())
    }
}

const VARIANTS: &[Choice<Variant>] = &[
    ("reference", Some("As in kmeng01/rome"), Variant::Reference),
    ("mean-key", Some("The mean key on both sides, as in zkl-knowedit-rome"), Variant::MeanKey),
    (
        "r-rome",
        Some("R-ROME: the mean key on both sides, from the value of the clean prompt"),
        Variant::RRome,
    ),
    ("p-rome", Some("P-ROME: the key of the clean prompt on both sides"), Variant::PRome),
];
