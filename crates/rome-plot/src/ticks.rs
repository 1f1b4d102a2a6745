//! Round values along an axis.

use std::ops::Range;

/// Round values for a logarithmic axis: powers of ten, and what is between if these are few.
pub(crate) fn logarithmic(range: &Range<f64>) -> Vec<f64> {
    const ENOUGH: usize = 3;
    const FINER: [&[f64]; 3] =
        [&[1.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]];
    let powers = range.start.log10().floor() as i32..=range.end.log10().ceil() as i32;
    let of = |digits: &[f64]| -> Vec<f64> {
        let values =
            powers.clone().flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
        values.filter(|value| range.contains(value)).collect()
    };
    let found = FINER.into_iter().map(of).find(|ticks| ticks.len() >= ENOUGH);
    found.unwrap_or_else(|| of(FINER[FINER.len() - 1]))
}

/// Round values from `low` to `high`, at most this many, and how they are written; both ends where there
/// are not two.
pub(crate) fn linear(low: f64, high: f64, most: usize) -> Vec<(f64, String)> {
    let least = (high / 2.0 - low / 2.0) / most.max(1) as f64 * 2.0;
    let power = least.log10().floor() as i32;
    // The next larger one, for where rounding leaves one too many.
    for step in [1.0, 2.0, 5.0, 10.0, 20.0].map(|digit| digit * 10f64.powi(power)) {
        // A little is lost to rounding.
        let (first, last) = ((low / step - 1e-6).ceil(), (high / step + 1e-6).floor());
        let n_ticks = last - first + 1.0;
        if step >= least && n_ticks <= most as f64 {
            let ticks = (0..n_ticks.max(0.0) as usize).map(|n| {
                // Added to zero, minus zero is zero.
                let value = (first + n as f64) * step + 0.0;
                (value, written(value, step, low.abs().max(high.abs())))
            });
            let ticks: Vec<_> = ticks.collect();
            if ticks.len() >= 2 {
                return ticks;
            }
            break;
        }
    }
    [low, high].map(|end| (end, written(end, (high - low) / 10.0, low.abs().max(high.abs())))).to_vec()
}

/// A value with the digits that tell it from the next one, `step` away.
fn written(value: f64, step: f64, largest: f64) -> String {
    // A little is lost to rounding.
    let place = |value: f64| (value.abs().log10() + 1e-9).floor();
    if !(1e-3..1e6).contains(&largest) {
        let digits = (place(value) - place(step)).clamp(0.0, 9.0) as usize;
        let number = format!("{value:.digits$e}");
        return if value == 0.0 { "0".to_owned() } else { number.replace(".0e", "e") };
    }
    let decimals = (-place(step)).clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithmic_axis_has_round_ticks_and_enough_of_them() {
        assert_eq!(logarithmic(&(8.0..2000.0)), [10.0, 100.0, 1000.0]);
        assert_eq!(logarithmic(&(9.0..60.0)), [10.0, 20.0, 50.0]);
        let narrow = logarithmic(&(0.021..0.049));
        assert_eq!(narrow, [0.03, 0.04]);
    }

    #[test]
    fn a_linear_axis_has_round_ticks_with_the_digits_they_need() {
        let names = |low, high, most| -> Vec<String> {
            linear(low, high, most).into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(names(0.0, 1.0, 6), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(names(-0.03, 0.12, 4), ["0.00", "0.05", "0.10"]);
        assert_eq!(names(3.0, 61.0, 4), ["20", "40", "60"]);
        assert_eq!(names(0.0, 1.3e-7, 4), ["0", "5e-8", "1e-7"]);
        assert_eq!(names(0.0, 4e7, 5), ["0", "1e7", "2e7", "3e7", "4e7"]);
    }

    #[test]
    fn where_no_round_values_fit_the_ends_are_written() {
        let ends = linear(0.12, 0.87, 1);
        assert_eq!(ends, [(0.12, "0.12".to_owned()), (0.87, "0.87".to_owned())]);
        for (low, high) in [(f64::MIN, f64::MAX), (0.0, f64::MIN_POSITIVE), (1.0, 1.0 + f64::EPSILON)] {
            let ticks = linear(low, high, 5);
            assert!((2..=5).contains(&ticks.len()), "{ticks:?}");
            assert!(ticks.iter().all(|(value, _)| value.is_finite()), "{ticks:?}");
        }
    }
}
