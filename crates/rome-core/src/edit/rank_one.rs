//! The rank-one update.

use std::borrow::Cow;

use burn::prelude::*;
use thiserror::Error;

use crate::error::{ErrorKind, Hint};
use crate::forward::transfer::upload;
use crate::math::{cosine, dot, norm};
use crate::model::{EditableLinear, LinearLike, widen};

/// `ΔW = left ⊗ right` in `[d_input, d_output]` orientation.
#[derive(Debug, Clone, PartialEq)]
pub struct RankOneUpdate {
    /// `[d_input]`
    pub left: Vec<f32>,
    /// `[d_output]`
    pub right: Vec<f32>,
}

impl RankOneUpdate {
    /// Adds the update to a module's weight, which is then in f32, as the update is.
    ///
    /// Returns the weight as it was: give it to [`Original::restore`] and the module has its own
    /// bytes back.
    ///
    /// # Errors
    /// [`UpdateError`] when the sizes differ or a value is not finite; the module is untouched.
    pub fn apply(&self, module: &mut dyn EditableLinear) -> Result<Original, UpdateError> {
        self.check(module)?;
        let original = module.weight();
        let (left, right) = self.vectors(&original.device());
        module.set_weight(widen(original.clone()) + left.reshape([-1, 1]) * right.reshape([1, -1]));
        Ok(Original(original))
    }

    /// Adds the update to a weight's values, each as [`apply`](Self::apply) does it: rounded to f32
    /// once as a product and once as a sum.
    ///
    /// # Shapes
    /// - weight: `[d_input, d_output]`, row by row
    pub fn add_to(&self, weight: &mut [f32]) {
        for (values, left) in weight.chunks_exact_mut(self.right.len().max(1)).zip(&self.left) {
            values.iter_mut().zip(&self.right).for_each(|(value, right)| *value += left * right);
        }
    }

    /// The update of the same weight, turned over.
    pub fn transposed(&self) -> Self {
        Self { left: self.right.clone(), right: self.left.clone() }
    }

    /// Checks that the update fits a module.
    ///
    /// # Errors
    /// [`UpdateError`] when the sizes differ or a value is not finite.
    pub fn check<M: LinearLike + ?Sized>(&self, module: &M) -> Result<(), UpdateError> {
        let update = [self.left.len(), self.right.len()];
        let module = [module.d_input(), module.d_output()];
        if update != module {
            return Err(UpdateError::Shape { update, module });
        }
        if self.is_finite() { Ok(()) } else { Err(UpdateError::NotFinite) }
    }

    /// True if every value is finite.
    pub fn is_finite(&self) -> bool {
        self.left.iter().chain(&self.right).all(|value| value.is_finite())
    }

    /// `‖ΔW‖`, the Frobenius norm.
    pub fn norm(&self) -> f64 {
        norm(&self.left) * norm(&self.right)
    }

    /// The scalar product of two updates as matrices: that of their left vectors times that of their right
    /// ones.
    ///
    /// # Panics
    /// If their sizes differ.
    pub fn dot(&self, other: &Self) -> f64 {
        dot(&self.left, &other.left) * dot(&self.right, &other.right)
    }

    /// The cosine of two updates as matrices: the product of those of their vectors.
    ///
    /// # Panics
    /// If their sizes differ.
    pub fn cosine(&self, other: &Self) -> f64 {
        let pairs = [(&self.left, &other.left), (&self.right, &other.right)];
        pairs.map(|(a, b)| cosine(a, b)).iter().product()
    }

    pub(super) fn vectors(&self, device: &Device) -> (Tensor<1>, Tensor<1>) {
        let vector = |values: &[f32]| upload(values.to_vec(), [values.len()], device);
        (vector(&self.left), vector(&self.right))
    }
}

/// A weight as it was before an update.
#[derive(Debug, Clone)]
pub struct Original(Tensor<2>);

impl Original {
    /// The weight of a module as it is.
    pub fn of(module: &dyn EditableLinear) -> Self {
        Self(module.weight())
    }

    /// Puts the weight back, to the bit.
    pub fn restore(self, module: &mut dyn EditableLinear) {
        module.set_weight(self.0);
    }
}

/// Why an update cannot be applied.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateError {
    /// The update is for a module of another size.
    #[error("the update is [{}, {}] and the module is [{}, {}], as [inputs, outputs]", .update[0], .update[1], .module[0], .module[1])]
    Shape {
        /// The sizes of left and right.
        update: [usize; 2],
        /// The sizes of the module.
        module: [usize; 2],
    },
    /// The update holds a value that is infinite or not a number.
    #[error("the update holds values that are not finite")]
    NotFinite,
}

impl Hint for UpdateError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Shape { .. } => ErrorKind::OtherModel,
            Self::NotFinite => ErrorKind::NotFinite,
        }
    }

    fn hint(&self) -> Cow<'static, str> {
        match self {
            Self::Shape { .. } => "apply the edit to the module and the model it was made for".into(),
            Self::NotFinite => "edit again; this update would destroy the model".into(),
        }
    }
}
