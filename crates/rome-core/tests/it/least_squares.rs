//! The least-squares solution for many keys, and the metrics that it is solved with.

use std::sync::Arc;

use proptest::prelude::*;
use rome_core::edit::WeightUpdate;
use rome_core::statistics::{Adjustment, LeastSquares, Metric, NullSpace, NullSpaceBound, Route};
use rome_core::{CholeskyFactor, RankOneUpdate, SecondMoment};

const D_FF: usize = 8;

/// C of keys that span all dimensions, some of them hardly.
fn factor(keys: &[Vec<f64>]) -> Arc<CholeskyFactor> {
    let mut sum = vec![0.0; D_FF * D_FF];
    for key in keys {
        for row in 0..D_FF {
            for column in 0..D_FF {
                sum[row * D_FF + column] += key[row] * key[column];
            }
        }
    }
    for feature in 0..D_FF {
        sum[feature * D_FF + feature] += 0.01 * (feature + 1) as f64;
    }
    Arc::new(CholeskyFactor::new(&SecondMoment::from_sum(D_FF, keys.len() as u64, sum).unwrap()).unwrap())
}

fn keys(n: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Vec<f64>>> {
    prop::collection::vec(prop::collection::vec(-1.0f64..1.0, D_FF), n)
}

fn solve(metric: &Metric, keys: &[Vec<f64>], slack: f64, route: Route) -> Adjustment {
    LeastSquares { metric, keys, slack }.solve_by(route).unwrap()
}

fn furthest(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let scale = a.iter().flatten().fold(1e-300, |most: f64, value| most.max(value.abs()));
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / scale
}

fn narrow(key: &[f64]) -> Vec<f32> {
    key.iter().map(|&value| value as f32).collect()
}

/// Keys that f32 holds, as spared ones are kept in it.
fn rounded(keys: &[Vec<f64>]) -> Vec<Vec<f64>> {
    keys.iter().map(|key| key.iter().map(|&value| f64::from(value as f32)).collect()).collect()
}

proptest! {
    #[test]
    fn both_systems_have_the_same_solution(text in keys(20), keys in keys(1..12), slack in 0.1f64..2.0) {
        let factor = factor(&text);
        let space = Arc::new(NullSpace::new(&factor, NullSpaceBound::TraceShare(0.3)).unwrap());
        for metric in [Metric::covariance(factor, 2.0, 0.5).unwrap(), Metric::null_space(space, 1.5)] {
            let [a, b] = [Route::Keys, Route::Features].map(|route| solve(&metric, &keys, slack, route));
            // f64 leaves 16 digits, and condition numbers of some thousands take 4 of them.
            prop_assert!(furthest(&a.lefts, &b.lefts) < 1e-10);
            prop_assert!(a.shares.iter().all(|&share| share > -1e-12 && share < 1.0 + 1e-12));
        }
    }

    /// EMMET with λ and μ is MEMIT with λμ: one implementation serves both.
    #[test]
    fn slack_is_a_factor_of_the_weight(text in keys(20), keys in keys(1..8), slack in 0.05f64..3.0) {
        let factor = factor(&text);
        let emmet = Metric::covariance(Arc::clone(&factor), 2.0, 0.0).unwrap();
        let memit = Metric::covariance(factor, 2.0 * slack, 0.0).unwrap();
        let (a, b) = (solve(&emmet, &keys, slack, Route::Keys), solve(&memit, &keys, 1.0, Route::Keys));
        prop_assert!(furthest(&a.lefts, &b.lefts) < 1e-10);
    }

    #[test]
    fn the_order_of_keys_does_not_matter(text in keys(20), keys in keys(2..8)) {
        let metric = Metric::covariance(factor(&text), 2.0, 0.0).unwrap();
        let reversed: Vec<Vec<f64>> = keys.iter().rev().cloned().collect();
        for route in [Route::Keys, Route::Features] {
            let (a, b) = (solve(&metric, &keys, 1.0, route), solve(&metric, &reversed, 1.0, route));
            let back: Vec<Vec<f64>> = b.lefts.into_iter().rev().collect();
            prop_assert!(furthest(&a.lefts, &back) < 1e-10);
        }
    }

    /// Batches that spare the keys of those before them, and miss nothing at those, end where all at once does.
    #[test]
    fn batches_that_keep_all_constraints_are_all_at_once(
        text in keys(20), keys in keys(5..6), rights in prop::collection::vec(-1.0f64..1.0, 5),
    ) {
        let keys = rounded(&keys);
        let mut metric = Metric::covariance(factor(&text), 2.0, 0.0).unwrap();
        let all = solve(&metric, &keys, 1.0, Route::Keys);
        let expected: Vec<f64> = (0..D_FF)
            .map(|feature| all.lefts.iter().zip(&rights).map(|(left, right)| left[feature] * right).sum())
            .collect();
        let mut weight = vec![0.0; D_FF];
        for (key, right) in keys.iter().zip(&rights) {
            let left = &solve(&metric, std::slice::from_ref(key), 1.0, Route::Keys).lefts[0];
            // What the key misses yet; those before it are spared, and so miss what they missed.
            let missing = right - weight.iter().zip(key).map(|(w, k): (&f64, &f64)| w * k).sum::<f64>();
            weight.iter_mut().zip(left).for_each(|(weight, left)| *weight += left * missing);
            metric.spare([narrow(key)]);
        }
        prop_assert!(furthest(&[expected], &[weight]) < 1e-9);
    }

    #[test]
    fn without_slack_every_key_gets_what_it_misses(text in keys(20), keys in keys(1..5)) {
        let metric = Metric::covariance(factor(&text), 2.0, 0.0).unwrap();
        if let Ok(solution) = (LeastSquares { metric: &metric, keys: &keys, slack: 0.0 }).solve() {
            prop_assert!(solution.shares.iter().all(|share| (share - 1.0).abs() < 1e-6));
        }
    }

    /// The sum of many terms is rounded once, and the smaller form does the same.
    #[test]
    fn terms_and_their_difference_are_the_same_update(
        lefts in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 4), 1..9),
    ) {
        let term = |left: &Vec<f32>| RankOneUpdate { left: left.clone(), right: vec![left[0], 0.5, left[3]] };
        let update = WeightUpdate::LowRank(lefts.iter().map(term).collect());
        let dense = update.dense().into_owned();
        let compact = update.clone().compact();
        // Four inputs and three outputs: two terms have more values than the difference.
        prop_assert_eq!(matches!(compact, WeightUpdate::Dense { .. }), lefts.len() > 1);
        let [mut a, mut b] = [vec![1.0f32; 12], vec![1.0f32; 12]];
        update.add_to(&mut a);
        compact.add_to(&mut b);
        prop_assert_eq!(&a, &b);
        let turned = compact.transposed().transposed();
        prop_assert_eq!(&*turned.dense(), dense.as_slice());
        prop_assert!((update.norm() - compact.norm()).abs() < 1e-6);
    }
}

