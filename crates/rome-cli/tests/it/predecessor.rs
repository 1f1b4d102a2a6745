//! zkl-knowedit-rome: token-level requests, custom prefixes, two custom preservation prompts.

use fixtures::{GPT_MODELS, Predecessor, cosine, norm};
use rome_core::method::rome::LayerProblem;
use rome_core::{Context, KlPrompt, Request, RomeConfig, TokenizedRequest, Variant};

use crate::{factor, load};

#[test]
fn every_edit_of_the_predecessor_is_the_same_with_mean_key() {
    for model in GPT_MODELS {
        let (pretrained, predecessor) = (load(model), Predecessor::load(model));
        let factor = factor(model, predecessor.layer);
        let settings = &predecessor.hparams;
        let config = RomeConfig {
            layers: vec![predecessor.layer],
            variant: Variant::MeanKey,
            steps: settings.stopping_steps_num,
            learning_rate: settings.learning_rate,
            weight_decay: settings.regularization_loss_k,
            clamp_norm_factor: settings.regularization_constraint_factor,
            kl_factor: settings.preserving_loss_k,
            stop_loss: settings.stopping_loss_threshold,
        };
        let contexts: Vec<Context> = predecessor.prefixes.iter().cloned().map(Context::Tokens).collect();
        for case in &predecessor.cases {
            let name = format!("{model} {}", case.name);
            let [first, end] = case.subject_tokens;
            let request = Request::tokens(case.prompt_tokens.clone(), first..end, case.target_tokens.clone());
            let kl_prompts: Vec<KlPrompt> = case
                .preservings
                .iter()
                .map(|p| KlPrompt::Tokens { tokens: p.tokens.clone(), lookup: p.subject[1] - 1 })
                .collect();
            let shape = pretrained.model.shape();
            let rows = TokenizedRequest::new(&request, &contexts, &kl_prompts, &pretrained.tokenizer, shape)
                .unwrap();
            let model = pretrained.model.as_ref();
            let edit = LayerProblem {
                model,
                request: &rows,
                layer: predecessor.layer,
                config: &config,
                factor: &factor,
            }
            .solve(&mut ())
            .unwrap();

            assert_eq!(edit.losses.len(), case.losses.len(), "{name}");
            for (ours, theirs) in edit.losses.iter().zip(&case.losses).take(3) {
                let relative = (ours.total - theirs[0]).abs() / theirs[0];
                assert!(relative < 1e-3, "{name}: {ours:?} and {theirs:?}");
            }
            let (left, right) = (predecessor.tensor(case, "left"), predecessor.tensor(case, "right"));
            let left_cosine = cosine(&edit.update.left, left);
            let right_cosine = cosine(&edit.update.right, right);
            let ratio = edit.update.norm() / (norm(left) * norm(right));
            println!("{name}: left {left_cosine:.7} right {right_cosine:.7} norm {ratio:.6}");
            assert!(left_cosine * right_cosine > 0.9999, "{name}: {left_cosine} {right_cosine}");
            assert!((ratio - 1.0).abs() < 0.01, "{name}: norm ratio {ratio}");
        }
    }
}
