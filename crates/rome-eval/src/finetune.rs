//! Fine-tuning of one weight, the baselines FT and FT-L of the paper.

use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use rome_core::edit::EditError;
use rome_core::forward::{self, Pass};
use rome_core::rows::{EditRows, Row};
use rome_core::transfer::{download, upload};
use rome_core::{Batch, CausalLm, Chain, Context, KvCache, Memory, Part, Request, Site, TokenCodec, widen};

use crate::Method;

/// The settings of fine-tuning; the defaults are those of the paper for GPT-2 XL's down projections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FineTuningConfig {
    /// The layer whose down projection is trained.
    pub layer: usize,
    /// Steps of Adam at most.
    pub steps: usize,
    /// The learning rate.
    pub learning_rate: f64,
    /// Training stops below this loss.
    pub stop_loss: f64,
    /// FT-L: how far each weight may be from where it was.
    pub norm_constraint: Option<f64>,
}

impl FineTuningConfig {
    /// FT.
    pub fn new(layer: usize) -> Self {
        Self { layer, steps: 25, learning_rate: 5e-4, stop_loss: 1e-2, norm_constraint: None }
    }

    /// FT-L.
    pub fn constrained(layer: usize) -> Self {
        Self { norm_constraint: Some(5e-4), ..Self::new(layer) }
    }
}

/// Trains one down projection on the prompt and its new object, as `ft_main.py` of the reference
/// does: Adam on the log-probabilities of the object's tokens, all of them read at the prompt's last
/// position.
pub struct FineTuning<'a> {
    model: &'a mut dyn CausalLm,
    tokens: &'a dyn TokenCodec,
    config: FineTuningConfig,
    original: Option<Tensor<2>>,
}

/// What the prompt comes to up to the trained weight.
struct Below {
    /// What the weight reads, `[n_tokens, d_ff]`.
    key: Tensor<2>,
    /// The output of the block without that of the weight, `[n_tokens, d_model]`.
    rest: Tensor<2>,
}

impl<'a> FineTuning<'a> {
    /// Starts on a model that is not changed yet.
    ///
    /// # Panics
    /// If the model has no such layer.
    pub fn new(model: &'a mut dyn CausalLm, tokens: &'a dyn TokenCodec, config: FineTuningConfig) -> Self {
        assert!(config.layer < model.shape().n_layers, "the model has the layer that is trained");
        Self { model, tokens, config, original: None }
    }

    fn below(&self, prompt: &[u32], batch: &Batch) -> Below {
        let layer = self.config.layer;
        let (mut key, mut mlp) = (None, None);
        let mut tap = |site: Site, state: Tensor<2>| {
            match site {
                Site { layer: at, part: Part::Key } if at == layer => key = Some(state.clone()),
                Site { layer: at, part: Part::Mlp } if at == layer => mlp = Some(state.clone()),
                _ => (),
            }
            state
        };
        let hidden = forward::embed(self.model, prompt, batch);
        let hidden = forward::blocks(self.model, hidden, 0..layer + 1, batch, Memory::None, &mut tap);
        let (key, mlp) = key.zip(mlp).expect("the block has been run");
        Below { key, rest: hidden - mlp }
    }

    /// Returns the loss and the gradient of the weight, `[d_ff, d_model]`.
    fn loss(&self, below: &Below, batch: &Batch, last: &Batch, target: &[u32]) -> (f64, Tensor<2>) {
        let (model, layer) = (&*self.model, self.config.layer);
        let n_layers = model.shape().n_layers;
        let [n_tokens, _] = below.key.dims();
        let output = model.block(layer).down_projection().forward(below.key.clone());
        let mut hidden = below.rest.clone() + output;
        let mut backs = Vec::new();
        for layer in layer + 1..n_layers {
            let batch = if layer + 1 == n_layers { last } else { batch };
            let pass = Pass { model, layer, batch, recorded: true, still: None };
            let (output, back) = pass.run(hidden, &mut Memory::None, &mut ());
            hidden = output;
            backs.push(back);
        }
        let [n_left, _] = hidden.dims();
        let read = hidden.clone().narrow(0, n_left - 1, 1);
        let (logits, head) = model.head(Chain::recorded(read)).split();

        let log_probs = log_softmax(logits, 1);
        let [_, vocab_size] = log_probs.dims();
        let mut wanted = vec![0.0f32; vocab_size];
        let share = 1.0 / target.len() as f32;
        target.iter().for_each(|&token| wanted[token as usize] += share);
        let wanted = upload(wanted, [1, vocab_size], &log_probs.device());
        let loss = -f64::from(download((log_probs.clone() * wanted.clone()).sum())[0]);
        let grad = head.pull(log_probs.exp() - wanted);
        let grad = match backs.is_empty() {
            // The last block is the trained one: only the last position is read.
            true => {
                let [_, d_model] = grad.dims();
                let zeros = Tensor::zeros([n_tokens - 1, d_model], &grad.device());
                Tensor::cat(vec![zeros, grad], 0)
            }
            false => backs.into_iter().rev().fold(grad, |grad, back| back.pull(grad)),
        };
        (loss, below.key.clone().transpose().matmul(grad))
    }

    fn train(&mut self, prompt: &[u32], target: &[u32]) {
        const BETAS: (f64, f64) = (0.9, 0.999);
        const EPSILON: f64 = 1e-8;
        let device = self.model.device();
        let FineTuningConfig { layer, steps, learning_rate, stop_loss, norm_constraint } = self.config;
        let batch = Batch::new(&[prompt.len()], &device);
        let cache = KvCache::new(self.model.shape().n_layers, 1);
        let last = Batch::reading(&cache, &[prompt.len()], &[vec![prompt.len() - 1]], &device);
        let below = self.below(prompt, &batch);
        let start = widen(self.model.block(layer).down_projection().weight());
        let mut weight = start.clone();
        let (mut mean, mut variance) = (start.zeros_like(), start.zeros_like());
        for step in 1..=steps as i32 {
            let (loss, grad) = self.loss(&below, &batch, &last, target);
            // Not a number, too: nothing more is to be learned then.
            if loss.is_nan() || loss < stop_loss {
                break;
            }
            mean = mean * BETAS.0 + grad.clone() * (1.0 - BETAS.0);
            variance = variance * BETAS.1 + grad.clone() * grad * (1.0 - BETAS.1);
            let mean_scale = learning_rate / (1.0 - BETAS.0.powi(step));
            let variance_scale = 1.0 / (1.0 - BETAS.1.powi(step)).sqrt();
            weight =
                weight - mean.clone() * mean_scale / (variance.clone().sqrt() * variance_scale + EPSILON);
            if let Some(most) = norm_constraint {
                weight = start.clone() + (weight - start.clone()).clamp(-most, most);
            }
            self.model.down_projection_mut(layer).set_weight(weight.clone());
        }
    }
}

impl Method for FineTuning<'_> {
    fn model(&self) -> &dyn CausalLm {
        self.model
    }

    fn lowest_layer(&self) -> Option<usize> {
        Some(self.config.layer)
    }

    fn edit(&mut self, request: &Request) -> Result<(), EditError> {
        let EditRows { clean: Row { tokens, .. }, target, .. } =
            EditRows::new(request, &[Context::clean()], &[], self.tokens, self.model.shape())?;
        self.undo();
        self.original = Some(self.model.block(self.config.layer).down_projection().weight());
        self.train(&tokens, &target);
        Ok(())
    }

    fn undo(&mut self) {
        if let Some(original) = self.original.take() {
            self.model.down_projection_mut(self.config.layer).set_weight(original);
        }
    }
}