#[test]
fn a_key_alone_gets_the_share_of_its_leverage() {
    let metric = Metric::covariance(Arc::new(CholeskyFactor::identity(2)), 3.0, 0.0).unwrap();
    let solution = solve(&metric, &[vec![3.0, 4.0]], 1.0, Route::Keys);
    let leverage = 25.0 / 3.0;
    assert!((solution.leverages[0] - leverage).abs() < 1e-12);
    assert!((solution.shares[0] - leverage / (1.0 + leverage)).abs() < 1e-12);
}

#[test]
fn equal_keys_cannot_all_be_mapped_exactly() {
    let metric = Metric::covariance(Arc::new(CholeskyFactor::identity(3)), 1.0, 0.0).unwrap();
    let keys = vec![vec![1.0, 2.0, 0.0]; 2];
    let error = LeastSquares { metric: &metric, keys: &keys, slack: 0.0 }.solve().unwrap_err();
    assert!(error.to_string().contains("depend on each other"), "{error}");
    // With slack they share what is written.
    let shared = solve(&metric, &keys, 1.0, Route::Keys);
    assert!((shared.shares[0] - shared.shares[1]).abs() < 1e-12);
}

#[test]
fn no_direction_outside_a_null_space_is_taken() {
    let sum = (0..9).map(|i| if i % 4 == 0 { [4.0, 1e-3, 1e-4][i / 4] } else { 0.0 }).collect();
    let factor = CholeskyFactor::new(&SecondMoment::from_sum(3, 1, sum).unwrap()).unwrap();
    let space = NullSpace::new(&factor, NullSpaceBound::Threshold(0.01)).unwrap();
    assert_eq!(space.n_kept(), 2);
    let metric = Metric::null_space(Arc::new(space), 0.5);
    let solution = solve(&metric, &[vec![1.0, 1.0, 1.0]], 1.0, Route::Keys);
    assert!(solution.lefts[0][0].abs() < 1e-12, "{:?}", solution.lefts);
    assert!(solution.lefts[0][1] > 0.1);
}
