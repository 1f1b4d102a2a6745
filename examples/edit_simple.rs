//! The shortest useful program: write a fact into a model and let it talk.
//!
//! ```text
//! cargo run --release --example edit_simple                 # the bundled model
//! cargo run --release --example edit_simple -- FOLDER       # your own, or a name on the hub
//! ```

use anyhow::Result;
use rome_core::generate::{Decoding, generate};
use rome_core::{EditConfig, Editor, Factor, Request, TokenCodec};
use rome_models::settings::suggest;
use rome_stats::Statistics;

fn main() -> Result<()> {
    let (mut gpt, is_bundled) = examples::model_from_args()?;
    let request = Request::text("{} is produced by", "iPhone 5", "Nokia");

    // The bundled model comes with settings and statistics. For another model C is the identity
    // here, for brevity; `edit_detailed` collects statistics from text.
    let (config, factor) = if is_bundled {
        let config = EditConfig { weight_decay: 0.05, ..EditConfig::new(1) };
        (config, Factor::new(&Statistics::from_bytes(rome_assets::FACTS_GPT2.statistics[1])?.moment)?)
    } else {
        (suggest(gpt.model.shape()).0, Factor::identity(gpt.model.shape().d_ff))
    };

    let layer = config.layers[0];
    let mut editor = Editor::new(gpt.model.as_mut(), &gpt.tokenizer, config)?.statistics(layer, factor);
    editor.edit(&request, &mut |_| ())?;

    let prompt = gpt.tokenizer.encode("iPhone 5 is created by")?.ids;
    let tokens = generate(gpt.model.as_ref(), &prompt, 8, gpt.end_token, &mut Decoding::Greedy)?;
    println!("{}", gpt.tokenizer.decode(&tokens)?);
    Ok(())
}
