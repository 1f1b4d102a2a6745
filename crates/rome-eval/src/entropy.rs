//! The variety of a text.

use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation;

/// The entropy of a text in bits: of its pairs and triples of words, weighted 2/3 and 4/3, and then
/// their mean. Words are those of Unicode's segmentation, where the reference takes nltk's.
pub fn entropy(text: &str) -> f64 {
    let words: Vec<&str> = text.split_word_bounds().filter(|word| !word.trim().is_empty()).collect();
    let of = |n: usize| {
        let mut counts: HashMap<&[&str], f64> = HashMap::new();
        words.windows(n).for_each(|window| *counts.entry(window).or_default() += 1.0);
        let total: f64 = counts.values().sum();
        // Sorted, so that the sum is the same each time.
        let mut shares: Vec<f64> = counts.values().map(|count| count / total).collect();
        shares.sort_by(f64::total_cmp);
        shares.iter().map(|share| -share * share.log2()).sum::<f64>()
    };
    (of(2) * 2.0 / 3.0 + of(3) * 4.0 / 3.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_counts_pairs_and_triples_of_words() {
        // Pairs: ab, ba, ab; triples: aba, bab.
        let pairs = -(2.0f64 / 3.0) * (2.0f64 / 3.0).log2() - (1.0f64 / 3.0) * (1.0f64 / 3.0).log2();
        let expected = (pairs * 2.0 / 3.0 + 1.0 * 4.0 / 3.0) / 2.0;
        assert!((entropy("a b a b") - expected).abs() < 1e-12);
        assert_eq!(entropy("same same same same"), 0.0);
        assert_eq!(entropy(""), 0.0);
        assert!(entropy("one two, three four.") > entropy("one one, one one."));
    }
}
