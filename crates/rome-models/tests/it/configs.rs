//! Fields of configurations in every form that transformers takes.

use burn::prelude::*;
use burn::tensor::TensorData;
use rome_core::Recorded;
use rome_models::activation::Activation;
use serde_json::{Value, json};

use crate::checkpoints::{Draft, error, logits};
use crate::{assert_close, device, host, load};

fn draft(fields: &[(&str, Value)]) -> Draft {
    let mut draft = Draft::of("facts-gpt2");
    fields.iter().for_each(|(name, value)| draft.config[*name] = value.clone());
    draft
}

/// ai-dynamo/dynamo#3192, smg-project/smg#1122
#[test]
fn end_tokens_are_one_or_several_or_none() {
    let tokens = |draft: Draft| {
        let model = draft.write().unwrap();
        (model.start_token, model.end_tokens)
    };
    assert_eq!(tokens(draft(&[("eos_token_id", json!([0, 1540]))])), (Some(0), vec![0, 1540]));
    assert_eq!(tokens(draft(&[("bos_token_id", json!(-1)), ("eos_token_id", Value::Null)])), (None, vec![]));
    let with_file = draft(&[]);
    std::fs::write(with_file.path().join("generation_config.json"), r#"{"eos_token_id": [1540, 50256]}"#)
        .unwrap();
    assert_eq!(
        tokens(with_file),
        (Some(0), vec![0, 1540]),
        "both files count, for tokens that the model has"
    );
}

#[test]
fn fields_may_have_the_names_that_all_families_share() {
    let mut draft = draft(&[]);
    let fields = draft.config.as_object_mut().unwrap();
    for (own, general) in [
        ("n_embd", "hidden_size"),
        ("n_layer", "num_hidden_layers"),
        ("n_head", "num_attention_heads"),
        ("n_positions", "max_position_embeddings"),
    ] {
        let value = fields.remove(own).unwrap();
        fields.insert(general.to_owned(), value);
    }
    assert_eq!(logits(&draft.write().unwrap()), logits(&load("facts-gpt2")));
}

#[test]
fn a_field_that_makes_no_sense_is_not_blamed_on_the_family() {
    let mut draft = draft(&[("n_embd", json!("wide"))]);
    assert!(error(draft.write()).contains("wide"));
    draft.config["model_type"] = json!("bert");
    assert!(error(draft.write()).contains("\"bert\" is not supported"));
}

#[test]
fn activations_are_those_that_their_names_mean() {
    let values: Vec<f32> = (-40..=40).map(|i| i as f32 / 8.0).collect();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let tanh_form = |x: f64| 0.5 * x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x * x * x)).tanh());
    let cases: [(&str, &dyn Fn(f64) -> f64); 4] = [
        ("gelu_fast", &tanh_form),
        ("quick_gelu", &|x| x * sigmoid(1.702 * x)),
        ("silu", &|x| x * sigmoid(x)),
        ("swish", &|x| x * sigmoid(x)),
    ];
    for (name, expected) in cases {
        let activation: Activation = Activation::by_name(name).unwrap();
        let x: Tensor<2> = Tensor::from_data(TensorData::new(values.clone(), [1, values.len()]), &device());
        let plain = host(activation.forward(Recorded::from(x.clone())).into_value());
        let of = |f: &dyn Fn(f64) -> f64| values.iter().map(|&x| f(x.into()) as f32).collect::<Vec<_>>();
        // Both round an exponential to f32.
        assert_close(&plain, &of(expected), 1e-5);
    }
}
