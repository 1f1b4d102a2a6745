//! The rarity of words, and the similarity of texts by their rare words.

use std::collections::{BTreeMap, HashMap};

use unicode_segmentation::UnicodeSegmentation;

/// The rarity of words in a corpus, as scikit-learn's `TfidfVectorizer` defines it.
#[derive(Debug)]
pub(crate) struct Idf(HashMap<String, f64>);

impl Idf {
    /// Counts the documents that have each word.
    pub(crate) fn new<'a>(documents: impl Iterator<Item = &'a str>) -> Self {
        let mut counts: HashMap<String, f64> = HashMap::new();
        let mut n_documents = 0.0;
        for document in documents {
            n_documents += 1.0;
            for word in term_counts(document).into_keys() {
                *counts.entry(word).or_default() += 1.0;
            }
        }
        let idf = |count: f64| ((1.0 + n_documents) / (1.0 + count)).ln() + 1.0;
        Self(counts.into_iter().map(|(word, count)| (word, idf(count))).collect())
    }

    /// The cosine of two texts' words, weighted. Words that the corpus lacks count for nothing.
    pub(crate) fn cosine(&self, a: &str, b: &str) -> f64 {
        let weighted = |text: &str| -> BTreeMap<String, f64> {
            let counts = term_counts(text).into_iter();
            counts.filter_map(|(word, count)| self.0.get(&word).map(|idf| (word, idf * count))).collect()
        };
        let (a, b) = (weighted(a), weighted(b));
        let norm = |x: &BTreeMap<String, f64>| x.values().map(|x| x * x).sum::<f64>().sqrt();
        let dot: f64 = a.iter().filter_map(|(word, x)| Some(x * b.get(word)?)).sum();
        let norms = norm(&a) * norm(&b);
        if norms > 0.0 { dot / norms } else { 0.0 }
    }
}

/// Words of two letters or more, in lower case.
fn term_counts(text: &str) -> HashMap<String, f64> {
    let mut counts = HashMap::new();
    for word in text.unicode_words().map(str::to_lowercase).filter(|word| word.chars().count() > 1) {
        *counts.entry(word).or_default() += 1.0;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_rare_words_in_common_are_alike() {
        let corpus = ["the city of rome", "the city of paris", "the river", "rare gem"];
        let idf = Idf::new(corpus.into_iter());
        assert!((idf.cosine("rome", "Rome!") - 1.0).abs() < 1e-12);
        assert_eq!(idf.cosine("rome", "paris"), 0.0);
        assert_eq!(idf.cosine("unheard", "unheard"), 0.0, "words that the corpus lacks count for nothing");
        assert!(idf.cosine("the rome", "rome gem") > idf.cosine("the rome", "the gem"));
    }
}
