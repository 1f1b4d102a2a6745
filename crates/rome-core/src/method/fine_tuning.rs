//! Fine-tuning of one weight, the baselines FT and FT-L of the paper.

use std::time::Instant;

use burn::prelude::*;
use burn::tensor::activation::log_softmax;
use serde::Serialize;

use super::{Adam, Edit, EditError, EditMethod, EditableModel, Losses, MethodSettings};
use crate::edit::WeightUpdate;
use crate::forward::transfer::{download, upload};
use crate::forward::{Batch, BlockPass, CacheMode, ForwardPass, KvCache, Recorded, embed};
use crate::math::norm;
use crate::model::{CausalLm, HookPoint, Part, widen};
use crate::observer::{Event, Observer, Step};
use crate::request::{Row, TokenizedRequest};

/// The settings of fine-tuning; the defaults are those of the paper for GPT-2 XL's down projections.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
pub struct FineTuning {
    config: FineTuningConfig,
    layers: [usize; 1],
}

/// A prompt on its way to the loss.
struct Training<'a> {
    prompt: &'a [u32],
    target: &'a [u32],
    /// The trained layer.
    layer: usize,
    batch: Batch,
    /// The layout in the last block, which passes on the last position alone.
    last: Batch,
    /// The input of the trained weight, `[n_tokens, d_ff]`.
    key: Tensor<2>,
    /// The output of the block without what its MLP adds, `[n_tokens, d_model]`.
    rest: Tensor<2>,
}

impl FineTuning {
    /// Makes the method with these settings.
    pub fn new(config: FineTuningConfig) -> Self {
        Self { config, layers: [config.layer] }
    }

    fn train(
        &self,
        model: &mut EditableModel<'_>,
        training: &Training<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Edit, EditError> {
        let FineTuningConfig { layer, steps, learning_rate, stop_loss, norm_constraint } = self.config;
        let time = Instant::now();
        let norm_before = model.weight_norm(layer);
        let start = widen(model.model().block(layer).down_projection().weight());
        let mut weight = start.clone();
        let mut adam = Adam::new(&start);
        let mut losses = Vec::new();
        for step in 0..steps {
            let (loss, grad) = training.loss(model.model());
            let now = Losses::new(loss, 0.0, 0.0);
            observer.tell(Event::Step(Step { layer, step, most_steps: steps, losses: &now }))?;
            losses.push(now);
            // Not a number, too: nothing more is to be learned then.
            if loss.is_nan() || loss < stop_loss {
                break;
            }
            weight = weight - adam.step(grad, learning_rate);
            if let Some(most) = norm_constraint {
                weight = start.clone() + (weight - start.clone()).clamp(-most, most);
            }
            model.set_weight(layer, weight.clone());
        }
        let sizes = start.dims();
        let difference = download(weight - start);
        let relative_norm = norm(&difference) / norm_before;
        let name = model.model().weight_name(layer);
        let mut edit =
            Edit::new(name, layer, WeightUpdate::Dense { sizes, values: difference }, relative_norm);
        edit.losses = losses;
        edit.timings.optimise = time.elapsed();
        Ok(edit)
    }
}

impl<'a> Training<'a> {
    fn new(model: &dyn CausalLm, request: &'a TokenizedRequest, layer: usize) -> Self {
        let TokenizedRequest { clean: Row { tokens: prompt, .. }, target, .. } = request;
        let device = model.device();
        let batch = Batch::new(&[prompt.len()], &device);
        let cache = KvCache::new(model.shape().n_layers, 1);
        let last = Batch::reading(cache.slots(), &[prompt.len()], &[vec![prompt.len() - 1]], &device);
        let (mut key, mut mlp) = (None, None);
        let mut hook = |point: HookPoint, state: Tensor<2>| {
            match point {
                HookPoint { layer: at, part: Part::Key } if at == layer => key = Some(state.clone()),
                HookPoint { layer: at, part: Part::Mlp } if at == layer => mlp = Some(state.clone()),
                _ => (),
            }
            state
        };
        let hidden = embed(model, prompt, &batch);
        let hidden = ForwardPass { model, batch: &batch, cache: CacheMode::None, hook: &mut hook }
            .run(hidden, 0..layer + 1);
        let (key, mlp) = key.zip(mlp).expect("the block has been run");
        let added = model.block(layer).contribution(mlp.into()).into_value();
        Self { prompt, target, layer, batch, last, key, rest: hidden - added }
    }

    /// Returns the loss and the gradient of the weight, `[d_ff, d_model]`.
    fn loss(&self, model: &dyn CausalLm) -> (f64, Tensor<2>) {
        let n_layers = model.shape().n_layers;
        let block = model.block(self.layer);
        let value = Recorded::start(block.down_projection().forward(self.key.clone()));
        let (added, contribution) = block.contribution(value).split();
        let mut hidden = self.rest.clone() + added;
        let mut backs = Vec::new();
        for layer in self.layer + 1..n_layers {
            let batch = if layer + 1 == n_layers { &self.last } else { &self.batch };
            let pass = BlockPass { model, layer, batch, recorded: true, frozen: None };
            let (output, back) = pass.run(hidden, &mut CacheMode::None, &mut ());
            hidden = output;
            backs.push(back);
        }
        let [n_left, _] = hidden.dims();
        let read = hidden.clone().narrow(0, n_left - 1, 1);
        let (logits, head) = model.head(Recorded::start(read)).split();

        let log_probs = log_softmax(logits, 1);
        let [_, vocab_size] = log_probs.dims();
        let mut shares = vec![0.0f32; vocab_size];
        let share = 1.0 / self.target.len() as f32;
        self.target.iter().for_each(|&token| shares[token as usize] += share);
        let shares = upload(shares, [1, vocab_size], &log_probs.device());
        let loss = -f64::from(download((log_probs.clone() * shares.clone()).sum())[0]);
        let grad = head.backward(log_probs.exp() - shares);
        let grad = if backs.is_empty() {
            // The last block is the trained one: only the last position is read.
            let [_, d_model] = grad.dims();
            let zeros = Tensor::zeros([self.prompt.len() - 1, d_model], &grad.device());
            Tensor::cat(vec![zeros, grad], 0)
        } else {
            backs.into_iter().rev().fold(grad, |grad, back| back.backward(grad))
        };
        (loss, self.key.clone().transpose().matmul(contribution.backward(grad)))
    }
}

impl EditMethod for FineTuning {
    fn name(&self) -> &str {
        if self.config.norm_constraint.is_some() { "ft-l" } else { "ft" }
    }

    fn settings(&self) -> MethodSettings {
        MethodSettings::Other(serde_json::to_value(self.config).expect("numbers are JSON"))
    }

    fn layers(&self) -> &[usize] {
        &self.layers
    }

    fn needs_statistics(&self) -> bool {
        false
    }

    fn needs_contexts(&self) -> bool {
        false
    }

    fn edit(
        &mut self,
        model: &mut EditableModel<'_>,
        requests: &[TokenizedRequest],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Edit>, EditError> {
        let edit = |request: &TokenizedRequest| {
            let training = Training::new(model.model(), request, self.config.layer);
            self.train(model, &training, observer)
        };
        requests.iter().map(edit).collect()
    }
}
