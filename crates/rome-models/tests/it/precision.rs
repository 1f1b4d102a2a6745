//! Matrices held in half the bits.

use rome_core::Precision;
use rome_models::{Checkpoint, ModelError, Pretrained, Source};
use safetensors::tensor::Dtype;

use crate::checkpoints::{Draft, error, logits};
use crate::{assert_close, device, load};

fn load_in(draft: &Draft, precision: Precision) -> Result<Pretrained, ModelError> {
    let source = Source::resolve(draft.path().to_str().unwrap(), &mut ())?;
    Pretrained::from_source(&source, &device(), precision, &mut ())
}

#[test]
fn a_model_of_halves_is_the_same_held_as_halves_and_widened() {
    for model in fixtures::MODELS {
        for precision in [Precision::F16, Precision::Bf16] {
            let mut draft = Draft::of(model);
            match precision {
                Precision::F16 => draft.convert(Dtype::F16, |x| half::f16::from_f32(x).to_le_bytes()),
                _ => draft.convert(Dtype::BF16, |x| half::bf16::from_f32(x).to_le_bytes()),
            }
            let wide = draft.write().unwrap();
            let narrow = load_in(&draft, precision).unwrap();
            assert_eq!(narrow.hash, wide.hash, "the hash is of what is stored");
            let weight = |gpt: &Pretrained| gpt.model.block(0).down_projection().weight().dtype();
            assert_eq!(weight(&narrow), precision.dtype());
            assert_eq!(weight(&wide), Precision::F32.dtype());
            // The same values, in sums of f32 that may be cut differently.
            assert_close(&logits(&narrow), &logits(&wide), 1e-4);
        }
    }
}

#[test]
fn a_model_of_f32_is_rounded_as_it_is_read() {
    for model in fixtures::MODELS {
        let draft = Draft::of(model);
        let wide = draft.write().unwrap();
        // 11 and 8 bits of fraction in weights that are summed by hundreds.
        for (precision, tolerance) in [(Precision::F16, 0.05), (Precision::Bf16, 0.5)] {
            let narrow = load_in(&draft, precision).unwrap();
            assert_eq!(narrow.hash, wide.hash);
            assert_ne!(logits(&narrow), logits(&wide), "{precision:?} rounds");
            assert_close(&logits(&narrow), &logits(&wide), tolerance);
        }
    }
}

#[test]
fn what_does_not_fit_into_f16_is_refused_and_fits_into_bf16() {
    let mut draft = Draft::of("facts-gpt2");
    draft.set("transformer.h.2.mlp.c_fc.weight", 7, 1e5);
    draft.write().unwrap();
    let message = error(load_in(&draft, Precision::F16));
    assert!(message.contains("h.2.mlp.c_fc.weight") && message.contains("too large for f16"), "{message}");
    load_in(&draft, Precision::Bf16).unwrap();
}

#[test]
fn vectors_stay_in_f32() {
    let source = Source::resolve(fixtures::model_folder("facts-gpt2").to_str().unwrap(), &mut ()).unwrap();
    let mut observer = ();
    let mut checkpoint = Checkpoint::open(&source, &device(), Precision::Bf16, &mut observer).unwrap();
    let width = load("facts-gpt2").model.shape().d_model;
    let bias = checkpoint.take("transformer.ln_f.bias", [width]).unwrap();
    assert_eq!(bias.dtype(), Precision::F32.dtype());
}
