//! `rome stats collect`

use std::ops::ControlFlow;

use anyhow::Result;
use rome_edit::statistics::TextTaken;
use rome_edit::{Collect, Event, Observer};
use serde_json::json;

use crate::args::{CollectArgs, sum_format};
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: CollectArgs) -> Result<()> {
    let CollectArgs { model, layers, text, field, pack, shard, limit, until, plot, .. } = args;
    let CollectArgs { resume, save_every, output, compact, json, .. } = args;
    let format = sum_format(compact);
    let collect =
        Collect { text, field, layers, output, shard, resume, save_every, limit, until, pack, format, plot };
    collect.check()?;
    let mut observer = Saves { bar: ProgressBar::new(), json };
    let collection = collect.run(&model.load(&mut observer)?, &mut observer)?;
    drop(observer);
    if json {
        return ui::json(&collection);
    }
    let TextTaken { all, cut } = collection.text_taken;
    if 2 * cut > all {
        let share = ui::percent(cut as f64 / all as f64);
        tracing::warn!(
            "{share} of the text was cut away, beyond the model's context: --pack takes all of it"
        );
    }
    ui::line(format!(
        "{} tokens of {} at layers {:?}, {:.0} tokens a second",
        collection.tokens,
        ui::count(collection.documents as usize, "document"),
        collection.layers,
        collection.tokens_per_second
    ))?;
    if let Some(last) = collection.convergence {
        ui::line(format!(
            "the last doubling of the text changed C by {} and directions C⁻¹k by {}",
            ui::percent(last.second_moment.into()),
            ui::percent(last.direction.into())
        ))?;
    }
    collection.files.iter().try_for_each(|file| ui::line(file.path.display().to_string()))
}

/// A progress bar, and with `--json` an object for each time that the collection is saved.
struct Saves {
    bar: ProgressBar,
    json: bool,
}

impl Observer for Saves {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        if let Event::Saved { path, documents, tokens, tokens_per_second, convergence } = event
            && self.json
        {
            let line = json!({
                "saved": path, "tokens": tokens, "documents": documents,
                "tokens_per_second": tokens_per_second, "change": convergence,
            });
            // Where this cannot be printed, the object at the end cannot either, and that is told.
            let _ = ui::json(&line);
        }
        self.bar.event(event)
    }
}
