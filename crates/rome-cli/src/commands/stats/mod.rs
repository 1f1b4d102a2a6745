//! `rome stats`

mod collect;
mod convert;
mod fetch;
mod merge;
mod save_every;
mod selection;
mod show;

use anyhow::Result;

pub(crate) use selection::parse_layers;

use crate::args::{StatsArgs, StatsCommand};
use crate::error::Outcome;

pub(crate) fn run(args: StatsArgs) -> Result<Outcome> {
    match args.command {
        StatsCommand::Collect(args) => collect::run(args),
        StatsCommand::Convert(args) => convert::run(args),
        StatsCommand::Fetch(args) => fetch::run(args),
        StatsCommand::Merge(args) => merge::run(args),
        StatsCommand::Show(args) => show::run(args),
    }
}
