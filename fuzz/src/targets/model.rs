//! Models of a handful of weights.

use anyhow::Result;
use rome_models::Source;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::{Files, Outcome};

const D: usize = 4;
const VOCAB: [&str; 12] = ["a", "b", "c", "t", "h", "e", "Ġ", "th", "the", "Ġthe", "ab", "<|endoftext|>"];

/// A folder of GPT-2.
pub(super) fn gpt2() -> Result<Files> {
    let block = [
        ("ln_1.weight", vec![D]),
        ("ln_1.bias", vec![D]),
        ("ln_2.weight", vec![D]),
        ("ln_2.bias", vec![D]),
        ("attn.c_attn.weight", vec![D, 3 * D]),
        ("attn.c_attn.bias", vec![3 * D]),
        ("attn.c_proj.weight", vec![D, D]),
        ("attn.c_proj.bias", vec![D]),
        ("mlp.c_fc.weight", vec![D, 4 * D]),
        ("mlp.c_fc.bias", vec![4 * D]),
        ("mlp.c_proj.weight", vec![4 * D, D]),
        ("mlp.c_proj.bias", vec![D]),
    ];
    let others = [("wpe.weight", vec![8, D])];
    model(json!({ "model_type": "gpt2" }), &block, &others, &[])
}

/// A folder of GPT-J.
pub(super) fn gptj() -> Result<Files> {
    let block = [
        ("ln_1.weight", vec![D]),
        ("ln_1.bias", vec![D]),
        ("attn.q_proj.weight", vec![D, D]),
        ("attn.k_proj.weight", vec![D, D]),
        ("attn.v_proj.weight", vec![D, D]),
        ("attn.out_proj.weight", vec![D, D]),
        ("mlp.fc_in.weight", vec![4 * D, D]),
        ("mlp.fc_in.bias", vec![4 * D]),
        ("mlp.fc_out.weight", vec![D, 4 * D]),
        ("mlp.fc_out.bias", vec![D]),
    ];
    let head = [("lm_head.weight", vec![VOCAB.len(), D]), ("lm_head.bias", vec![VOCAB.len()])];
    let config = json!({ "model_type": "gptj", "rotary_dim": 2, "tie_word_embeddings": false });
    model(config, &block, &[], &head)
}

type Shapes<'a> = &'a [(&'a str, Vec<usize>)];

fn model(family: Value, block: Shapes<'_>, others: Shapes<'_>, head: Shapes<'_>) -> Result<Files> {
    let mut config = json!({
        "vocab_size": VOCAB.len(), "n_positions": 8, "n_embd": D, "n_layer": 2, "n_head": 2,
        "bos_token_id": 11, "eos_token_id": 11, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
    });
    if let (Some(config), Value::Object(family)) = (config.as_object_mut(), family) {
        config.extend(family);
    }
    let mut shapes = vec![("transformer.wte.weight".to_owned(), vec![VOCAB.len(), D])];
    for layer in 0..2 {
        let named =
            |(name, shape): &(&str, Vec<usize>)| (format!("transformer.h.{layer}.{name}"), shape.clone());
        shapes.extend(block.iter().map(named));
    }
    for name in ["ln_f.weight", "ln_f.bias"] {
        shapes.push((format!("transformer.{name}"), vec![D]));
    }
    shapes.extend(others.iter().map(|(name, shape)| (format!("transformer.{name}"), shape.clone())));
    shapes.extend(head.iter().map(|(name, shape)| ((*name).to_owned(), shape.clone())));
    Ok(tokenizer().with("config.json", config.to_string()).with("model.safetensors", weights(&shapes)?))
}

/// Tensors of small values, as safetensors.
pub(super) fn weights(shapes: &[(String, Vec<usize>)]) -> Result<Vec<u8>> {
    let bytes = |shape: &[usize]| -> Vec<u8> {
        let values = 0..shape.iter().product::<usize>();
        values.flat_map(|index| (((index * 7) % 13) as f32 / 13.0 - 0.4).to_le_bytes()).collect()
    };
    let bytes: Vec<Vec<u8>> = shapes.iter().map(|(_, shape)| bytes(shape)).collect();
    let views = shapes.iter().zip(&bytes).map(|((name, shape), bytes)| {
        Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?))
    });
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    Ok(safetensors::serialize(views.collect::<Result<Vec<_>>>()?, Some(metadata))?)
}

/// A tokenizer of a few letters, in the two files of GPT-2.
pub(super) fn tokenizer() -> Files {
    let vocab: serde_json::Map<String, Value> =
        VOCAB.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id.into())).collect();
    Files::one("vocab.json", Value::Object(vocab).to_string())
        .with("merges.txt", "#version: 0.2\nt h\nth e\nĠ the\na b\n")
}

/// Does something with the folder of an input.
pub(super) fn in_folder(files: &Files, read: impl FnOnce(&Source) -> Outcome) -> Outcome {
    match files.folder() {
        Ok(folder) => read(&Source::Folder(folder.path().to_owned())),
        // Names are those of seeds, so it is the machine that fails.
        Err(error) => Outcome::Broken(format!("no folder: {error}")),
    }
}
