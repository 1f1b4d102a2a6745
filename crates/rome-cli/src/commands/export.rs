//! `rome export`

use anyhow::Result;
use rome_edit::{Export, edits};

use crate::args::ExportArgs;
use crate::inputs::other_model;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: ExportArgs) -> Result<()> {
    let ExportArgs { model, edits, format, output } = args;
    let other_model = other_model(edits.force);
    let edits = edits::read_all(&edits.edits)?;
    let exported = Export { model, edits, format, output, other_model }.run(&mut ProgressBar::new())?;
    let place = exported.place.display();
    ui::line(match exported.n_bytes {
        Some(n_bytes) => format!("wrote {place} ({})", ui::size(n_bytes as u64)),
        None => format!("wrote {place} with {}", ui::count(exported.n_edits, "edit")),
    })
}
