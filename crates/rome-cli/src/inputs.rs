//! What edits are computed over, as arguments name it.

use anyhow::Result;
use rome_session::Inputs;

use crate::args::InputsArgs;
use crate::commands::edit::requests::read_json;
use crate::statistics;

pub(crate) fn inputs(args: &InputsArgs) -> Result<Inputs> {
    Ok(Inputs {
        contexts: args.contexts.as_deref().map(read_json).transpose()?,
        preservations: match &args.preserve {
            Some(path) => read_json(path)?,
            None => Inputs::default().preservations,
        },
        seed: args.seed,
        statistics: statistics::given(args.stats.as_deref()),
    })
}
