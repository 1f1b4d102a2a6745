use burn::prelude::*;
use burn::tensor::TensorData;
use rome_core::Recorded;

use super::GptJConfig;

/// Rotary position embedding in GPT-J's way: of each head, the first `rotary_dim` features are
/// rotated as adjacent pairs, and the rest are left.
#[derive(Module, Debug)]
pub struct Rotary {
    /// `[n_positions, rotary_dim / 2]`
    cos: Tensor<2>,
    /// `[n_positions, rotary_dim / 2]`
    sin: Tensor<2>,
    n_head: usize,
}

impl Rotary {
    pub(super) fn new(config: &GptJConfig, device: &Device) -> Self {
        let pairs = config.rotary_dim() / 2;
        // In f32 like `create_sinusoidal_positions` of transformers, whose angles these must be.
        let angles: Vec<f32> = (0..config.n_positions)
            .flat_map(|position| {
                (0..pairs).map(move |pair| {
                    let frequency = 10_000f32.powf((2 * pair) as f32 / (2 * pairs) as f32).recip();
                    position as f32 * frequency
                })
            })
            .collect();
        let table = |f: fn(f32) -> f32| {
            let values: Vec<f32> = angles.iter().copied().map(f).collect();
            Tensor::from_data(TensorData::new(values, [config.n_positions, pairs]), device)
        };
        Self { cos: table(f32::cos), sin: table(f32::sin), n_head: config.n_head }
    }

    /// Rotates queries or keys.
    ///
    /// # Shapes
    /// - input, output: `[n_tokens, n_head * head_dim]`
    /// - positions: `[n_tokens]`
    pub(super) fn rotate<'m>(&self, input: Recorded<'m>, positions: &Tensor<1, Int>) -> Recorded<'m> {
        let [cos, sin] = [&self.cos, &self.sin].map(|table| {
            let rows = table.clone().select(0, positions.clone());
            let [n_tokens, pairs] = rows.dims();
            rows.reshape([n_tokens, 1, pairs, 1])
        });
        let n_head = self.n_head;
        input.then(|x| {
            let output = turn(x, &cos, &sin, n_head);
            // A rotation's transpose turns the other way.
            (output, move |grad| turn(grad, &cos, &sin.neg(), n_head))
        })
    }
}

/// Turns the first pairs of each head by angles, `[n_tokens, 1, rotary_dim / 2, 1]`.
fn turn(input: Tensor<2>, cos: &Tensor<4>, sin: &Tensor<4>, n_head: usize) -> Tensor<2> {
    let [n_tokens, width] = input.dims();
    let [_, _, pairs, _] = cos.dims();
    let head_dim = width / n_head;
    let heads = input.reshape([n_tokens, n_head, head_dim]);
    let turned = heads.clone().narrow(2, 0, 2 * pairs).reshape([n_tokens, n_head, pairs, 2]);
    let (even, odd) = (turned.clone().narrow(3, 0, 1), turned.narrow(3, 1, 1));
    let turned = Tensor::cat(
        vec![even.clone() * cos.clone() - odd.clone() * sin.clone(), odd * cos.clone() + even * sin.clone()],
        3,
    );
    let turned = turned.reshape([n_tokens, n_head, 2 * pairs]);
    let heads = if 2 * pairs < head_dim {
        Tensor::cat(vec![turned, heads.narrow(2, 2 * pairs, head_dim - 2 * pairs)], 2)
    } else {
        turned
    };
    heads.reshape([n_tokens, width])
}
