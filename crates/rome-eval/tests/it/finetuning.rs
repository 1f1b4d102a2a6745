//! Fine-tuning against that of kmeng01/rome, and what it must keep.

use rome_core::method::{FineTuning, FineTuningConfig};
use rome_core::scoring::Answer;
use rome_core::{CausalLm, Editor, Request, Tokenizer};
use serde::Deserialize;

use crate::load;

fn weight(model: &dyn CausalLm, layer: usize) -> Vec<f32> {
    model.block(layer).down_projection().weight().into_data().try_to_vec().unwrap()
}

/// Fine-tuning reads the prompt and its object alone.
fn editor<'a>(
    model: &'a mut dyn CausalLm,
    tokenizer: &'a dyn Tokenizer,
    config: FineTuningConfig,
) -> Editor<'a> {
    let method = Box::new(FineTuning::new(config));
    Editor::with_method(model, tokenizer, method).unwrap().kl_prompts(Vec::new())
}

#[test]
fn it_learns_the_fact_within_bounds_and_is_undone_exactly() {
    for name in fixtures::GPT_MODELS {
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
                let mut editor = editor(pretrained.model.as_mut(), &tokens, config);
                editor.edit(&request, &mut ()).unwrap();
                let after = weight(editor.model(), layer);
                let p_after = Answer::of(editor.model(), &prompt, &target).probability;
                let moved = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                match config.norm_constraint {
                    // The first step of Adam moves every weight by the learning rate.
                    None => assert!(moved > 4e-4 && p_after > 0.9, "{name}, {layer}: {moved} {p_after}"),
                    // Rounded once more.
                    Some(most) => {
                        assert!(moved <= most as f32 * 1.001 && p_after > p_before, "{moved} {p_after}");
                    }
                }
                editor.undo();
                assert_eq!(weight(editor.model(), layer), before);
            }
        }
    }
}

/// The probabilities of the new object after fine-tuning by the reference.
#[derive(Deserialize)]
struct Golden {
    model: String,
    layer: usize,
    norm_constraint: Option<f64>,
    prompt: String,
    subject: String,
    target: String,
    nll: f64,
}

#[test]
fn it_comes_out_as_that_of_the_reference() {
    let json = std::fs::read(fixtures::path("finetuning/reference.json")).unwrap();
    let goldens: Vec<Golden> = serde_json::from_slice(&json).unwrap();
    for name in fixtures::GPT_MODELS {
        let mut pretrained = load(name);
        let tokens = pretrained.tokenizer.clone();
        for golden in goldens.iter().filter(|golden| golden.model == name) {
            let config = FineTuningConfig {
                norm_constraint: golden.norm_constraint,
                ..FineTuningConfig::new(golden.layer)
            };
            let prompt = tokens.encode(&golden.prompt.replace("{}", &golden.subject)).unwrap().ids;
            let target = tokens.encode_continuation(&format!(" {}", golden.target)).unwrap();
            let mut editor = editor(pretrained.model.as_mut(), &tokens, config);
            let request = Request::text(&golden.prompt, &golden.subject, &golden.target);
            editor.edit(&request, &mut ()).unwrap();
            let nll = -Answer::of(editor.model(), &prompt, &target).probability.ln() / target.len() as f64;
            // Adam divides by what rounding makes of small gradients; 1e-5 is seen.
            let difference = (nll - golden.nll).abs();
            assert!(
                difference < 1e-3,
                "{name}, layer {}, {}: {nll} {}",
                golden.layer,
                golden.subject,
                golden.nll
            );
            editor.undo();
        }
    }
}
