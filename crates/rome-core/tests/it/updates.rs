//! `(W + ΔW) k + b = v`, for every kind of module, size and stored orientation.

use burn::module::{Param, ParamId};
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Linear, LinearConfig, LinearLayout};
use burn::prelude::*;
use proptest::prelude::*;
use rome_core::edit::UpdateError;
use rome_core::{EditableLinear, LinearLike, Patched, RankOneUpdate};

use crate::{device, host, tensor};

/// Products of at most 12 numbers below 2, in f32.
const TOLERANCE: f32 = 1e-4;

/// Sizes with their numbers: a key, a value, and a weight with its bias.
#[derive(Debug, Clone)]
struct Case {
    sizes: [usize; 2],
    key: Vec<f32>,
    value: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

fn case() -> impl Strategy<Value = Case> {
    // Square sizes come up often enough to be tested in both orientations.
    prop_oneof![(1usize..12, 1usize..12), (1usize..12).prop_map(|size| (size, size))].prop_flat_map(
        |(input, output)| {
            let numbers = |n| prop::collection::vec(-2.0f32..2.0, n);
            // A key away from 0, as the update divides by its square.
            let key = prop::collection::vec(prop_oneof![0.5f32..2.0, -2.0f32..-0.5], input);
            (key, numbers(output), numbers(input * output), numbers(output)).prop_map(
                move |(key, value, weight, bias)| Case { sizes: [input, output], key, value, weight, bias },
            )
        },
    )
}

impl Case {
    /// A linear layer whose weight is stored as `[d_input, d_output]`, or as the transpose.
    fn linear(&self, layout: LinearLayout) -> Linear {
        let [d_input, d_output] = self.sizes;
        let weight = tensor(&self.weight, [d_input, d_output]);
        let weight = match layout {
            LinearLayout::Row => weight,
            // The same map, held as a transposed view of `[d_output, d_input]`.
            LinearLayout::Col => tensor(&host(weight.transpose()), [d_output, d_input]).transpose(),
        };
        let mut linear = LinearConfig::new(d_input, d_output).with_layout(layout).init(&device());
        linear.weight = Param::initialized(ParamId::new(), weight);
        linear.bias =
            Some(Param::initialized(ParamId::new(), Tensor::from_floats(&self.bias[..], &device())));
        linear
    }

    fn conv1d(&self) -> Conv1d {
        let [d_input, d_output] = self.sizes;
        let mut conv = Conv1dConfig::new(d_input, d_output, 1).init(&device());
        let weight = tensor(&self.weight, [d_input, d_output]).transpose().unsqueeze_dim::<3>(2);
        conv.weight = Param::initialized(ParamId::new(), weight);
        conv.bias = Some(Param::initialized(ParamId::new(), Tensor::from_floats(&self.bias[..], &device())));
        conv
    }

    fn key_row(&self) -> Tensor<2> {
        tensor(&self.key, [1, self.key.len()])
    }

    /// The update that maps the key to the value: left along the key, right the missing part.
    fn update(&self, module: &dyn LinearLike) -> RankOneUpdate {
        let output = host(module.forward(self.key_row()));
        let square: f32 = self.key.iter().map(|value| value * value).sum();
        RankOneUpdate {
            left: self.key.iter().map(|value| value / square).collect(),
            right: self.value.iter().zip(output).map(|(value, output)| value - output).collect(),
        }
    }

    fn assert_maps_key_to_value(&self, module: &dyn LinearLike) {
        for (found, wanted) in host(module.forward(self.key_row())).iter().zip(&self.value) {
            assert!((found - wanted).abs() < TOLERANCE, "{found} and {wanted}");
        }
    }

    fn check(&self, module: &mut dyn EditableLinear) {
        assert_eq!([module.d_input(), module.d_output()], self.sizes);
        let before = host(module.weight());
        let update = self.update(module);
        let original = update.apply(module).unwrap();
        self.assert_maps_key_to_value(module);
        assert_is_outer_product(&host(module.weight()), &before, &update);
        original.restore(module);
        assert_eq!(host(module.weight()), before, "undoing gives the same bytes");
    }
}

/// Every entry of ΔW is left times right, so its rank is one.
fn assert_is_outer_product(after: &[f32], before: &[f32], update: &RankOneUpdate) {
    for (row, left) in update.left.iter().enumerate() {
        for (column, right) in update.right.iter().enumerate() {
            let index = row * update.right.len() + column;
            assert!((after[index] - before[index] - left * right).abs() < TOLERANCE);
        }
    }
}

proptest! {
    #[test]
    fn a_layer_maps_the_key_to_the_value_in_either_orientation(case in case()) {
        case.check(&mut case.linear(LinearLayout::Row));
        case.check(&mut case.linear(LinearLayout::Col));
    }

    #[test]
    fn both_orientations_of_the_same_map_are_edited_alike(case in case()) {
        let (mut row, mut column) = (case.linear(LinearLayout::Row), case.linear(LinearLayout::Col));
        let update = case.update(&row);
        update.apply(&mut row).unwrap();
        update.apply(&mut column).unwrap();
        prop_assert_eq!(host(row.weight()), host(EditableLinear::weight(&column)));
    }

    #[test]
    fn a_convolution_of_kernel_1_maps_the_key_to_the_value(case in case()) {
        case.check(&mut case.conv1d());
    }

    #[test]
    fn a_patched_module_acts_as_an_edited_one(case in case()) {
        let mut linear = case.linear(LinearLayout::Row);
        let update = case.update(&linear);
        let patched = Patched::new(linear.clone(), &update, &device()).unwrap();
        case.assert_maps_key_to_value(&patched);
        let before = host(linear.weight());
        prop_assert_eq!(host(patched.into_inner().weight()), before);
        update.apply(&mut linear).unwrap();
        case.assert_maps_key_to_value(&linear);
    }
}

#[test]
fn mismatched_sizes_are_an_error_that_names_both() {
    let mut linear = LinearConfig::new(3, 2).init(&device());
    // A square layer, too, is not taken for its transpose.
    for (left, right) in [(2, 3), (3, 3), (2, 2)] {
        let update = RankOneUpdate { left: vec![1.0; left], right: vec![1.0; right] };
        let error = update.apply(&mut linear).unwrap_err();
        assert_eq!(error, UpdateError::Shape { update: [left, right], module: [3, 2] });
        let text = format!("the update is [{left}, {right}] and the module is [3, 2], as [inputs, outputs]");
        assert_eq!(error.to_string(), text);
        assert!(Patched::new(linear.clone(), &update, &device()).is_err());
    }
}

#[test]
fn an_update_that_is_not_finite_is_refused_and_changes_nothing() {
    let mut linear = LinearConfig::new(2, 2).init(&device());
    let before = host(linear.weight());
    for bad in [f32::NAN, f32::INFINITY] {
        let update = RankOneUpdate { left: vec![1.0, 0.0], right: vec![bad, 0.0] };
        assert_eq!(update.apply(&mut linear).unwrap_err(), UpdateError::NotFinite);
        assert_eq!(host(linear.weight()), before);
    }
}
