//! Is generated text still text, and about the right thing?

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rome_core::generate::{Decoding, Generation};
use rome_core::request::{check_vocabulary, tidy};
use rome_core::scoring::score;
use rome_core::{CausalLm, Query, Tokenizer};

use crate::answers::Answers;
use crate::entropy::entropy;
use crate::error::EvalError;
use crate::estimate::mean;
use crate::record::Record;
use crate::snippets::Snippets;

/// The number of tokens that generated text is sampled from; its length with its prompt is as in the
/// reference.
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
        tokenizer: &dyn Tokenizer,
        record: &dyn Record,
        answers: &mut Answers,
    ) -> Result<(), EvalError> {
        if record.generation_prompts().is_empty() {
            return Ok(());
        }
        let texts = self.generate(model, tokenizer, record)?;
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
                answers.essence_score = Some(perplexity(model, tokenizer, &of_subject.join(" "))?);
            }
        }
        answers.text = Some(texts);
        Ok(())
    }

    fn generate(
        &self,
        model: &dyn CausalLm,
        tokenizer: &dyn Tokenizer,
        record: &dyn Record,
    ) -> Result<Vec<String>, EvalError> {
        let n_positions = model.shape().n_positions;
        let mut prompts = Vec::new();
        for prompt in record.generation_prompts() {
            let ids = tokenizer.encode(prompt)?.ids;
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
            Ok(tidy(&tokenizer.decode(&row[..len])?, &self.end_text))
        };
        rows.map(text).collect()
    }
}

/// The perplexity of the first hundred tokens of a text; the reference divides by their number, not
/// by that of the predicted ones.
fn perplexity(model: &dyn CausalLm, tokenizer: &dyn Tokenizer, text: &str) -> Result<f64, EvalError> {
    let ids = tokenizer.encode(text)?.ids;
    check_vocabulary(&ids, model.shape())?;
    let ids = &ids[..ids.len().min(MAX_TOKENS).min(model.shape().n_positions)];
    let [first, rest @ ..] = ids else { return Ok(1.0) };
    if rest.is_empty() {
        return Ok(1.0);
    }
    let scores = score(model, &[Query { prompt: vec![*first], targets: vec![rest.to_vec()] }]);
    Ok((-scores[0][0].log_prob() / ids.len() as f64).exp())
}
