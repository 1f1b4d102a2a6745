//! `rome eval …` and `rome suggest`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use rome_edit::{Dataset, LayerSelection, MethodName, Shard, Sweep};

use super::common::{Choice, InputsArgs, JsonArgs, ModelArgs, RunOr, SettingsArgs, choice, number, parsed};
use super::edit::{Method, MetricArgs, TOGETHER_METHODS};

pub(crate) type EvalArgs = RunOr<EvalRunArgs, EvalFolderCommand>;

/// Commands on folders of results.
#[derive(Debug, Subcommand)]
pub(crate) enum EvalFolderCommand {
    /// Merge the results of shards into one folder
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
  rome eval -m facts-gpt2 --method rome,memit --together 1,10,100 -o together
  rome eval -m openai-community/gpt2-xl --dataset counterfact --data counterfact.json \\
    --shard 0/8 -o shard-0
  rome eval merge shard-* -o all
  rome eval compare all other")]
pub(crate) struct EvalRunArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Data set to evaluate on
    #[arg(long, default_value = "counterfact", value_parser = choice(DATASETS), help_heading = "Records")]
    pub(crate) dataset: Dataset,

    /// File of records; the bundled models bring their own
    #[arg(long, value_name = "FILE", help_heading = "Records")]
    pub(crate) data: Option<PathBuf>,

    /// Use only the first N records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Records")]
    pub(crate) limit: Option<u32>,

    /// Use every N-th record, starting from the I-th, counted from 0
    #[arg(long, value_name = "I/N", value_parser = parsed::<Shard>, help_heading = "Records")]
    pub(crate) shard: Option<Shard>,

    /// Continue after a record that is malformed or cannot be edited; the summary lists them
    #[arg(long, help_heading = "Records")]
    pub(crate) keep_going: bool,

    /// Editing methods to compare on the same records, with commas; rome by default
    #[arg(long, value_delimiter = ',', value_name = "METHODS", value_parser = choice(METHODS), help_heading = "Comparison")]
    pub(crate) methods: Option<Vec<&'static [MethodName]>>,

    /// Evaluate ROME at each of these layers, with commas, or at "all"
    #[arg(long, value_name = "LAYERS", value_parser = parsed::<LayerSelection>, help_heading = "Comparison")]
    pub(crate) layers: Option<LayerSelection>,

    /// Evaluate ROME with each value of one setting: layer=all, variant=all, clamp=1,2,4, steps=5,10,20
    /// or contexts=1,11,21; repeat the option for more settings
    #[arg(long, value_name = "SETTING=VALUES", value_parser = parsed::<Sweep>, help_heading = "Comparison")]
    pub(crate) vary: Vec<Sweep>,

    /// Edit the first N records together and ask about all of them on the one model; several with commas
    #[arg(long, value_name = "N", value_delimiter = ',', conflicts_with_all = ["methods", "layers", "vary", "generate", "against", "shard"], value_parser = number(|n: usize| n > 0, "it must be at least 1"), help_heading = "Many facts at once")]
    pub(crate) together: Vec<usize>,

    /// With --together, the methods, with commas; rome edits one fact after the other
    #[arg(long, value_name = "METHODS", value_delimiter = ',', requires = "together", value_parser = choice(TOGETHER_METHODS), help_heading = "Many facts at once")]
    pub(crate) method: Vec<Method>,

    /// With --together, edit N facts at a time; all of them by default
    #[arg(long, value_name = "N", requires = "together", value_parser = number(|n: usize| n > 0, "it must be at least 1"), help_heading = "Many facts at once")]
    pub(crate) batch: Option<usize>,

    #[command(flatten)]
    pub(crate) metric: MetricArgs,

    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    /// Generate text before and after each edit, and measure its fluency (ten times as slow)
    #[arg(long, help_heading = "Fluency")]
    pub(crate) generate: bool,

    /// Measure consistency with texts about the new object: attribute_snippets.json of ROME's site
    #[arg(long, value_name = "FILE", requires = "generate", help_heading = "Fluency")]
    pub(crate) snippets: Option<PathBuf>,

    /// Text that tells how rare words are, one document a line; the snippets by default
    #[arg(long, value_name = "FILE", requires = "snippets", help_heading = "Fluency")]
    pub(crate) idf: Option<PathBuf>,

    /// Compare the results with those in this folder
    #[arg(long, alias = "compare", value_name = "DIR", help_heading = "Output")]
    pub(crate) against: Option<PathBuf>,

    /// Folder for results; an interrupted run continues from those in it
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

const DATASETS: &[Choice<Dataset>] = &[
    ("counterfact", Some("CounterFact, in the format of kmeng01/rome"), Dataset::CounterFact),
    ("zsre", Some("zsRE, in the format of MEND's evaluation set"), Dataset::ZsRe),
];

const METHODS: &[Choice<&[MethodName]>] = &[
    ("unedited", Some("No edit: the model as it is"), &[MethodName::Unedited]),
    ("ft", Some("Fine-tuning of the same weight"), &[MethodName::FineTuning]),
    ("ft-l", Some("Fine-tuning with every weight kept near its start"), &[MethodName::ConstrainedFineTuning]),
    ("rome", Some("ROME, in the variant of --variant"), &[MethodName::Rome]),
    ("mean-key", Some("ROME as in zkl-knowedit-rome"), &[MethodName::MeanKey]),
    ("r-rome", Some("R-ROME"), &[MethodName::RRome]),
    ("p-rome", Some("P-ROME"), &[MethodName::PRome]),
    ("all", Some("All of the above"), &MethodName::ALL),
];

#[derive(Debug, ClapArgs)]
pub(crate) struct EvalMergeArgs {
    /// Folders of the shards
    #[arg(required = true, num_args = 1.., value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,

    /// Folder for the merged results
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EvalCompareArgs {
    /// Folder of a run
    #[arg(value_name = "DIR")]
    pub(crate) ours: PathBuf,

    /// Folder of the run to compare with
    #[arg(value_name = "OTHER")]
    pub(crate) theirs: PathBuf,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  rome suggest -m facts-gpt2 -o hparams.json
  rome suggest -m facts-gpt2 --method memit -o memit.json
  rome edit -m facts-gpt2 --hparams hparams.json --prompt 'The mother tongue of {} is' \\
    --subject 'Barack Obama' --target French -o obama.safetensors")]
pub(crate) struct SuggestArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Records of CounterFact that the model knows; the bundled models bring their own
    #[arg(long, value_name = "FILE", help_heading = "Records")]
    pub(crate) data: Option<PathBuf>,

    /// Number of facts for each value tried
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Records")]
    pub(crate) limit: u32,

    /// Method to search settings for
    #[arg(long, default_value = "rome", value_parser = choice(TOGETHER_METHODS))]
    pub(crate) method: Method,

    /// Layers to try, with commas, or "all"; of methods for many facts, the last ones
    #[arg(long, default_value = "all", value_name = "LAYERS", value_parser = parsed::<LayerSelection>)]
    pub(crate) layers: LayerSelection,

    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    #[command(flatten)]
    pub(crate) inputs: InputsArgs,

    /// Write the best settings to this file, for --hparams
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}
