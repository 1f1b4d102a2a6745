//! Decoders of parts drawn at random, against burn's autodiff: whatever parts a family is made of, its way back is
//! right.

use burn::prelude::*;
use burn::tensor::{Distribution, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rome_core::forward::{BlockPass, ForwardPass, embed, head};
use rome_core::{Batch, CacheMode, CausalLm, ModelShape, Recorded};
use rome_models::ModelError;
use rome_models::activation::Activation;
use rome_models::config::Config;
use rome_models::decoder::parts::{
    Arrangement, AttentionParts, EmbeddingParts, Gain, Gate, HeadNorm, HeadNormOver, HeadParts, LayerParts,
    LearnedPositions, MlpParts, NormKind, NormParts, Pairing, Parts, ProjectionLayout, RotaryParts, Tie,
};
use rome_models::decoder::{Decoder, Names, TensorSource};

use crate::gradients::assert_same;
use crate::{device, host};

/// The number of decoders: enough for each pair of options of two parts to occur.
const N_DECODERS: u64 = 80;

/// Draws options.
struct Draw(ChaCha8Rng);

impl Draw {
    fn of<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.0.next_u32() as usize % options.len()]
    }

    fn yes(&mut self) -> bool {
        self.of(&[true, false])
    }

    fn norm(&mut self) -> NormParts {
        NormParts {
            kind: self.of(&[NormKind::Rms, NormKind::Layer]),
            gain: self.of(&[Gain::Plain, Gain::OnePlus, Gain::One]),
            has_bias: self.yes(),
            epsilon: self.of(&[1e-5, 0.02]),
        }
    }

    fn parts(&mut self) -> Parts {
        let (n_heads, n_kv_heads) = self.of(&[(2, 2), (4, 2), (6, 1), (6, 3)]);
        let head_dim = self.of(&[4, 6]);
        let n_layers = 3;
        let rotary = |pairing, frequencies: &[f32], factor| RotaryParts {
            pairing,
            frequencies: frequencies.to_vec(),
            factor,
        };
        let rotaries = vec![
            rotary(self.of(&[Pairing::Halves, Pairing::Adjacent]), &[1.0, 0.2], 1.0),
            rotary(self.of(&[Pairing::Halves, Pairing::Adjacent]), &[0.7], 1.3),
        ];
        let head_norm = self.yes().then(|| HeadNorm {
            norm: self.norm(),
            over: self.of(&[
                HeadNormOver::Head,
                HeadNormOver::EachHead,
                HeadNormOver::EachHeadApart,
                HeadNormOver::Width,
            ]),
            is_after_rotation: self.yes(),
        });
        Parts {
            shape: ModelShape {
                family: "random".to_owned(),
                n_layers,
                d_model: 12,
                d_ff: 20,
                n_heads,
                n_kv_heads,
                head_dim,
                vocab_size: 11,
                n_positions: 32,
            },
            embedding: EmbeddingParts {
                scale: self.of(&[1.0, 3.0]),
                positions: self.of(&[None, Some(LearnedPositions { offset: 2 })]),
            },
            norm: self.norm(),
            arrangement: self.of(&[
                Arrangement::Sequential,
                Arrangement::Sandwich,
                Arrangement::NormAfter,
                Arrangement::ParallelSharedNorm,
                Arrangement::ParallelOwnNorm,
            ]),
            residual_scale: self.of(&[1.0, 0.4]),
            attention: AttentionParts {
                layout: self.of(&[
                    ProjectionLayout::Apart,
                    ProjectionLayout::InOrder,
                    ProjectionLayout::ByGroup,
                ]),
                has_bias: self.yes(),
                has_output_bias: self.yes(),
                softcap: self.of(&[None, Some(1.5)]),
                head_norm,
            },
            layers: (0..n_layers)
                .map(|_| LayerParts {
                    window: self.of(&[None, Some(1), Some(3), Some(50)]),
                    rotary: self.of(&[None, Some(0), Some(1)]),
                    attention_scale: self.of(&[0.5, 1.0]),
                })
                .collect(),
            rotaries,
            mlp: MlpParts {
                activation: self.of(&Activation::ALL),
                gate: self.of(&[Gate::None, Gate::Apart, Gate::Fused]),
                has_bias: self.yes(),
            },
            head: HeadParts {
                tie: self.of(&[Tie::Tied, Tie::Untied]),
                has_bias: self.yes(),
                scale: self.of(&[1.0, 0.25]),
                softcap: self.of(&[None, Some(2.0)]),
            },
        }
    }
}

