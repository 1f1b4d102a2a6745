//! Rotary position embeddings.

use burn::prelude::*;
use burn::tensor::TensorData;
use rome_core::Recorded;
use rome_core::forward::host::{HostMatrix, vectorised};

use super::parts::{Pairing, RotaryParts};

/// A rotation of the first features of each head, by angles that grow with the position. Its tables are in f32
/// whatever the weights are held in: in half precision neighbouring positions would collide.
#[derive(Module, Debug)]
pub struct Rotary {
    /// `[n_positions, n_pairs]`
    cos: Tensor<2>,
    /// `[n_positions, n_pairs]`
    sin: Tensor<2>,
    head_dim: usize,
    #[module(skip)]
    pairing: Pairing,
}

impl Rotary {
    pub(super) fn new(parts: &RotaryParts, n_positions: usize, head_dim: usize, device: &Device) -> Self {
        // In f32 like transformers, whose angles these must be.
        let angles: Vec<f32> = (0..n_positions)
            .flat_map(|position| parts.frequencies.iter().map(move |frequency| position as f32 * frequency))
            .collect();
        let factor = parts.factor as f32;
        let table = |f: fn(f32) -> f32| {
            let values: Vec<f32> = angles.iter().map(|&angle| f(angle) * factor).collect();
            Tensor::from_data(TensorData::new(values, [n_positions, parts.frequencies.len()]), device)
        };
        Self { cos: table(f32::cos), sin: table(f32::sin), head_dim, pairing: parts.pairing }
    }

    /// Rotates queries or keys.
    ///
    /// # Shapes
    /// - input, output: `[n_tokens, n_heads * head_dim]`
    /// - positions: `[n_tokens]`
    pub(super) fn rotate<'m>(&self, input: Recorded<'m>, positions: &Tensor<1, Int>) -> Recorded<'m> {
        let [cos, sin] = [&self.cos, &self.sin].map(|table| table.clone().select(0, positions.clone()));
        let turn = Turn { cos, sin, head_dim: self.head_dim, pairing: self.pairing };
        input.then(|x| {
            let output = turn.turn(x);
            (output, move |grad| turn.inverse().turn(grad))
        })
    }
}

/// The angles of some tokens.
struct Turn {
    /// `[n_tokens, n_pairs]`
    cos: Tensor<2>,
    /// `[n_tokens, n_pairs]`
    sin: Tensor<2>,
    head_dim: usize,
    pairing: Pairing,
}

impl Turn {
    /// A rotation's transpose turns the other way.
    fn inverse(self) -> Self {
        Self { sin: self.sin.neg(), ..self }
    }

    /// Turns the first pairs of each head, `[n_tokens, n_heads * head_dim]`.
    fn turn(&self, input: Tensor<2>) -> Tensor<2> {
        if HostMatrix::can_hold(&input) {
            return self.turn_on_host(input);
        }
        let ([n_tokens, width], [_, n_pairs]) = (input.dims(), self.cos.dims());
        let (head_dim, n_heads) = (self.head_dim, width / self.head_dim);
        // Each pair on an axis of its own.
        let (sizes, axis) = match self.pairing {
            Pairing::Adjacent => ([n_pairs, 2], 3),
            Pairing::Halves => ([2, n_pairs], 2),
        };
        let [cos, sin] = [&self.cos, &self.sin].map(|table| {
            let [n, pairs] = table.dims();
            match self.pairing {
                Pairing::Adjacent => table.clone().reshape([n, 1, pairs, 1]),
                Pairing::Halves => table.clone().reshape([n, 1, 1, pairs]),
            }
        });
        let heads = input.reshape([n_tokens, n_heads, head_dim]);
        let pairs = heads.clone().narrow(2, 0, 2 * n_pairs).reshape([n_tokens, n_heads, sizes[0], sizes[1]]);
        let (first, second) = (pairs.clone().narrow(axis, 0, 1), pairs.narrow(axis, 1, 1));
        let turned =
            vec![first.clone() * cos.clone() - second.clone() * sin.clone(), second * cos + first * sin];
        let turned = Tensor::cat(turned, axis).reshape([n_tokens, n_heads, 2 * n_pairs]);
        let heads = if 2 * n_pairs < head_dim {
            Tensor::cat(vec![turned, heads.narrow(2, 2 * n_pairs, head_dim - 2 * n_pairs)], 2)
        } else {
            turned
        };
        heads.reshape([n_tokens, width])
    }

    fn turn_on_host(&self, input: Tensor<2>) -> Tensor<2> {
        let [cos, sin] = [&self.cos, &self.sin].map(|table| HostMatrix::new(table.clone()));
        let mut output = HostMatrix::new(input);
        let n_pairs = cos.dims()[1];
        vectorised(
            #[inline(always)]
            || {
                for ((row, cos), sin) in output.rows_mut().zip(cos.rows()).zip(sin.rows()) {
                    for head in row.chunks_exact_mut(self.head_dim) {
                        match self.pairing {
                            Pairing::Adjacent => {
                                for ((pair, cos), sin) in head.chunks_exact_mut(2).zip(cos).zip(sin) {
                                    (pair[0], pair[1]) = turned(pair[0], pair[1], *cos, *sin);
                                }
                            }
                            Pairing::Halves => {
                                let (first, second) = head[..2 * n_pairs].split_at_mut(n_pairs);
                                for (((x, y), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                                    (*x, *y) = turned(*x, *y, *cos, *sin);
                                }
                            }
                        }
                    }
                }
            },
        );
        output.into_tensor()
    }
}

#[inline(always)]
fn turned(x: f32, y: f32, cos: f32, sin: f32) -> (f32, f32) {
    (x * cos - y * sin, y * cos + x * sin)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    #[test]
    fn the_loop_on_the_host_turns_as_tensors_do() {
        let device = Device::flex();
        for pairing in [Pairing::Halves, Pairing::Adjacent] {
            let parts = RotaryParts { pairing, frequencies: vec![1.0, 0.3, 0.05], factor: 1.2 };
            let rotary = Rotary::new(&parts, 16, 8, &device);
            let positions = Tensor::from_data([3, 0, 15, 7], &device);
            let x = Tensor::<2>::random([4, 16], Distribution::Normal(0.0, 1.0), &device);
            let found = rotary.rotate(x.clone().into(), &positions).into_value();
            // A tape is no place for loops on the host.
            let [cos, sin] =
                [&rotary.cos, &rotary.sin].map(|table| table.clone().select(0, positions.clone()).autodiff());
            let turn = Turn { cos, sin, head_dim: 8, pairing };
            let expected = turn.turn(x.autodiff()).without_autodiff();
            // The same operations in the same order.
            assert_eq!(found.into_data(), expected.into_data());
        }
    }
}
