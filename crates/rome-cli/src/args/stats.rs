//! `rome stats …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use rome_edit::statistics::{SaveEvery, SumFormat};
use rome_edit::{LayerSelection, Shard};

use super::common::{JsonArgs, ModelArgs, number, parsed};

#[derive(Debug, Subcommand)]
pub(crate) enum StatsCommand {
    /// Collect the second moments of keys over text, for any layers in one pass
    Collect(CollectArgs),
    /// Download the second moments that the authors of ROME published
    #[cfg(feature = "hub")]
    Fetch(FetchArgs),
    /// Merge the files of shards into one
    Merge(MergeArgs),
    /// Convert a file between safetensors and npz
    Convert(ConvertArgs),
    /// Show the contents of a file
    Show(ShowArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Layers, with commas, or "all"
    #[arg(long, alias = "layer", value_name = "LAYERS", value_parser = parsed::<LayerSelection>)]
    pub(crate) layers: LayerSelection,

    /// Text files or patterns: .txt with one document a line, .jsonl or .parquet, the first two also as
    /// .gz or .zst; - for standard input
    #[arg(long, required = true, num_args = 1.., value_name = "FILE", help_heading = "Text")]
    pub(crate) text: Vec<PathBuf>,

    /// Field of .jsonl, or column of .parquet, that holds the text
    #[arg(long, default_value = "text", help_heading = "Text")]
    pub(crate) field: String,

    /// Pack documents into sequences as long as the model's context, instead of cutting each to it
    #[arg(long, help_heading = "Text")]
    pub(crate) pack: bool,

    /// Use every N-th document, starting from the I-th, counted from 0
    #[arg(long, value_name = "I/N", value_parser = parsed::<Shard>, help_heading = "Text")]
    pub(crate) shard: Option<Shard>,

    /// Stop after this many documents
    #[arg(long, value_name = "DOCUMENTS", help_heading = "Text")]
    pub(crate) limit: Option<u64>,

    /// Stop once a doubling of the text changes the directions of edits, C⁻¹k, by no more than this at
    /// any layer; 0.5, for 50 %, is enough for edits
    #[arg(long, value_name = "X", conflicts_with = "shard", value_parser = number(is_positive, "it must be a number above 0"), help_heading = "Text")]
    pub(crate) until: Option<f32>,

    /// Draw the convergence to this SVG while collecting
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) plot: Option<PathBuf>,

    /// Continue an interrupted collection from its last save
    #[arg(long, help_heading = "Run")]
    pub(crate) resume: bool,

    /// Save progress after this many tokens or seconds
    #[arg(long, default_value = "300s", value_name = "TOKENS|SECONDSs", value_parser = parsed::<SaveEvery>, help_heading = "Run")]
    pub(crate) save_every: SaveEvery,

    /// Folder for the files, one for each layer; by default where rome edit finds them
    #[arg(short, long, value_name = "DIR", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Store only the upper triangle, in f32: a quarter of the size
    #[arg(long, help_heading = "Output")]
    pub(crate) compact: bool,

    /// Print the result as one JSON object, after one for each save
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[cfg(feature = "hub")]
#[derive(Debug, ClapArgs)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Layers, with commas, or "all"
    #[arg(long, alias = "layer", value_name = "LAYERS", value_parser = parsed::<LayerSelection>)]
    pub(crate) layers: LayerSelection,

    /// Published name; the last part of the model's name by default
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Base address of the published files
    #[arg(long, default_value = "https://rome.baulab.info", env = "ROME_STATS_URL")]
    pub(crate) url: String,

    /// Text that they were collected over
    #[arg(long, default_value = "wikipedia")]
    pub(crate) dataset: String,

    /// Number of documents that they were collected over
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub(crate) samples: u64,

    /// Data type of their values
    #[arg(long, default_value = "float32")]
    pub(crate) precision: String,

    /// Folder for the files, one for each layer; by default where rome edit finds them
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MergeArgs {
    /// Files of the shards of one collection
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Write the merged statistics to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Store only the upper triangle, in f32: a quarter of the size
    #[arg(long)]
    pub(crate) compact: bool,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ConvertArgs {
    /// File of statistics: safetensors, or npz of kmeng01/rome
    pub(crate) input: PathBuf,

    /// Write to this file, .safetensors or .npz
    pub(crate) output: PathBuf,

    /// In safetensors, store only the upper triangle, in f32: a quarter of the size
    #[arg(long)]
    pub(crate) compact: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// File of statistics: safetensors, or npz of kmeng01/rome
    pub(crate) file: PathBuf,

    /// Draw the convergence to this SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

/// The form of a sum that `--compact` asks for.
pub(crate) fn sum_format(compact: bool) -> SumFormat {
    if compact { SumFormat::Compact } else { SumFormat::Full }
}

fn is_positive(value: f32) -> bool {
    value > 0.0 && value.is_finite()
}
