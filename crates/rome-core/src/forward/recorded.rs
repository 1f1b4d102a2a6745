//! Hidden states with the way their gradient goes back.

use std::ops::Range;

use burn::prelude::*;
use burn::tensor::DType;

use crate::model::widen;

/// Takes the gradient of an output and returns that of the input.
type Pullback<'m> = Box<dyn FnOnce(Tensor<2>) -> Tensor<2> + Send + 'm>;

/// A hidden state and, if it is recorded, the chain of layers that it came through.
///
/// ROME optimises one vector through a fixed model: no weight wants a gradient, and a block is
/// always the same few layers. So each layer states its derivative in closed form, which takes a
/// third of the memory traffic of a general tape, and a model's forward pass and its derivative
/// are written once:
///
/// ```
/// use burn::prelude::*;
/// use rome_core::Recorded;
///
/// fn square(x: Recorded<'_>) -> Recorded<'_> {
///     x.then(|x| (x.clone().square(), |grad| grad * x * 2.0))
/// }
/// ```
pub struct Recorded<'m> {
    value: Tensor<2>,
    back: Option<Vec<Pullback<'m>>>,
}

/// The way back through a chain of layers.
pub struct Backward<'m>(Vec<Pullback<'m>>);

impl<'m> Recorded<'m> {
    /// Starts a chain at a state whose gradient will be asked for.
    pub fn start(value: Tensor<2>) -> Self {
        Self { value, back: Some(Vec::new()) }
    }

    /// The state, `[n_tokens, width]`.
    pub fn value(&self) -> &Tensor<2> {
        &self.value
    }

    /// Ends the chain and returns its state.
    pub fn into_value(self) -> Tensor<2> {
        self.value
    }

    /// True if layers should keep what their derivative needs.
    pub fn is_recording(&self) -> bool {
        self.back.is_some()
    }

    /// Adds a layer: a function from its input to its output and to the map from the output's
    /// gradient to the input's.
    #[must_use]
    pub fn then<P>(self, layer: impl FnOnce(Tensor<2>) -> (Tensor<2>, P)) -> Self
    where
        P: FnOnce(Tensor<2>) -> Tensor<2> + Send + 'm,
    {
        let Self { value, mut back } = self;
        let (value, pullback) = layer(value);
        if let Some(back) = &mut back {
            back.push(Box::new(pullback));
        }
        Self { value, back }
    }

    /// Applies `x W + b`, with `W` held by rows of inputs, as Hugging Face's `Conv1D` is.
    ///
    /// # Shapes
    /// - weight: `[d_input, d_output]`
    /// - bias: `[d_output]`
    #[must_use]
    pub fn linear(self, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        self.then(|x| (add(product(x, weight.clone()), bias), |grad| across(weight, grad)))
    }

    /// Applies `x Wᵀ + b`, with `W` held by rows of outputs, as torch's `Linear` is.
    ///
    /// # Shapes
    /// - weight: `[d_output, d_input]`
    /// - bias: `[d_output]`
    #[must_use]
    pub fn linear_transposed(self, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        self.then(|x| (add(across(weight.clone(), x), bias), |grad| product(grad, weight)))
    }

    /// Multiplies by a factor.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        if factor == 1.0 { self } else { self.then(|x| (x * factor, move |grad| grad * factor)) }
    }

    /// Ends the chain and returns its state with the way back.
    pub fn split(self) -> (Tensor<2>, Backward<'m>) {
        (self.value, Backward(self.back.unwrap_or_default()))
    }
}

/// A state whose gradient nobody will ask for.
impl From<Tensor<2>> for Recorded<'_> {
    fn from(value: Tensor<2>) -> Self {
        Self { value, back: None }
    }
}

impl Backward<'_> {
    /// Returns the gradient of the chain's start, given that of its end.
    pub fn backward(self, grad: Tensor<2>) -> Tensor<2> {
        self.0.into_iter().rev().fold(grad, |grad, pullback| pullback(grad))
    }
}

/// Returns `x Wᵀ`, `[n, rows]`, for a weight of `[rows, columns]` and x of `[n, columns]`.
///
/// The weight stands on the left, because there the product reads it along its rows, as it lies
/// in memory. On the right it would be rearranged in each product, which takes a quarter of the
/// time when x has few rows.
pub(crate) fn across(weight: Tensor<2>, x: Tensor<2>) -> Tensor<2> {
    let ([rows, _], [n, _]) = (weight.dims(), x.dims());
    let x = x.transpose();
    let parts = widened(weight).map(|(_, part)| part.matmul(x.clone())).collect();
    concatenated(parts).transpose().reshape([n, rows])
}

/// Returns `x W`, `[n, columns]`, for a weight of `[rows, columns]` and x of `[n, rows]`.
fn product(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    let parts = widened(weight).map(|(rows, part)| part_of(&x, 1, rows).matmul(part));
    parts.reduce(|sum, part| sum + part).expect("a weight has rows")
}

/// A weight in f32: as it is, or some rows at a time if it has to be widened, so that it is never
/// held twice.
fn widened(weight: Tensor<2>) -> impl Iterator<Item = (Range<usize>, Tensor<2>)> {
    /// 4 MiB in f32, which the product then finds in the processor's cache.
    const VALUES_AT_ONCE: usize = 1 << 20;
    let [rows, columns] = weight.dims();
    let at_once = match weight.dtype() {
        DType::F32 => rows,
        _ => VALUES_AT_ONCE.div_ceil(columns.max(1)),
    };
    (0..rows).step_by(at_once.max(1)).map(move |start| {
        let part = start..rows.min(start + at_once);
        (part.clone(), widen(part_of(&weight, 0, part)))
    })
}

/// Cuts a range out of an axis, without a copy if it is all of it.
fn part_of(tensor: &Tensor<2>, axis: usize, range: Range<usize>) -> Tensor<2> {
    if range.len() == tensor.dims()[axis] {
        tensor.clone()
    } else {
        tensor.clone().narrow(axis, range.start, range.len())
    }
}

/// Joins tensors by rows, without a copy if there is but one.
pub(crate) fn concatenated(parts: Vec<Tensor<2>>) -> Tensor<2> {
    match <[_; 1]>::try_from(parts) {
        Ok([part]) => part,
        Err(parts) => Tensor::cat(parts, 0),
    }
}

fn add(product: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    match bias {
        Some(bias) => product + bias.unsqueeze(),
        None => product,
    }
}
