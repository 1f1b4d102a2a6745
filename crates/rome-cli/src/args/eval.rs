//! `rome eval …` and `rome suggest`

use std::path::PathBuf;

use clap::{ArgMatches, Args as ClapArgs, Command, FromArgMatches, Subcommand, ValueEnum};
use rome_eval::Dataset;

use super::{InputsArgs, ModelArgs, SettingsArgs};

/// Evaluate edits, or work on folders of results.
///
/// As with `rome edit`, the options of a run stand beside the commands that take what runs have made.
#[derive(Debug)]
pub(crate) enum EvalArgs {
    Run(Box<EvalRunArgs>),
    Folders(EvalFolderCommand),
}

impl ClapArgs for EvalArgs {
    fn augment_args(command: Command) -> Command {
        let command = EvalFolderCommand::augment_subcommands(EvalRunArgs::augment_args(command));
        command.subcommand_required(false).subcommand_negates_reqs(true).args_conflicts_with_subcommands(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for EvalArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand_name() {
            Some(_) => EvalFolderCommand::from_arg_matches(matches).map(EvalArgs::Folders),
            None => EvalRunArgs::from_arg_matches(matches).map(|args| EvalArgs::Run(Box::new(args))),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What is done with folders of results.
#[derive(Debug, Subcommand)]
pub(crate) enum EvalFolderCommand {
    /// Join the results of shards in one folder
    Merge(EvalMergeArgs),
    /// Compare the results of two folders, record by record
    Against(EvalAgainstArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EVAL_EXAMPLES)]
pub(crate) struct EvalRunArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// The data set
    #[arg(long, default_value = "counterfact")]
    pub(crate) dataset: DatasetArg,

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
    #[arg(long, value_delimiter = ',', value_name = "METHODS")]
    pub(crate) methods: Option<Vec<MethodArg>>,

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
    #[arg(long, value_name = "DIR")]
    pub(crate) against: Option<PathBuf>,

    /// The folder for results; an interrupted run goes on from what is there
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DatasetArg {
    /// CounterFact, in the form of kmeng01/rome
    #[value(name = "counterfact")]
    CounterFact,
    /// zsRE, in the form of MEND's evaluation set
    #[value(name = "zsre")]
    ZsRe,
}

impl From<DatasetArg> for Dataset {
    fn from(arg: DatasetArg) -> Self {
        match arg {
            DatasetArg::CounterFact => Dataset::CounterFact,
            DatasetArg::ZsRe => Dataset::ZsRe,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodArg {
    /// None: the model as it is
    Unedited,
    /// Fine-tuning of the same weight
    Ft,
    /// The same with every weight kept near its start
    FtL,
    /// ROME, in the variant of --variant
    Rome,
    /// ROME as zkl-knowedit-rome has it
    MeanKey,
    /// R-ROME
    RRome,
    /// P-ROME
    PRome,
    /// All of these
    All,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EvalMergeArgs {
    /// The folders of shards
    #[arg(required = true, num_args = 1.., value_name = "DIR")]
    pub(crate) folders: Vec<PathBuf>,

    /// The folder for all of their cases
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EvalAgainstArgs {
    /// The folder of a run
    #[arg(value_name = "DIR")]
    pub(crate) ours: PathBuf,

    /// The folder of the one to compare it with
    #[arg(value_name = "OTHER")]
    pub(crate) theirs: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const EVAL_EXAMPLES: &str = "\
Examples:
  rome eval -m facts-gpt2 --limit 50 -o results
  rome eval -m facts-gpt2 --limit 50 --methods all -o methods
  rome eval -m facts-gpt2 --limit 50 --layers all -o layers
  rome eval -m gpt2-xl --dataset counterfact --data counterfact.json --shard 0/8 -o shard-0
  rome eval merge shard-* -o all
  rome eval against all other";

#[derive(Debug, ClapArgs)]
#[command(after_help = SUGGEST_EXAMPLES)]
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

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const SUGGEST_EXAMPLES: &str = "\
Examples:
  rome suggest -m facts-gpt2 -o hparams.json
  rome edit -m facts-gpt2 --hparams hparams.json --prompt 'The mother tongue of {} is' \\
    --subject 'Barack Obama' --target French -o obama.safetensors";
