//! `C x = k`.

use burn::prelude::*;
use proptest::prelude::*;
use rome_core::statistics::SolveError;
use rome_core::{CholeskyFactor, SecondMoment};

/// A moment over the given keys.
fn moment(keys: &[Vec<f32>]) -> SecondMoment {
    let d_ff = keys[0].len();
    let mut moment = SecondMoment::new(d_ff);
    for key in keys {
        let key = Tensor::<1>::from_floats(key.as_slice(), &Device::flex());
        moment.add_keys(vec![key.unsqueeze()]).unwrap();
    }
    moment
}

fn times(moment: &SecondMoment, x: &[f64]) -> Vec<f64> {
    (0..x.len()).map(|row| (0..x.len()).map(|column| moment.mean(row, column) * x[column]).sum()).collect()
}

proptest! {
    #[test]
    fn the_solution_solves_and_can_be_had_again(
        keys in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 5), 20..40),
        key in prop::collection::vec(-1.0f64..1.0, 5),
    ) {
        let moment = moment(&keys);
        let factor = CholeskyFactor::new(&moment).unwrap();
        prop_assert_eq!(factor.ridge(), None);
        let solution = factor.solve(&key);
        // f64 leaves 16 digits; a condition number of some thousands takes 4 of them.
        for (found, wanted) in times(&moment, &solution).iter().zip(&key) {
            prop_assert!((found - wanted).abs() < 1e-9);
        }
        prop_assert_eq!(solution, factor.solve(&key));
        prop_assert!(factor.condition() >= 1.0);
    }
}

#[test]
fn the_condition_is_the_ratio_of_the_extreme_eigenvalues() {
    let diagonal = [4.0f64, 1.0, 0.25];
    let sum = (0..9).map(|i| if i % 4 == 0 { diagonal[i / 4] } else { 0.0 }).collect();
    let factor = CholeskyFactor::new(&SecondMoment::from_sum(3, 1, sum).unwrap()).unwrap();
    // 30 steps of power iteration on eigenvalues a factor of four apart.
    let [smallest, greatest] = factor.eigenvalues();
    assert!((smallest - 0.25).abs() < 1e-6 && (greatest - 4.0).abs() < 1e-6, "{smallest} {greatest}");
    assert!((factor.condition() - 16.0).abs() < 1e-6, "{}", factor.condition());
}

#[test]
fn too_few_keys_get_a_ridge_that_is_reported() {
    let factor = CholeskyFactor::new(&moment(&[vec![1.0, 2.0, 3.0]])).unwrap();
    assert!(factor.ridge().is_some_and(|ridge| ridge > 0.0));
    assert!(factor.solve(&[1.0, 0.0, 0.0]).iter().all(|value| value.is_finite()));
}

#[test]
fn what_cannot_be_solved_with_is_refused() {
    assert_eq!(CholeskyFactor::new(&SecondMoment::new(3)).unwrap_err(), SolveError::Empty);
    let infinite = SecondMoment::from_sum(1, 1, vec![f64::INFINITY]).unwrap();
    assert_eq!(CholeskyFactor::new(&infinite).unwrap_err(), SolveError::NotFinite);
    let indefinite = SecondMoment::from_sum(2, 1, vec![1.0, 0.0, 0.0, -1.0]).unwrap();
    assert!(matches!(CholeskyFactor::new(&indefinite), Err(SolveError::NotPositiveDefinite { .. })));
    assert!(SecondMoment::from_sum(2, 1, vec![0.0; 3]).is_none());
}

#[test]
fn the_identity_gives_the_key_back() {
    assert_eq!(CholeskyFactor::identity(2).solve(&[3.0, 4.0]), [3.0, 4.0]);
}

#[test]
fn sizes_that_overflow_are_no_squares_and_no_triangles() {
    for d_ff in [usize::MAX, 1 << 32, 1 << 63] {
        assert!(SecondMoment::from_sum(d_ff, 1, Vec::new()).is_none());
        assert!(SecondMoment::from_lower(d_ff, 1, &[]).is_none());
        assert!(CholeskyFactor::from_lower(d_ff, 1, &[], None, [1.0, 1.0]).is_none());
    }
}
