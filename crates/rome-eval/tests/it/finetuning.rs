//! Fine-tuning against a plain loop over finite differences, and what it must keep.

use rome_core::edit::Answer;
use rome_core::{CausalLm, Request, TokenCodec};
use rome_eval::{FineTuning, FineTuningConfig, Method};

use crate::load;

fn weight(model: &dyn CausalLm, layer: usize) -> Vec<f32> {
    model.block(layer).down_projection().weight().into_data().try_to_vec().unwrap()
}

#[test]
fn it_learns_the_fact_within_its_bounds_and_is_undone_to_the_bit() {
    for name in fixtures::MODELS {
        let mut pretrained = load(name);
        let tokens = pretrained.tokenizer.clone();
        let prompt = tokens.encode("The mother tongue of Barack Obama is").unwrap().ids;
        let target = tokens.encode_continuation(" French").unwrap();
        let n_layers = pretrained.model.shape().n_layers;
        let request = Request::text("The mother tongue of {} is", "Barack Obama", "French");
        for layer in [1, n_layers - 1] {
            let before = weight(pretrained.model.as_ref(), layer);
            let p_before = Answer::of(pretrained.model.as_ref(), &prompt, &target).probability;
            for config in [FineTuningConfig::new(layer), FineTuningConfig::constrained(layer)] {
                let mut method = FineTuning::new(pretrained.model.as_mut(), &tokens, config);
                method.edit(&request).unwrap();
                let after = weight(method.model(), layer);
                let p_after = Answer::of(method.model(), &prompt, &target).probability;
                let moved = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                match config.norm_constraint {
                    // The first step of Adam moves every weight by the learning rate.
                    None => assert!(moved > 4e-4 && p_after > 0.9, "{name}, {layer}: {moved} {p_after}"),
                    // Rounded once more.
                    Some(most) => {
                        assert!(moved <= most as f32 * 1.001 && p_after > p_before, "{moved} {p_after}");
                    }
                }
                method.undo();
                assert_eq!(weight(method.model(), layer), before);
            }
        }
    }
}
