//! `rome stats …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use rome_edit::statistics::{SaveEvery, SumFormat};
use rome_edit::{LayerSelection, Shard};

use super::common::{JsonArgs, ModelArgs, number, parsed};

#[derive(Debug, Subcommand)]
pub(crate) enum StatsCommand {
    /// Sum up the keys of layers over text, in one pass
    Collect(CollectArgs),
    /// Download statistics that the authors of ROME have published
    #[cfg(feature = "hub")]
    Fetch(FetchArgs),
    /// Add up the sums over shards of a text
    Merge(MergeArgs),
    /// Write a file of statistics as another kind
    Convert(ConvertArgs),
    /// Show what a file of statistics holds
    Show(ShowArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Layers, with commas, or "all"
    #[arg(long, value_name = "LAYERS", value_parser = parsed::<LayerSelection>)]
    pub(crate) layers: LayerSelection,

    /// Text, by files or patterns: .txt with one document a line, .jsonl or .parquet, the first two
    /// also as .gz or .zst; - for standard input
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) text: Vec<PathBuf>,

    /// The field of .jsonl, or the column of .parquet, that holds the text
    #[arg(long, default_value = "text")]
    pub(crate) field: String,

    /// Let documents follow one another in sequences as long as the model's context, rather than cut
    /// each of them to it
    #[arg(long)]
    pub(crate) pack: bool,

    /// Take every N-th document, from the I-th on, counted from 0
    #[arg(long, value_name = "I/N", value_parser = parsed::<Shard>)]
    pub(crate) shard: Option<Shard>,

    /// Stop after so many documents of the text
    #[arg(long, value_name = "DOCUMENTS")]
    pub(crate) limit: Option<u64>,

    /// Stop once a doubling of the text has changed the directions of edits, C⁻¹k, by no more than
    /// this at any layer: 0.5, for 50 %, is enough for edits
    #[arg(long, value_name = "X", conflicts_with = "shard", value_parser = number(is_positive, "it is not a number above 0"))]
    pub(crate) until: Option<f32>,

    /// Draw what each doubling of the text has changed, as an SVG that follows the collection
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,

    /// Go on from where an interrupted collection was last saved
    #[arg(long)]
    pub(crate) resume: bool,

    /// Save what there is after so many tokens, or after so many seconds
    #[arg(long, default_value = "300s", value_name = "TOKENS|SECONDSs", value_parser = parsed::<SaveEvery>)]
    pub(crate) save_every: SaveEvery,

    /// The folder for the files, one a layer; by default where rome edit finds them
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Store the upper triangle in f32: a quarter of the size
    #[arg(long)]
    pub(crate) compact: bool,

    /// Print a JSON object, and before it one for each time that it is saved
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(feature = "hub")]
#[derive(Debug, ClapArgs)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Layers, with commas, or "all"
    #[arg(long, value_name = "LAYERS", value_parser = parsed::<LayerSelection>)]
    pub(crate) layers: LayerSelection,

    /// The name that they are published under; the last part of the model's name by default
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Where they are published
    #[arg(long, default_value = "https://rome.baulab.info", env = "ROME_STATS_URL")]
    pub(crate) url: String,

    /// The text that they are over
    #[arg(long, default_value = "wikipedia")]
    pub(crate) dataset: String,

    /// The number of documents that they are over
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub(crate) samples: u64,

    /// The type of their values
    #[arg(long, default_value = "float32")]
    pub(crate) precision: String,

    /// The folder for the files, one a layer; by default where rome edit finds them
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct MergeArgs {
    /// Files of shards of one collection
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Where to write the sum
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Store the upper triangle in f32: a quarter of the size
    #[arg(long)]
    pub(crate) compact: bool,

    #[command(flatten)]
    pub(crate) form: JsonArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ConvertArgs {
    /// A file of statistics, safetensors or the reference's npz
    pub(crate) input: PathBuf,

    /// Where to write it, as .safetensors or .npz
    pub(crate) output: PathBuf,

    /// In safetensors, store the upper triangle in f32: a quarter of the size
    #[arg(long)]
    pub(crate) compact: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// A file of statistics, safetensors or the reference's npz
    pub(crate) file: PathBuf,

    /// Draw what each doubling of the text has changed, as SVG
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
