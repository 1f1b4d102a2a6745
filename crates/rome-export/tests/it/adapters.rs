//! Adapters: what PEFT computes of their matrices is ΔW.

use rome_core::{EditEntry, EditFile, EditPart, EditRecord, ModelHash, RankOneUpdate, WeightUpdate};
use rome_export::adapter::MAX_RANK;
use rome_export::{Adapter, arrays};
use rome_models::config::Config;
use rome_models::layout::Layout;
use safetensors::SafeTensors;

use super::{config, edits};

#[test]
fn b_times_a_is_the_sum_of_the_edits_at_each_weight() {
    for (name, layout) in [("facts-gpt2", Layout::InputFirst), ("facts-gptj", Layout::OutputFirst)] {
        let edits = edits(name, &[1, 4, 1]);
        let adapter = Adapter::new(&edits, &config(name), name, MAX_RANK).unwrap();
        assert_eq!((&adapter.config["r"], &adapter.config["lora_alpha"]), (&2.into(), &2.into()));
        assert_eq!(adapter.config["fan_in_fan_out"], layout == Layout::InputFirst);
        let tensors = SafeTensors::deserialize(&adapter.weights).unwrap();
        let values = |name: &str| -> (Vec<usize>, Vec<f32>) {
            let view = tensors.tensor(name).unwrap();
            let values = view.data().chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
            (view.shape().to_vec(), values.collect())
        };
        for (weight, updates) in edits.updates() {
            let module = weight.strip_suffix(".weight").unwrap();
            assert!(adapter.config["target_modules"].as_array().unwrap().contains(&module.into()));
            let (a_shape, a) = values(&format!("base_model.model.{module}.lora_A.weight"));
            let (b_shape, b) = values(&format!("base_model.model.{module}.lora_B.weight"));
            let [d_input, d_output] = updates[0].sizes().unwrap();
            assert_eq!((a_shape, b_shape), (vec![2, d_input], vec![d_output, 2]));
            for (output, input) in [(0, 0), (3, 100), (d_output - 1, d_input - 1), (7, 7)] {
                let found = b[output * 2] * a[input] + b[output * 2 + 1] * a[d_input + input];
                let expected: f32 =
                    updates.iter().flat_map(|u| u.terms()).map(|u| u.left[input] * u.right[output]).sum();
                // Two products, added in either order.
                assert!((found - expected).abs() < 1e-6, "{weight} [{output}, {input}]: {found} {expected}");
            }
        }
    }
}

#[test]
fn an_edit_of_gpt2_xl_is_small_as_an_adapter() {
    let mut part = EditPart::new(EditRecord::imported("test", ModelHash::new("hash"), "test"));
    let update = RankOneUpdate { left: vec![0.01; 6400], right: vec![1.0; 1600] };
    part.push(EditEntry::imported("transformer.h.17.mlp.c_proj.weight", 17, 0.1), update);
    let edits = EditFile::from(part);
    let config = br#"{"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_embd": 1600,
        "n_layer": 48, "n_head": 25}"#;
    let config = Config::parse(config).unwrap();
    let adapter = Adapter::new(&edits, &config, "openai-community/gpt2-xl", MAX_RANK).unwrap();
    let small = adapter.weights.len() + adapter.config.to_string().len();
    let large = arrays::dense(&edits, &config).unwrap().len();
    println!("adapter {small} bytes, difference {large} bytes");
    assert!(small <= 40_000 && large > 40_000_000);
}

#[test]
fn edits_that_do_not_fit_the_model_are_refused_in_every_form() {
    let none = EditFile { parts: Vec::new() };
    let other = edits("facts-gptj", &[1]);
    // Of the right name, and of no size that could be meant; the second one shorter than the first.
    let mut uneven = edits("facts-gpt2", &[1, 1]);
    let WeightUpdate::LowRank(terms) = &mut uneven.parts[0].updates[1] else { unreachable!() };
    terms[0].right.truncate(3);
    let mut huge = edits("facts-gpt2", &[1]);
    huge.parts[0].updates[0] =
        RankOneUpdate { left: vec![1.0; 1_000_000], right: vec![1.0; 1_000_000] }.into();
    let config = config("facts-gpt2");
    for edits in [none, other, uneven, huge] {
        assert!(Adapter::new(&edits, &config, "x", MAX_RANK).is_err());
        assert!(arrays::npz(&edits, &config).is_err());
        assert!(arrays::dense(&edits, &config).is_err());
    }
}
