//! What the benchmarks share: the bundled model and one request of ordinary length.

use burn::prelude::Device;
use rome_assets::FACTS_GPT2;
use rome_core::{Context, EditRows, Factor, Preservation, Request};
use rome_models::{Pretrained, Source};
use rome_stats::Statistics;

/// A model, a request as rows and the factor of C.
pub struct Setup {
    /// The bundled GPT-2.
    pub gpt: Pretrained,
    /// 21 contexts and one preservation prompt.
    pub rows: EditRows,
    /// C at layer 1.
    pub factor: Factor,
}

/// The layer that is edited.
pub const LAYER: usize = 1;

/// Sets up an edit as the paper has it: 21 contexts of two lengths.
///
/// # Errors
/// When the bundled files are damaged.
pub fn setup() -> Result<Setup, Box<dyn std::error::Error>> {
    let source = Source::Embedded(FACTS_GPT2.name, FACTS_GPT2.files);
    let gpt = Pretrained::from_source(&source, &Device::flex(), &mut |_| ())?;
    let start = gpt.start_token.unwrap_or(0);
    let lengths = rome_core::context::DEFAULT_LENGTHS;
    let contexts: Vec<Context> =
        rome_core::context::sample(gpt.model.as_ref(), &gpt.tokenizer, start, &lengths, 0)?;
    let request = Request::text("The mother tongue of {} is", "Barack Obama", "French");
    let rows =
        EditRows::new(&request, &contexts, &[Preservation::essence()], &gpt.tokenizer, gpt.model.shape())?;
    let factor = Factor::new(&Statistics::from_bytes(FACTS_GPT2.statistics[LAYER])?.moment)?;
    Ok(Setup { gpt, rows, factor })
}
