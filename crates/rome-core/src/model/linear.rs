//! Modules that act as a linear map on their last axis.

use burn::module::Param;
use burn::nn::{Linear, conv::Conv1d};
use burn::prelude::*;

use crate::forward::{Recorded, across};

/// A module that maps `[n, d_input]` to `[n, d_output]`, linear up to a constant.
pub trait LinearLike: Send + Sync {
    /// The size of an input, which is the size of an edit's left vector.
    fn d_input(&self) -> usize;

    /// The size of an output, which is the size of an edit's right vector.
    fn d_output(&self) -> usize;

    /// Applies the map, bias included.
    ///
    /// # Shapes
    /// - input: `[n, d_input]`
    /// - output: `[n, d_output]`
    fn forward(&self, input: Tensor<2>) -> Tensor<2>;
}

/// A [`LinearLike`] whose weight can be read and replaced.
///
/// The weight is always seen as `[d_input, d_output]`. How it is stored is the implementor's
/// affair and is known from the type, never guessed from the shape: a square weight has a
/// layout too.
pub trait EditableLinear: LinearLike {
    /// Returns the weight as `[d_input, d_output]`, in the type that it is held in.
    fn weight(&self) -> Tensor<2>;

    /// Replaces the weight by one given as `[d_input, d_output]`, of any type.
    fn set_weight(&mut self, weight: Tensor<2>);

    /// Maps the gradient of an output to that of the input.
    ///
    /// # Shapes
    /// - grad: `[n, d_output]`
    /// - output: `[n, d_input]`
    fn pullback(&self, grad: Tensor<2>) -> Tensor<2> {
        across(self.weight(), grad)
    }
}

/// burn keeps the weight of a `Linear` as `[d_input, d_output]` in memory. A layer initialised
/// with `LinearLayout::Col` is that tensor's transposed view, so both layouts look alike here.
impl LinearLike for Linear {
    fn d_input(&self) -> usize {
        self.weight.shape()[0]
    }

    fn d_output(&self) -> usize {
        self.weight.shape()[1]
    }

    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let bias = self.bias.as_ref().map(Param::val);
        Recorded::from(input).linear(self.weight.val(), bias).into_value()
    }
}

impl EditableLinear for Linear {
    fn weight(&self) -> Tensor<2> {
        self.weight.val()
    }

    fn set_weight(&mut self, weight: Tensor<2>) {
        replace(&mut self.weight, weight);
    }
}

/// A convolution with kernel 1, stride 1, no padding and one group is a linear map applied at
/// every position. Its weight is stored as `[d_output, d_input, 1]`.
///
/// # Panics
/// Every method panics on a convolution that is not a linear map at each position: a kernel other
/// than 1, or more than one group.
impl LinearLike for Conv1d {
    fn d_input(&self) -> usize {
        pointwise(self)[1]
    }

    fn d_output(&self) -> usize {
        pointwise(self)[0]
    }

    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        pointwise(self);
        let output: Tensor<3> = Conv1d::forward(self, input.transpose().unsqueeze::<3>());
        output.squeeze_dim::<2>(0).transpose()
    }
}

impl EditableLinear for Conv1d {
    fn weight(&self) -> Tensor<2> {
        pointwise(self);
        self.weight.val().squeeze_dim::<2>(2).transpose()
    }

    fn set_weight(&mut self, weight: Tensor<2>) {
        pointwise(self);
        replace(&mut self.weight, weight.transpose().unsqueeze_dim::<3>(2));
    }
}

/// Returns `[d_output, d_input]` of a convolution that is a linear map at each position.
fn pointwise(conv: &Conv1d) -> [usize; 2] {
    let [d_output, d_input, kernel] = conv.weight.shape().dims();
    assert!(
        kernel == 1 && conv.groups == 1,
        "a Conv1d acts as a linear map only with kernel 1 and one group, not kernel {kernel} and {} groups",
        conv.groups
    );
    [d_output, d_input]
}

/// Swaps the value of a parameter, keeping its identity.
fn replace<const D: usize>(param: &mut Param<Tensor<D>>, value: Tensor<D>) {
    *param = Param::initialized(param.id, value);
}
