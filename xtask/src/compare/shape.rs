//! Models of random weights, to measure at a size without a checkpoint of it.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::{Dtype, View};
use serde_json::json;

const VOCAB_SIZE: usize = 50_257;
const N_POSITIONS: usize = 1_024;

/// The published sizes of GPT-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shape {
    /// 12 blocks of 768
    Gpt2,
    /// 24 blocks of 1024
    Gpt2Medium,
    /// 36 blocks of 1280
    Gpt2Large,
    /// 48 blocks of 1600
    Gpt2Xl,
}

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Gpt2Medium => "gpt2-medium",
            Self::Gpt2Large => "gpt2-large",
            Self::Gpt2Xl => "gpt2-xl",
        }
    }

    /// Blocks, width and heads.
    pub(crate) fn sizes(self) -> (usize, usize, usize) {
        match self {
            Self::Gpt2 => (12, 768, 12),
            Self::Gpt2Medium => (24, 1024, 16),
            Self::Gpt2Large => (36, 1280, 20),
            Self::Gpt2Xl => (48, 1600, 25),
        }
    }

    /// The layer to edit: the published one of GPT-2 XL, and what is as deep in the others.
    pub(crate) fn layer(self) -> usize {
        match self {
            Self::Gpt2 => 5,
            Self::Gpt2Medium => 8,
            Self::Gpt2Large => 12,
            Self::Gpt2Xl => 17,
        }
    }

    /// Returns the folder of a model of this shape under `parent`, made if it is not there yet.
    pub(crate) fn model(self, parent: &Path) -> Result<PathBuf> {
        let folder = parent.join(self.name());
        if folder.exists() {
            return Ok(folder);
        }
        eprintln!("writing a model of random weights to {}", folder.display());
        fs::create_dir_all(parent)?;
        let unfinished = tempfile::tempdir_in(parent)?;
        self.write(unfinished.path()).with_context(|| format!("cannot write {}", folder.display()))?;
        fs::rename(unfinished.keep(), &folder)?;
        Ok(folder)
    }

    fn write(self, folder: &Path) -> Result<()> {
        let (n_layer, n_embd, n_head) = self.sizes();
        let config = json!({
            "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new",
            "vocab_size": VOCAB_SIZE, "n_positions": N_POSITIONS, "n_ctx": N_POSITIONS,
            "n_embd": n_embd, "n_layer": n_layer, "n_head": n_head, "layer_norm_epsilon": 1e-5,
            "bos_token_id": 50_256, "eos_token_id": 50_256, "torch_dtype": "float32",
        });
        fs::write(folder.join("config.json"), serde_json::to_vec_pretty(&config)?)?;
        for file in ["vocab.json", "merges.txt"] {
            fs::copy(fixtures::path("gpt2-tokenizer").join(file), folder.join(file))?;
        }
        let weights = folder.join("model.safetensors");
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        safetensors::serialize_to_file(self.tensors(), Some(metadata), &weights)?;
        Ok(())
    }

    /// The tensors by name. The weights are drawn as each is written, so that none is held for
    /// longer; they depend on the shape alone.
    fn tensors(self) -> Vec<(String, Drawn)> {
        let (n_layer, d, _) = self.sizes();
        let (d_ff, depth) = (4 * d, (2.0 * n_layer as f32).sqrt());
        let mut tensors = Vec::new();
        let mut add = |name: String, shape: &[usize], fill: Fill| {
            let seed = tensors.len() as u64;
            tensors.push((name, Drawn { shape: shape.to_vec(), fill, seed }));
        };
        // As GPT-2 is initialised: 0.02, and less for what is added up over the blocks.
        let (usual, residual) = (Fill::Random(0.02), Fill::Random(0.02 / depth));
        add("transformer.wte.weight".to_owned(), &[VOCAB_SIZE, d], usual);
        add("transformer.wpe.weight".to_owned(), &[N_POSITIONS, d], usual);
        for layer in 0..n_layer {
            let mut add = |name: &str, shape: &[usize], fill| add(format!("transformer.h.{layer}.{name}"), shape, fill);
            for norm in ["ln_1", "ln_2"] {
                add(&format!("{norm}.weight"), &[d], Fill::Ones);
                add(&format!("{norm}.bias"), &[d], Fill::Zeros);
            }
            add("attn.c_attn.weight", &[d, 3 * d], usual);
            add("attn.c_attn.bias", &[3 * d], Fill::Zeros);
            add("attn.c_proj.weight", &[d, d], residual);
            add("attn.c_proj.bias", &[d], Fill::Zeros);
            add("mlp.c_fc.weight", &[d, d_ff], usual);
            add("mlp.c_fc.bias", &[d_ff], Fill::Zeros);
            add("mlp.c_proj.weight", &[d_ff, d], residual);
            add("mlp.c_proj.bias", &[d], Fill::Zeros);
        }
        add("transformer.ln_f.weight".to_owned(), &[d], Fill::Ones);
        add("transformer.ln_f.bias".to_owned(), &[d], Fill::Zeros);
        tensors
    }
}

#[derive(Debug, Clone, Copy)]
enum Fill {
    Zeros,
    Ones,
    /// Evenly about 0, with this standard deviation.
    Random(f32),
}

/// A tensor that comes into being when it is written.
struct Drawn {
    shape: Vec<usize>,
    fill: Fill,
    seed: u64,
}

impl View for Drawn {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let n_values = self.shape.iter().product();
        let mut bytes = Vec::with_capacity(4 * n_values);
        for _ in 0..n_values {
            let value = match self.fill {
                Fill::Zeros => 0.0,
                Fill::Ones => 1.0,
                Fill::Random(deviation) => deviation * 12f32.sqrt() * (rng.random::<f32>() - 0.5),
            };
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.into()
    }

    fn data_len(&self) -> usize {
        4 * self.shape.iter().product::<usize>()
    }
}
