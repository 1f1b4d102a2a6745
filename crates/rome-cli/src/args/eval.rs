//! `rome eval …` and `rome suggest`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use rome_edit::{Dataset, MethodName};

use super::common::{Choice, InputsArgs, JsonArgs, ModelArgs, RunOr, SettingsArgs, choice};

pub(crate) type EvalArgs = RunOr<EvalRunArgs, EvalFolderCommand>;

/// What is done with folders of results.
#[derive(Debug, Subcommand)]
pub(crate) enum EvalFolderCommand {
    /// Join the results of shards in one folder
    Merge(EvalMergeArgs),
    /// Compare the results of two folders, record by record
    #[command(alias = "against")]
    Compare(EvalCompareArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  rome eval -m facts-gpt2 --limit 50 -o results
  rome eval -m facts-gpt2 --limit 50 --methods all -o methods
  rome eval -m facts-gpt2 --limit 50 --layers all -o layers
  rome eval -m openai-community/gpt2-xl --dataset counterfact --data counterfact.json \\
    --shard 0/8 -o shard-0
  rome eval merge shard-* -o all
  rome eval compare all other")]
pub(crate) struct EvalRunArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// The data set
    #[arg(long, default_value = "counterfact", value_parser = choice(DATASETS))]
    pub(crate) dataset: Dataset,

    /// The file of records; facts of their own for the bundled models
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,

    /// Only the first N records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,

    /// Every N-th record, from the I-th on, counted from 0
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,

    /// Go on after a record that is malformed or cannot be edited; the end says which
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Ways of editing, with commas, each evaluated on the same records; rome unless a setting is varied
    #[arg(long, value_delimiter = ',', value_name = "METHODS", value_parser = choice(METHODS))]
    pub(crate) methods: Option<Vec<&'static [MethodName]>>,

    /// ROME at each of these layers, with commas, or "all"
    #[arg(long, value_name = "LAYERS")]
    pub(crate) layers: Option<String>,

    /// ROME with other values of one setting, all else the same: layer=all, variant=all, clamp=1,2,4,
    /// steps=5,10,20, contexts=1,11,21; repeat it for more
    #[arg(long, value_name = "SETTING=VALUES")]
    pub(crate) vary: Vec<String>,

    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    /// Let the model write before and after each edit, and judge how varied its text is; takes ten
    /// times as long
    #[arg(long)]
    pub(crate) generate: bool,

    /// Compare what it writes with texts about the new object: attribute_snippets.json of the
    /// project's site
    #[arg(long, value_name = "FILE", requires = "generate")]
    pub(crate) snippets: Option<PathBuf>,

    /// Text, one document a line, that says how rare words are; the snippets themselves by default
    #[arg(long, value_name = "FILE", requires = "snippets")]
    pub(crate) idf: Option<PathBuf>,

    /// Compare with the results of this folder at the end
    #[arg(long, alias = "compare", value_name = "DIR")]
    pub(crate) against: Option<PathBuf>,

    /// The folder for results; an interrupted run goes on from what is there
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

const DATASETS: &[Choice<Dataset>] = &[
    ("counterfact", Some("CounterFact, in the form of kmeng01/rome"), Dataset::CounterFact),
    ("zsre", Some("zsRE, in the form of MEND's evaluation set"), Dataset::ZsRe),
];

const METHODS: &[Choice<&[MethodName]>] = &[
    ("unedited", Some("None: the model as it is"), &[MethodName::Unedited]),
    ("ft", Some("Fine-tuning of the same weight"), &[MethodName::FineTuning]),
    ("ft-l", Some("The same with every weight kept near its start"), &[MethodName::ConstrainedFineTuning]),
    ("rome", Some("ROME, in the variant of --variant"), &[MethodName::Rome]),
    ("mean-key", Some("ROME as zkl-knowedit-rome has it"), &[MethodName::MeanKey]),
    ("r-rome", Some("R-ROME"), &[MethodName::RRome]),
    ("p-rome", Some("P-ROME"), &[MethodName::PRome]),
    ("all", Some("All of these"), &MethodName::ALL),
];

#[derive(Debug, ClapArgs)]
pub(crate) struct EvalMergeArgs {
    /// The folders of shards
    #[arg(required = true, num_args = 1.., value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,

    /// The folder for all of their cases
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EvalCompareArgs {
    /// The folder of a run
    #[arg(value_name = "DIR")]
    pub(crate) ours: PathBuf,

    /// The folder of the one to compare it with
    #[arg(value_name = "OTHER")]
    pub(crate) theirs: PathBuf,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  rome suggest -m facts-gpt2 -o hparams.json
  rome edit -m facts-gpt2 --hparams hparams.json --prompt 'The mother tongue of {} is' \\
    --subject 'Barack Obama' --target French -o obama.safetensors")]
pub(crate) struct SuggestArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Records of CounterFact that the model knows; facts of their own for the bundled models
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,

    /// So many facts for each value that is tried
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,

    /// Try these layers, with commas, or "all"
    #[arg(long, default_value = "all", value_name = "LAYERS")]
    pub(crate) layers: String,

    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    /// Write the settings found as a file for --hparams
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}
