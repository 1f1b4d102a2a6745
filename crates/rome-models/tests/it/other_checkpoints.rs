//! Checkpoints as other tools save them: one head for two names, heads for other tasks, wrappers, and what is no
//! checkpoint to edit.

use rome_models::{CheckpointFiles, ModelError, Source};
use safetensors::tensor::Dtype;
use serde_json::json;

use crate::checkpoints::{Draft, error, logits};
use crate::load;

const HEAD: &str = "lm_head.weight";
const EMBEDDINGS: &str = "transformer.wte.weight";

/// The embeddings with their rows moved by one.
fn other_head(draft: &mut Draft) {
    let (dtype, shape, bytes) = draft.tensors[EMBEDDINGS].clone();
    let row = bytes.len() / shape[0];
    let moved = [&bytes[bytes.len() - row..], &bytes[..bytes.len() - row]].concat();
    draft.tensors.insert(HEAD.to_owned(), (dtype, shape, moved));
}

/// Transformers 5 takes it for the head (huggingface/transformers#42612), and transformers 4 does not.
#[test]
fn another_head_of_a_tied_model_is_refused() {
    let mut draft = Draft::of("facts-gpt2");
    other_head(&mut draft);
    draft.config["tie_word_embeddings"] = true.into();
    let refused = error(draft.write());
    assert!(refused.contains(HEAD) && refused.contains(EMBEDDINGS), "{refused}");
    draft.config["tie_word_embeddings"] = false.into();
    assert_ne!(draft.write().unwrap().hash, load("facts-gpt2").hash, "the head is a part of the model");
}

#[test]
fn a_head_that_is_the_embeddings_is_not_told() {
    let mut draft = Draft::of("facts-gpt2");
    let embeddings = draft.tensors[EMBEDDINGS].clone();
    draft.tensors.insert(HEAD.to_owned(), embeddings);
    assert_eq!(draft.write().unwrap().hash, load("facts-gpt2").hash);
    assert_eq!(CheckpointFiles::open(&Source::Folder(draft.path().to_owned())).unwrap().notes, [""; 0]);
}

/// safetensors' `save_model` keeps one of two names (huggingface/transformers#38870).
#[test]
fn a_tied_model_may_be_saved_under_the_name_of_its_head() {
    let mut draft = Draft::of("facts-gpt2");
    draft.rename(|name| if name == EMBEDDINGS { HEAD.to_owned() } else { name.to_owned() });
    let (model, whole) = (draft.write().unwrap(), load("facts-gpt2"));
    assert_eq!((logits(&model), model.hash), (logits(&whole), whole.hash));
}

/// huggingface/trl#86, huggingface/transformers#22719
#[test]
fn heads_for_other_tasks_are_named_and_not_used() {
    for head in ["v_head.summary", "multiple_choice_head.summary", "transformer.score"] {
        let mut draft = Draft::of("facts-gpt2");
        draft.tensors.insert(format!("{head}.weight"), (Dtype::F32, vec![1, 192], vec![0; 768]));
        assert_eq!(draft.write().unwrap().hash, load("facts-gpt2").hash);
        let files = CheckpointFiles::open(&Source::Folder(draft.path().to_owned())).unwrap();
        assert!(files.notes[0].contains(&format!("{head}.weight")), "{:?}", files.notes);
    }
    let mut draft = Draft::of("facts-gpt2");
    draft.tensors.insert("transformer.h.1.extra".to_owned(), (Dtype::F32, vec![1], vec![0; 4]));
    assert!(error(draft.write()).contains("transformer.h.1.extra"), "what is inside of the model counts");
}

/// microsoft/dp-transformers#33, CarperAI/trlx#600
#[test]
fn the_prefix_of_a_wrapper_is_taken_off() {
    for wrapper in ["module.", "_module.", "_orig_mod.", "base_model."] {
        let mut draft = Draft::of("facts-gptj");
        draft.rename(|name| format!("{wrapper}{name}"));
        let (model, whole) = (draft.write().unwrap(), load("facts-gptj"));
        assert_eq!((logits(&model), model.hash), (logits(&whole), whole.hash), "{wrapper}");
    }
}

#[test]
fn a_missing_tensor_is_named_with_those_that_have_no_place() {
    let mut draft = Draft::of("facts-gpt2");
    draft.rename(|name| name.replace("transformer.wte", "wrapped.wte"));
    let message = error(draft.write());
    assert!(message.contains(EMBEDDINGS) && message.contains("transformer.wrapped.wte.weight"), "{message}");
}

/// ollama/ollama#6357
#[test]
fn a_quantized_checkpoint_is_called_that() {
    let mut draft = Draft::of("facts-gpt2");
    let weight = draft.tensors.get_mut("transformer.h.0.mlp.c_fc.weight").unwrap();
    *weight = (Dtype::I8, weight.1.clone(), vec![1; weight.2.len() / 4]);
    assert!(error(draft.write()).contains("quantized (transformer.h.0.mlp.c_fc.weight is I8)"));
    draft.config["quantization_config"] = json!({ "quant_method": "bitsandbytes" });
    assert!(error(draft.write()).contains("quantized (quantization_config: bitsandbytes, I8)"));
}

/// huggingface/transformers#34733
#[test]
fn what_is_no_model_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("model.safetensors");
    std::fs::write(&weights, "").unwrap();
    let resolved = Source::resolve(weights.to_str().unwrap(), &mut ());
    assert!(matches!(resolved, Err(ModelError::File { .. })));
    let load = || rome_models::config::Config::load(&Source::Folder(folder.path().to_owned()));
    assert!(matches!(load(), Err(ModelError::MissingFile { .. })));
    std::fs::write(folder.path().join("model.gguf"), "GGUF").unwrap();
    assert!(matches!(load(), Err(ModelError::File { name }) if name.ends_with("model.gguf")));
    std::fs::write(folder.path().join("adapter_config.json"), r#"{"base_model_name_or_path": "gpt2"}"#)
        .unwrap();
    assert!(matches!(load(), Err(ModelError::Adapter { base: Some(base), .. }) if base == "gpt2"));
}
