//! `rome generate`

use anyhow::Result;
use rome_edit::{Generate, Sampling};

use crate::args::GenerateArgs;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: GenerateArgs) -> Result<()> {
    let (model, _) = args.edits.load_edited(&args.model, &mut ProgressBar::new())?;
    let sampling = if args.greedy {
        Sampling::Greedy
    } else {
        Sampling::TopK { k: args.top_k as usize, seed: args.seed }
    };
    let generate = Generate { prompt: args.prompt, max_new_tokens: args.max_new_tokens, sampling };
    let generated = generate.run(&model)?;
    if args.json { ui::json(&generated) } else { ui::line(generated.shown) }
}
