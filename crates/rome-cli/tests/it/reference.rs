//! kmeng01/rome: same model, request, contexts and C.

use std::collections::BTreeMap;

use fixtures::{MODELS, Reference, ReferenceCase, cosine, norm};
use rome_core::generate::{Decoding, generate};
use rome_core::method::rome::{LayerEdit, LayerProblem};
use rome_core::{CholeskyFactor, Context, HyperParams, Request, RomeConfig, TokenizedRequest, forward};
use rome_models::Pretrained;

use crate::{factor, load};

fn rows(pretrained: &Pretrained, reference: &Reference, case: &ReferenceCase) -> TokenizedRequest {
    let contexts: Vec<Context> = reference.context_templates.iter().cloned().map(Context::Template).collect();
    let request = Request::text(&case.prompt, &case.subject, &case.target_new);
    crate::rows(pretrained.model.as_ref(), &pretrained.tokenizer, &contexts, &request)
}

fn config(pretrained: &Pretrained, reference: &Reference, layer: usize) -> RomeConfig {
    // The dump leaves the layers to each case.
    let hparams: HyperParams = serde_json::from_value(reference.hparams.clone()).unwrap();
    let config = hparams.config(|layer| pretrained.model.weight_name(layer)).unwrap();
    RomeConfig { layers: vec![layer], ..config }
}

fn edit(
    pretrained: &Pretrained,
    reference: &Reference,
    case: &ReferenceCase,
    factors: &mut BTreeMap<usize, CholeskyFactor>,
    model: &str,
) -> LayerEdit {
    let factor = factors.entry(case.layer).or_insert_with(|| factor(model, case.layer));
    let rows = rows(pretrained, reference, case);
    let config = config(pretrained, reference, case.layer);
    LayerProblem {
        model: pretrained.model.as_ref(),
        request: &rows,
        layer: case.layer,
        config: &config,
        factor,
    }
    .solve(&mut ())
    .unwrap()
}

#[test]
fn rows_and_lookup_indices_are_the_same() {
    for model in MODELS {
        let (pretrained, reference) = (load(model), Reference::load(model));
        for case in &reference.cases {
            let rows = rows(&pretrained, &reference, case);
            let tokens: Vec<_> = rows.rows.iter().chain(&rows.kl_rows).map(|row| &row.tokens).collect();
            assert_eq!(tokens, case.rows.iter().collect::<Vec<_>>(), "{model} {}", case.name);
            assert_eq!(rows.lookups(), case.lookup_idxs, "{model} {}", case.name);
            assert_eq!(rows.target, case.target_ids, "{model} {}", case.name);
        }
    }
}

/// Over 20 steps of Adam at a learning rate of 0.5, differences in the last bits of a gradient
/// grow; what is left of them at the end is measured by the cosine of the update.
#[test]
fn every_edit_is_the_same_up_to_the_order_of_sums() {
    for model in MODELS {
        let (mut pretrained, reference) = (load(model), Reference::load(model));
        let mut factors = BTreeMap::new();
        for case in &reference.cases {
            let name = format!("{model} {}", case.name);
            let edit = edit(&pretrained, &reference, case, &mut factors, model);
            assert_eq!(edit.weight, case.weight);
            assert_eq!(edit.losses.len(), case.losses.len(), "{name}");
            for (ours, theirs) in edit.losses.iter().zip(&case.losses).take(3) {
                let relative = (ours.total - theirs[0]).abs() / theirs[0];
                assert!(relative < 1e-3, "{name}: total loss {} and {}", ours.total, theirs[0]);
            }

            let (left, right) = (reference.tensor(case, "left"), reference.tensor(case, "right"));
            // The cosine of two outer products is the product of the cosines.
            let left_cosine = cosine(&edit.update.left, left);
            let right_cosine = cosine(&edit.update.right, right);
            let update_cosine = left_cosine * right_cosine;
            let ratio = edit.update.norm() / (norm(left) * norm(right));
            println!("{name}: left {left_cosine:.7} right {right_cosine:.7} norm {ratio:.6}");
            assert!(update_cosine > 0.9999, "{name}: cosine {update_cosine}");
            assert!((ratio - 1.0).abs() < 0.01, "{name}: norm ratio {ratio}");
            let factor = edit.division.factor / case.division_factor;
            assert!((factor - 1.0).abs() < 1e-3, "{name}: division factor ratio {factor}");

            let original = edit.update.apply(pretrained.model.down_projection_mut(case.layer)).unwrap();
            let n_new = case.greedy_after.len() - case.prompt_ids.len();
            let tokens = generate(
                pretrained.model.as_ref(),
                &case.prompt_ids,
                n_new,
                &pretrained.end_tokens,
                &mut Decoding::Greedy,
            )
            .unwrap();
            original.restore(pretrained.model.down_projection_mut(case.layer));
            assert_eq!(tokens, case.greedy_after, "{name}");
        }
    }
}

#[test]
fn keys_values_and_the_first_step_are_the_same() {
    for model in MODELS {
        let (pretrained, reference) = (load(model), Reference::load(model));
        for case in &reference.cases {
            let name = format!("{model} {}", case.name);
            let rows = rows(&pretrained, &reference, case);
            let capture = rome_core::Capture::new(pretrained.model.as_ref(), &rows, case.layer);
            let capture = &capture.requests[0];
            let n = capture.keys.len() as f32;
            let mean: Vec<f32> = (0..capture.keys[0].len())
                .map(|i| capture.keys.iter().map(|key| key[i]).sum::<f32>() / n)
                .collect();
            let cosines = [
                cosine(&mean, reference.tensor(case, "key_mean")),
                cosine(&capture.clean_key, reference.tensor(case, "key_clean")),
                cosine(&capture.clean_value, reference.tensor(case, "value_clean")),
                cosine(&capture.clean_value, reference.tensor(case, "target_init")),
            ];
            assert!(cosines.iter().all(|&cosine| cosine > 0.999_999), "{name}: {cosines:?}");

            let config = RomeConfig { steps: 2, ..config(&pretrained, &reference, case.layer) };
            let factor = CholeskyFactor::identity(pretrained.model.shape().d_ff);
            let model = pretrained.model.as_ref();
            let edit =
                LayerProblem { model, request: &rows, layer: case.layer, config: &config, factor: &factor }
                    .solve(&mut ())
                    .unwrap();
            // Adam's first step is the sign of the gradient: only signs of gradients near 0 differ.
            let first = cosine(&edit.delta, reference.tensor(case, "delta_step1"));
            assert!(first > 0.9999, "{name}: first step {first}");
        }
    }
}

#[test]
fn logits_after_an_edit_are_the_same() {
    for model in MODELS {
        let (mut pretrained, reference) = (load(model), Reference::load(model));
        for case in &reference.cases {
            let tensor = |name| reference.tensor(case, name).to_vec();
            let update = rome_core::RankOneUpdate { left: tensor("left"), right: tensor("right") };
            let original = update.apply(pretrained.model.down_projection_mut(case.layer)).unwrap();
            let logits = forward::logits(pretrained.model.as_ref(), &case.prompt_ids);
            original.restore(pretrained.model.down_projection_mut(case.layer));
            let logits: Vec<f32> = logits.into_data().try_to_vec().unwrap();
            let worst =
                logits.iter().zip(tensor("logits_after")).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{model} {}: {worst}", case.name);
        }
    }
}
