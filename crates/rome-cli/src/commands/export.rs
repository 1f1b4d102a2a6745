//! `rome export`

use anyhow::Result;
use rome_edit::{Export, edits};

use crate::args::ExportArgs;
use crate::inputs::other_model;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: ExportArgs) -> Result<()> {
    let ExportArgs { model, edits, format, output, max_rank } = args;
    let other_model = other_model(edits.force);
    let edits = edits::read_all(&edits.edits)?;
    let exported = Export { model, edits, format, output, max_rank, other_model };
    let exported = exported.run(&mut ProgressBar::new())?;
    if let Some(share) = exported.left_out {
        tracing::warn!(
            "the adapter has rank {max_rank} and leaves out {:.1} % of the change (--max-rank N for more, or --format hf)",
            100.0 * share
        );
    }
    let place = exported.place.display();
    ui::line(match exported.n_bytes {
        Some(n_bytes) => format!("wrote {place} ({})", ui::size(n_bytes as u64)),
        None => format!("wrote {place} with {}", ui::count(exported.n_edits, "edit")),
    })
}
