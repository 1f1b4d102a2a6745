//! Is generated text still text, and about the right thing?

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rome_core::context::tidy;
use rome_core::generate::{Decoding, Generation};
use rome_core::rows::check_vocabulary;
use rome_core::scoring::score;
use rome_core::{CausalLm, Query, TokenCodec};
use rome_files::read_bounded;
use serde::Deserialize;
use unicode_segmentation::UnicodeSegmentation;

use crate::summary::mean;
use crate::{Answers, EvalError, Record};

/// The site's file has 130 MB.
const MAX_SNIPPETS: u64 = 1 << 30;

/// Generated text is drawn from so many tokens, and as long with its prompt, as in the reference.
const TOP_K: usize = 5;
const MAX_TOKENS: usize = 100;

/// Generates text and judges it.
#[derive(Debug, Default)]
pub struct Fluency {
    /// The seed of the draws; the same before and after an edit.
    pub seed: u64,
    /// The text of the token that starts or ends a text, which is none of the model's words.
    pub end_text: String,
    /// Texts to compare with.
    pub snippets: Option<Snippets>,
}

impl Fluency {
    /// Continues the prompts of a record and adds what comes of it to the answers.
    ///
    /// # Errors
    /// When the tokenizer fails, or there are snippets, but none for the record's target.
    pub fn judge(
        &self,
        model: &dyn CausalLm,
        tokens: &dyn TokenCodec,
        record: &dyn Record,
        answers: &mut Answers,
    ) -> Result<(), EvalError> {
        if record.generation_prompts().is_empty() {
            return Ok(());
        }
        let texts = self.generate(model, tokens, record)?;
        let entropies: Vec<f64> = texts.iter().map(|text| entropy(text)).collect();
        answers.ngram_entropy = mean(&entropies);
        if let Some(snippets) = &self.snippets {
            let found = snippets.find(record)?;
            let all: Vec<&str> = found.iter().map(|snippet| snippet.text.as_str()).collect();
            answers.reference_score = Some(snippets.idf.cosine(&texts.join(" "), &all.join(" ")));
            let subject = &record.rewrite().subject;
            let of_subject = found.iter().filter(|snippet| snippet.name == *subject);
            let of_subject: Vec<&str> = of_subject.map(|snippet| snippet.text.as_str()).collect();
            if !of_subject.is_empty() {
                answers.essence_score = Some(perplexity(model, tokens, &of_subject.join(" "))?);
            }
        }
        answers.text = Some(texts);
        Ok(())
    }

    fn generate(
        &self,
        model: &dyn CausalLm,
        tokens: &dyn TokenCodec,
        record: &dyn Record,
    ) -> Result<Vec<String>, EvalError> {
        let n_positions = model.shape().n_positions;
        let mut prompts = Vec::new();
        for prompt in record.generation_prompts() {
            let ids = tokens.encode(prompt)?.ids;
            check_vocabulary(&ids, model.shape())?;
            if ids.is_empty() || ids.len() >= n_positions {
                return Err(EvalError::Length { prompt: prompt.clone(), len: ids.len(), n_positions });
            }
            prompts.push(ids);
        }
        let longest = MAX_TOKENS.min(n_positions);
        let lens = || prompts.iter().map(Vec::len);
        // Rows grow together, so that a long prompt may end the others before their time.
        let most = n_positions - lens().max().unwrap_or(0);
        let steps = longest.saturating_sub(lens().min().unwrap_or(longest)).min(most);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut generation = Generation::new(model, &prompts);
        for _ in 0..steps {
            generation
                .step(&mut Decoding::TopK { k: TOP_K, rng: &mut rng })
                .map_err(|_| EvalError::NotFinite)?;
        }
        let rows = generation.rows().iter().zip(&prompts);
        let text = |(row, prompt): (&Vec<u32>, &Vec<u32>)| {
            let len = row.len().min(longest.max(prompt.len()));
            Ok(tidy(&tokens.decode(&row[..len])?, &self.end_text))
        };
        rows.map(text).collect()
    }
}

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

