//! The distribution of values between -1 and 1, before and after.

use maud::{Markup, html};

const N_BINS: usize = 20;
const BIN: f64 = 16.0;
const HEIGHT: f64 = 110.0;
const BELOW: f64 = 18.0;

pub(super) fn draw(before: &[f64], after: &[f64]) -> Markup {
    let [before, after] = [before, after].map(shares);
    let highest = before.iter().chain(&after).copied().fold(f64::MIN_POSITIVE, f64::max);
    let width = BIN * N_BINS as f64;
    let bar = |share: f64, bin: usize, half: f64| {
        let height = HEIGHT * share / highest;
        (
            format!("{:.1}", BIN * (bin as f64 + half) + 1.0),
            format!("{:.1}", HEIGHT - height),
            format!("{height:.1}"),
        )
    };
    html! {
        svg width=(width) height=(HEIGHT + BELOW) viewBox=(format!("0 0 {width} {}", HEIGHT + BELOW)) role="img" {
            @for (class, shares, half) in [("before", &before, 0.0), ("after", &after, 0.45)] {
                @for (bin, share) in shares.iter().enumerate() {
                    @if *share > 0.0 {
                        @let (x, y, height) = bar(*share, bin, half);
                        rect class=(class) x=(x) y=(y) width=(BIN * 0.42) height=(height) {}
                    }
                }
            }
            line x1="0" x2=(width) y1=(HEIGHT) y2=(HEIGHT) stroke="#6a7280" {}
            line x1=(width / 2.0) x2=(width / 2.0) y1="0" y2=(HEIGHT) stroke="#dfe3ea" {}
            @for (x, anchor, text) in [(0.0, "start", "−1"), (width / 2.0, "middle", "0"), (width, "end", "1")] {
                text x=(x) y=(HEIGHT + 14.0) text-anchor=(anchor) font-size="12" fill="#6a7280" { (text) }
            }
        }
    }
}

/// The share of values in each bin.
fn shares(values: &[f64]) -> [f64; N_BINS] {
    let mut shares = [0.0; N_BINS];
    for value in values.iter().filter(|value| value.is_finite()) {
        let bin = ((value + 1.0) / 2.0 * N_BINS as f64).floor().clamp(0.0, N_BINS as f64 - 1.0);
        shares[bin as usize] += 1.0 / values.len() as f64;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_bin() {
        let shares = shares(&[-1.0, -0.95, 0.0, 1.0]);
        assert_eq!((shares[0], shares[10], shares[19]), (0.5, 0.25, 0.25));
    }
}
