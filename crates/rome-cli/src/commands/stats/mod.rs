//! `rome stats …`

mod collect;
mod files;

use anyhow::Result;

use crate::args::StatsCommand;

pub(crate) fn run(command: StatsCommand) -> Result<()> {
    match command {
        StatsCommand::Collect(args) => collect::run(args),
        StatsCommand::Convert(args) => files::convert(args),
        #[cfg(feature = "hub")]
        StatsCommand::Fetch(args) => files::fetch(args),
        StatsCommand::Merge(args) => files::merge(args),
        StatsCommand::Show(args) => files::show(args),
    }
}