/// Has every tensor that it is asked for.
struct AnyTensor(Device);

impl TensorSource for AnyTensor {
    fn device(&self) -> &Device {
        &self.0
    }

    fn has(&self, _: &str) -> bool {
        true
    }

    fn take<const D: usize>(&mut self, _: &str, shape: [usize; D]) -> Result<Tensor<D>, ModelError> {
        Ok(Tensor::random(shape, Distribution::Normal(0.0, 0.3), &self.0))
    }
}

fn names() -> Names {
    let llama =
        br#"{"model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
        "intermediate_size": 8, "vocab_size": 8}"#;
    Config::parse(llama).unwrap().names
}

#[test]
fn whatever_the_parts_the_way_back_is_that_of_autodiff() {
    let (device, names) = (device(), names());
    for seed in 0..N_DECODERS {
        let parts = Draw(ChaCha8Rng::seed_from_u64(seed)).parts();
        let what = format!("seed {seed}, {parts:?}");
        let model = Decoder::load(&mut AnyTensor(device.clone()), &parts, &names).unwrap();
        // Rows of two lengths, beyond the windows.
        let lens = [9, 5];
        let tokens: Vec<u32> = (0..14).map(|index| index * 7 % 11).collect();
        let batch = Batch::new(&lens, &device);
        let hidden = embed(&model, &tokens, &batch);
        let n_layers = model.shape().n_layers;

        let mut state = hidden.clone();
        let mut backs = Vec::new();
        for layer in 0..n_layers {
            let pass = BlockPass { model: &model, layer, batch: &batch, recorded: true, frozen: None };
            let (output, back) = pass.run(state, &mut CacheMode::None, &mut ());
            state = output;
            backs.push(back);
        }
        let (logits, head_back) = model.head(Recorded::start(state)).split();
        let weights = Tensor::<2>::random(logits.dims(), Distribution::Normal(0.0, 1.0), &device);
        let grad = head_back.backward(weights.clone());
        let ours = backs.into_iter().rev().fold(grad, |grad, back| back.backward(grad));

        let run = |hidden: Tensor<2>| {
            let pass = ForwardPass { model: &model, batch: &batch, cache: CacheMode::None, hook: &mut () };
            head(&model, pass.run(hidden, 0..n_layers))
        };
        // In the loops on the host, and in tensor operations.
        assert_same(run(hidden.clone()), logits.clone(), &what);
        let tracked = hidden.autodiff().require_grad();
        let plain = run(tracked.clone());
        assert_same(plain.clone().without_autodiff(), logits, &what);
        let grads = (plain * weights).sum().backward();
        assert_same(ours, tracked.grad(&grads).unwrap(), &what);
    }
}

#[test]
fn a_position_beyond_a_window_is_not_seen() {
    let (device, names) = (device(), names());
    let mut parts = Draw(ChaCha8Rng::seed_from_u64(1)).parts();
    for window in 1..6 {
        parts.layers.truncate(1);
        parts.shape.n_layers = 1;
        parts.layers[0].window = Some(window);
        let model = Decoder::load(&mut AnyTensor(device.clone()), &parts, &names).unwrap();
        let batch = Batch::new(&[8], &device);
        let run = |first: f32| {
            let mut states = vec![0.1f32; 8 * 12];
            states.iter_mut().enumerate().for_each(|(index, x)| *x += (index % 7) as f32 * 0.3);
            states[0] = first;
            let states = Tensor::from_data(TensorData::new(states, [8, 12]), &device);
            let pass = ForwardPass { model: &model, batch: &batch, cache: CacheMode::None, hook: &mut () };
            host(pass.run(states, 0..1))
        };
        let (a, b) = (run(0.0), run(5.0));
        let changed: Vec<bool> = a.chunks(12).zip(b.chunks(12)).map(|(a, b)| a != b).collect();
        let expected: Vec<bool> = (0..8).map(|position| position < window).collect();
        assert_eq!(changed, expected, "window {window}");
    }
}
