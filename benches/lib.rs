//! Models of named sizes and one request of ordinary length, which the benchmarks share.

use std::path::Path;

use fixtures::random::Shape;
use rome_assets::FACTS_GPT2;
use rome_core::{Context, KlPrompt, Precision, Request, TokenizedRequest};
use rome_models::{Pretrained, Source};

/// The allocator of `rome`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A model to measure on.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// The name of the model.
    pub name: &'static str,
    /// Random weights of this shape, or the bundled GPT-2.
    pub shape: Option<Shape>,
    /// The layer that is edited.
    pub layer: usize,
}

/// The small bundled model, and blocks of the published sizes: as many as there is memory for.
pub const SIZES: [Size; 4] = [
    Size { name: "facts-gpt2", shape: None, layer: 1 },
    Size { name: "gpt2-4-blocks", shape: Some(Shape::GPT2.cut("gpt2-4-blocks", 4)), layer: 1 },
    Size { name: "gpt2-xl-4-blocks", shape: Some(Shape::GPT2_XL.cut("gpt2-xl-4-blocks", 4)), layer: 1 },
    Size { name: "gpt-j-2-blocks", shape: Some(Shape::GPTJ.cut("gpt-j-2-blocks", 2)), layer: 0 },
];

/// A model and a request as rows.
pub struct Setup {
    /// The model.
    pub gpt: Pretrained,
    /// 21 contexts and one preservation prompt.
    pub rows: TokenizedRequest,
}

impl Size {
    /// Loads the model, which is made under `folder` if it has random weights, and sets up an edit
    /// with the contexts of the reference.
    ///
    /// # Errors
    /// When the model cannot be written or read.
    pub fn setup(&self, folder: &Path) -> Result<Setup, Box<dyn std::error::Error>> {
        let gpt = match self.shape {
            None => {
                let source = Source::Embedded(FACTS_GPT2.name, FACTS_GPT2.files);
                Pretrained::from_source(&source, &fixtures::device(), Precision::F32, &mut ())?
            }
            Some(shape) => {
                Pretrained::load(&shape.model(folder)?.display().to_string(), &fixtures::device())?
            }
        };
        let templates = fixtures::Reference::load("facts-gpt2").context_templates;
        let contexts: Vec<Context> = templates.into_iter().map(Context::Template).collect();
        let request = Request::text("The mother tongue of {} is", "Barack Obama", "French");
        let kl_prompts = [KlPrompt::essence()];
        let rows =
            TokenizedRequest::new(&request, &contexts, &kl_prompts, &gpt.tokenizer, gpt.model.shape())?;
        Ok(Setup { gpt, rows })
    }
}
