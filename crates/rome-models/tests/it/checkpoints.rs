//! Checkpoints in every form they come in, and in forms they should not.

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::Path;

use half::{bf16, f16};
use rome_core::{Event, Hint, Precision, forward};
use rome_models::{CheckpointFiles, ModelError, Pretrained, Source};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

use crate::{assert_close, device, host, load};

/// A checkpoint that can be changed before it is written to a folder.
pub(crate) struct Draft {
    folder: TempDir,
    pub(crate) tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
    pub(crate) config: serde_json::Value,
}

impl Draft {
    pub(crate) fn of(model: &str) -> Self {
        let source = fixtures::model_folder(model);
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(source.join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
        let bytes = std::fs::read(source.join("model.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes)
            .unwrap()
            .tensors()
            .into_iter()
            .map(|(name, view)| (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
            .collect();
        let config = serde_json::from_slice(&std::fs::read(source.join("config.json")).unwrap()).unwrap();
        Self { folder, tensors, config }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self) -> Result<Pretrained, ModelError> {
        self.write_shard("model.safetensors", |_| true);
        self.load()
    }

    fn write_shard(&self, file: &str, keep: impl Fn(&str) -> bool) {
        let views =
            self.tensors.iter().filter(|(name, _)| keep(name)).map(|(name, (dtype, shape, bytes))| {
                (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
            });
        std::fs::write(self.path().join(file), safetensors::serialize(views, None).unwrap()).unwrap();
    }

    fn load(&self) -> Result<Pretrained, ModelError> {
        std::fs::write(self.path().join("config.json"), self.config.to_string()).unwrap();
        Pretrained::load(self.path().to_str().unwrap(), &device())
    }

    /// Changes one value of a tensor.
    pub(crate) fn set(&mut self, name: &str, index: usize, value: f32) {
        let bytes = &mut self.tensors.get_mut(name).unwrap().2;
        bytes[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn rename(&mut self, rename: impl Fn(&str) -> String) {
        self.tensors =
            std::mem::take(&mut self.tensors).into_iter().map(|(name, t)| (rename(&name), t)).collect();
    }

    pub(crate) fn convert(&mut self, dtype: Dtype, narrow: impl Fn(f32) -> [u8; 2]) {
        for tensor in self.tensors.values_mut() {
            tensor.0 = dtype;
            tensor.2 = tensor
                .2
                .as_chunks::<4>()
                .0
                .iter()
                .flat_map(|bytes| narrow(f32::from_le_bytes(*bytes)))
                .collect();
        }
    }
}

const PROMPT: [u32; 5] = [283, 1681, 284, 221, 36];

pub(crate) fn logits(pretrained: &Pretrained) -> Vec<f32> {
    host(forward::logits(pretrained.model.as_ref(), &PROMPT))
}

pub(crate) fn error(result: Result<Pretrained, ModelError>) -> String {
    match result {
        Ok(_) => panic!("the checkpoint was accepted"),
        Err(error) => {
            assert!(!error.hint().is_empty());
            error.to_string()
        }
    }
}

#[test]
fn names_may_lack_the_prefix() {
    for model in fixtures::MODELS {
        let mut draft = Draft::of(model);
        draft.rename(|name| name.trim_start_matches("transformer.").to_owned());
        let (plain, whole) = (draft.write().unwrap(), load(model));
        assert_eq!(logits(&plain), logits(&whole));
        assert_eq!(plain.hash, whole.hash, "the hash is over canonical names");
    }
}

#[test]
fn shards_are_read_by_their_index() {
    let draft = Draft::of("facts-gptj");
    let is_first = |name: &str| name.contains(".h.0.") || name.contains("wte");
    draft.write_shard("model-00001-of-00002.safetensors", is_first);
    draft.write_shard("model-00002-of-00002.safetensors", |name| !is_first(name));
    let map: BTreeMap<&str, String> = draft
        .tensors
        .keys()
        .map(|name| {
            (name.as_str(), format!("model-0000{}-of-00002.safetensors", if is_first(name) { 1 } else { 2 }))
        })
        .collect();
    let index = serde_json::json!({ "metadata": {}, "weight_map": map });
    std::fs::write(draft.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    let (sharded, whole) = (draft.load().unwrap(), load("facts-gptj"));
    assert_eq!(logits(&sharded), logits(&whole));
    assert_eq!(sharded.hash, whole.hash, "the hash does not depend on the files");
}

#[test]
fn an_index_cannot_lead_out_of_its_folder() {
    for file in [
        "../model.safetensors",
        "../../x",
        "a/../../x",
        "/etc/passwd",
        "..\\x",
        "C:x",
        ".hidden",
        "..",
        "",
        "\0",
    ] {
        let draft = Draft::of("facts-gpt2");
        let index = serde_json::json!({ "weight_map": { "wte.weight": file } });
        std::fs::write(draft.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
        assert!(error(draft.load()).contains("not a file beside it"), "{file}");
    }
}

#[test]
fn half_precision_is_read_within_its_rounding() {
    for model in fixtures::MODELS {
        let whole = logits(&load(model));
        // Weights rounded to 11 bits move these logits, of magnitude 20, by far less than 8 bits do.
        let mut draft = Draft::of(model);
        draft.convert(Dtype::F16, |value| f16::from_f32(value).to_le_bytes());
        assert_close(&logits(&draft.write().unwrap()), &whole, 0.1);
        let mut draft = Draft::of(model);
        draft.convert(Dtype::BF16, |value| bf16::from_f32(value).to_le_bytes());
        assert_close(&logits(&draft.write().unwrap()), &whole, 1.0);
    }
}

#[test]
fn buffers_and_a_second_copy_of_a_tied_head_are_passed_over() {
    let mut draft = Draft::of("facts-gpt2");
    let wte = draft.tensors["transformer.wte.weight"].clone();
    draft.tensors.insert("lm_head.weight".to_owned(), wte);
    for layer in 0..6 {
        let buffer = (Dtype::U8, vec![1, 1, 2, 2], vec![1, 0, 1, 1]);
        draft.tensors.insert(format!("transformer.h.{layer}.attn.bias"), buffer);
        let masked = (Dtype::F32, vec![], (-1e4f32).to_le_bytes().to_vec());
        draft.tensors.insert(format!("transformer.h.{layer}.attn.masked_bias"), masked);
    }
    let (draft, whole) = (draft.write().unwrap(), load("facts-gpt2"));
    assert_eq!(logits(&draft), logits(&whole));
    assert_eq!(draft.hash, whole.hash);
}

#[test]
fn an_untied_head_is_used() {
    let mut draft = Draft::of("facts-gpt2");
    draft.config["tie_word_embeddings"] = false.into();
    let (dtype, shape, bytes) = draft.tensors["transformer.wte.weight"].clone();
    let doubled = bytes.as_chunks::<4>().0.iter().flat_map(|b| (2.0 * f32::from_le_bytes(*b)).to_le_bytes());
    draft.tensors.insert("lm_head.weight".to_owned(), (dtype, shape, doubled.collect()));
    let doubled: Vec<f32> = logits(&load("facts-gpt2")).into_iter().map(|logit| 2.0 * logit).collect();
    // Doubling is exact in floats.
    assert_eq!(logits(&draft.write().unwrap()), doubled);
}

#[test]
fn the_inner_width_may_be_set_or_left_out() {
    for (n_inner, is_right) in
        [(serde_json::json!(768), true), (serde_json::json!(null), true), (serde_json::json!(512), false)]
    {
        let mut draft = Draft::of("facts-gpt2");
        draft.config["n_inner"] = n_inner;
        if is_right {
            assert_eq!(logits(&draft.write().unwrap()), logits(&load("facts-gpt2")))
        } else {
            assert_eq!(
                error(draft.write()),
                "the tensor \"transformer.h.0.mlp.c_fc.weight\" has shape [192, 768], but the configuration requires [192, 512]"
            )
        }
    }
}

#[test]
fn missing_unused_and_foreign_tensors_are_named() {
    let mut draft = Draft::of("facts-gptj");
    draft.tensors.remove("lm_head.bias");
    assert!(error(draft.write()).contains("no tensor \"lm_head.bias\""));

    let mut draft = Draft::of("facts-gpt2");
    draft.config["n_layer"] = 5.into();
    let unused = error(draft.write());
    assert!(unused.contains("12 tensors") && unused.contains("transformer.h.5.attn.c_attn.bias"), "{unused}");

    let mut draft = Draft::of("facts-gpt2");
    draft.tensors.get_mut("transformer.wpe.weight").unwrap().0 = Dtype::I32;
    assert!(error(draft.write()).contains("\"transformer.wpe.weight\" is stored as"));

    let mut draft = Draft::of("facts-gpt2");
    draft.tensors.get_mut("transformer.ln_f.bias").unwrap().2[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(error(draft.write()).contains("\"transformer.ln_f.bias\" holds values that are not finite"));
}

#[test]
fn truncated_and_lying_files_are_refused() {
    let draft = Draft::of("facts-gpt2");
    draft.write_shard("model.safetensors", |_| true);
    let file = draft.path().join("model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    for len in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..len]).unwrap();
        assert!(error(draft.load()).starts_with("model.safetensors: "), "{len} bytes");
    }
    std::fs::write(&file, [&bytes[..], &[0]].concat()).unwrap();
    assert!(error(draft.load()).contains("it should be"));
    // A header that claims more than the file has must not be believed, nor memory taken for it.
    for claim in [u64::MAX, 1 << 40, bytes.len() as u64] {
        std::fs::write(&file, [&claim.to_le_bytes(), &bytes[8..]].concat()).unwrap();
        assert!(error(draft.load()).contains("its header claims"));
    }
    let header =
        br#"{"transformer.wte.weight":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4]}}"#;
    let lying = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    std::fs::write(&file, lying).unwrap();
    assert!(error(draft.load()).starts_with("model.safetensors: "));
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    for (field, value, says) in [
        ("n_head", serde_json::json!(7), "7 heads cannot share a width of 192"),
        ("n_layer", serde_json::json!(0), "\"n_layer\" cannot be 0"),
        ("n_layer", serde_json::json!(1 << 24), "\"n_layer\" cannot be 16777216"),
        ("n_embd", serde_json::json!(u64::MAX), "\"n_embd\" cannot be"),
        ("n_positions", serde_json::json!("many"), "\"n_positions\" cannot be \"many\""),
        ("model_type", serde_json::json!("bert"), "\"bert\" is not supported"),
        ("activation_function", serde_json::json!("mish"), "\"mish\": this activation is not known"),
        ("rotary_dim", serde_json::json!(0), "\"rotary_dim\" 0 must be"),
        ("rotary_dim", serde_json::json!(15), "\"rotary_dim\" 15 must be even"),
    ] {
        let model = if field == "rotary_dim" { "facts-gptj" } else { "facts-gpt2" };
        let mut draft = Draft::of(model);
        draft.config[field] = value;
        let error = error(draft.write());
        assert!(error.starts_with("config.json: ") && error.contains(says), "{error}");
    }
}

#[test]
fn missing_files_are_named() {
    let empty = tempfile::tempdir().unwrap();
    let load = || Pretrained::load(empty.path().to_str().unwrap(), &device());
    assert!(error(load()).ends_with("has no config.json"));
    let source = fixtures::model_folder("facts-gpt2");
    std::fs::copy(source.join("config.json"), empty.path().join("config.json")).unwrap();
    // A tokenizer is not asked for: a model takes tokens without one.
    assert!(error(load()).contains("has no model.safetensors"));
    assert!(error(Pretrained::load("no such folder", &device())).contains("no such folder"));
}

#[test]
fn a_start_token_that_the_model_lacks_is_none() {
    let mut draft = Draft::of("facts-gpt2");
    draft.config["bos_token_id"] = 50256.into();
    let pretrained = draft.write().unwrap();
    assert_eq!((pretrained.start_token, pretrained.end_tokens), (None, vec![0]));
}

/// Made by torch and transformers: `fixtures/pytorch/make.py`.
#[test]
fn a_pytorch_checkpoint_gives_the_logits_of_transformers() {
    for model in ["tiny-gpt2", "tiny-gptj", "tiny-gptj-f16"] {
        let folder = fixtures::path("pytorch").join(model);
        let pretrained = Pretrained::load(folder.to_str().unwrap(), &device()).unwrap();
        let expected: Vec<f32> =
            serde_json::from_slice(&std::fs::read(folder.join("logits.json")).unwrap()).unwrap();
        let logits = host(forward::logits(pretrained.model.as_ref(), &[1, 5, 2, 9, 14, 3]));
        // Sums of some hundred products in f32, in another order.
        assert_close(&logits, &expected, 1e-4);
    }
}

/// A file's time is that of the beginning of a write, which may go on while it is read.
#[test]
fn weights_that_are_still_being_written_are_told() {
    let draft = Draft::of("facts-gpt2");
    draft.write().unwrap();
    let weights = draft.path().join("model.safetensors");
    let source = Source::Folder(draft.path().to_owned());
    let began = weights.metadata().unwrap().modified().unwrap();
    let mut n_steps = 0;
    let read = CheckpointFiles::open(&source).unwrap().hash(&mut |_: Event<'_>| {
        n_steps += 1;
        if n_steps == 3 {
            let mut file = std::fs::File::options().write(true).open(&weights).unwrap();
            file.seek(SeekFrom::End(-4096)).unwrap();
            file.write_all(&[1; 4096]).unwrap();
            file.set_modified(began).unwrap();
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(read, Err(ModelError::Changed { .. })), "{read:?}");
}

/// Zeros are numbers like others: only that the file was written to says that they do not belong.
#[test]
fn weights_that_change_while_they_are_read_are_told() {
    let draft = Draft::of("facts-gpt2");
    draft.write().unwrap();
    let weights = draft.path().join("model.safetensors");
    let len = weights.metadata().unwrap().len();
    let source = Source::Folder(draft.path().to_owned());
    let mut is_changed = false;
    let hash = |on_progress: &mut (dyn FnMut() + Send)| {
        CheckpointFiles::open(&source).unwrap().hash(&mut |_: Event<'_>| {
            on_progress();
            ControlFlow::Continue(())
        })
    };
    let changed = hash(&mut || {
        if !std::mem::replace(&mut is_changed, true) {
            let file = std::fs::File::options().write(true).open(&weights).unwrap();
            file.set_len(len - 4096).unwrap();
            file.set_len(len).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
    });
    assert!(matches!(changed, Err(ModelError::Changed { .. })), "{changed:?}");
    // As it is now it can be read.
    hash(&mut || ()).unwrap();

    let mut on_progress = |_: Event<'_>| {
        let file = std::fs::File::options().write(true).open(&weights).unwrap();
        file.set_modified(std::time::SystemTime::now()).unwrap();
        ControlFlow::Continue(())
    };
    let loaded = Pretrained::from_source(&source, &device(), Precision::F32, &mut on_progress);
    assert!(matches!(loaded, Err(ModelError::Changed { .. })));
}