/// The perplexity of the first hundred tokens of a text; the reference divides by their number, not
/// by that of the predicted ones.
fn perplexity(model: &dyn CausalLm, tokens: &dyn TokenCodec, text: &str) -> Result<f64, EvalError> {
    let ids = tokens.encode(text)?.ids;
    check_vocabulary(&ids, model.shape())?;
    let ids = &ids[..ids.len().min(MAX_TOKENS).min(model.shape().n_positions)];
    let [first, rest @ ..] = ids else { return Ok(1.0) };
    if rest.is_empty() {
        return Ok(1.0);
    }
    let scores = score(model, &[Query { prompt: vec![*first], targets: vec![rest.to_vec()] }]);
    let total: f64 = scores[0][0].iter().map(|token| token.log_prob).sum();
    Ok((-total / ids.len() as f64).exp())
}

/// Texts about subjects of which a fact is true, `attribute_snippets.json` of the project's site.
#[derive(Debug)]
pub struct Snippets {
    /// By relation and target.
    texts: BTreeMap<(String, String), Vec<Snippet>>,
    idf: Idf,
}

#[derive(Debug, Deserialize)]
struct SnippetsOf {
    relation_id: String,
    target_id: String,
    samples: Vec<Snippet>,
}

/// A text about a subject.
#[derive(Debug, Clone, Deserialize)]
struct Snippet {
    name: String,
    text: String,
}

impl Snippets {
    /// Reads a file of snippets. Words are weighted by how rare they are in `corpus`, or in the
    /// snippets themselves without one, as the reference does when it cannot have its own file.
    ///
    /// # Errors
    /// When the file is none of snippets.
    pub fn read(path: &Path, corpus: Option<&[String]>) -> Result<Self, EvalError> {
        let bytes = read_bounded(path, MAX_SNIPPETS)?;
        let list: Vec<SnippetsOf> = serde_json::from_slice(&bytes)
            .map_err(|error| EvalError::Data { path: path.to_owned(), reason: error.to_string() })?;
        let mut texts: BTreeMap<(String, String), Vec<Snippet>> = BTreeMap::new();
        for SnippetsOf { relation_id, target_id, samples } in list {
            texts.entry((relation_id, target_id)).or_default().extend(samples);
        }
        let idf = match corpus {
            Some(corpus) => Idf::new(corpus.iter().map(String::as_str)),
            None => Idf::new(texts.values().flatten().map(|snippet| snippet.text.as_str())),
        };
        Ok(Self { texts, idf })
    }

    fn find(&self, record: &dyn Record) -> Result<&[Snippet], EvalError> {
        let rewrite = record.rewrite();
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        let key = (id(&rewrite.relation_id), id(&rewrite.target_new.id));
        match self.texts.get(&key) {
            Some(found) if !found.is_empty() => Ok(found),
            _ => Err(EvalError::NoSnippets { relation: key.0, target: key.1 }),
        }
    }
}

/// How rare words are in a corpus, as scikit-learn's `TfidfVectorizer` has it.
#[derive(Debug)]
struct Idf(HashMap<String, f64>);

impl Idf {
    fn new<'a>(documents: impl Iterator<Item = &'a str>) -> Self {
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
    fn cosine(&self, a: &str, b: &str) -> f64 {
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
    fn entropy_counts_pairs_and_triples_of_words() {
        // Pairs: ab, ba, ab; triples: aba, bab.
        let pairs = -(2.0f64 / 3.0) * (2.0f64 / 3.0).log2() - (1.0f64 / 3.0) * (1.0f64 / 3.0).log2();
        let expected = (pairs * 2.0 / 3.0 + 1.0 * 4.0 / 3.0) / 2.0;
        assert!((entropy("a b a b") - expected).abs() < 1e-12);
        assert_eq!(entropy("same same same same"), 0.0);
        assert_eq!(entropy(""), 0.0);
        assert!(entropy("one two, three four.") > entropy("one one, one one."));
    }

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
