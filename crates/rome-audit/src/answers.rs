//! What a model answers.

use rome_core::transfer::download;
use rome_core::{CausalLm, Environment, forward};

use crate::Questions;

/// What a model says to all questions.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Of each prompt.
    pub(crate) prompts: Vec<Distribution>,
    /// Of each preservation prompt, at its lookup position.
    pub(crate) preserved: Vec<Distribution>,
    /// Of each prompt, the probability of the new object and of the old one: the product over its
    /// tokens.
    pub(crate) objects: Vec<[Option<f64>; 2]>,
    /// The mean negative log-likelihood of the text's tokens.
    pub(crate) nll: Option<f64>,
    /// What computed them.
    pub(crate) environment: Environment,
}

/// The log-probabilities of all tokens at a position.
#[derive(Debug, Clone)]
pub(crate) struct Distribution(Vec<f32>);

impl Distribution {
    fn new(logits: &[f32]) -> Self {
        let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = logits.iter().map(|&logit| f64::from(logit - greatest).exp()).sum();
        let log_total = total.ln() + f64::from(greatest);
        Self(logits.iter().map(|&logit| (f64::from(logit) - log_total) as f32).collect())
    }

    pub(crate) fn probability(&self, token: u32) -> f64 {
        f64::from(self.0[token as usize]).exp()
    }

    /// The `n` most probable tokens, the most probable first.
    pub(crate) fn top(&self, n: usize) -> Vec<(u32, f64)> {
        let tokens = rome_core::generate::top_k(&self.0, n);
        tokens.into_iter().map(|token| (token, self.probability(token))).collect()
    }

    /// `KL(self ‖ other)`, in nats.
    pub(crate) fn divergence(&self, other: &Self) -> f64 {
        let terms = self.0.iter().zip(&other.0);
        let terms = terms.map(|(&a, &b)| f64::from(a).exp() * (f64::from(a) - f64::from(b)));
        // A token of no probability adds none; rounding may leave a little less than nothing.
        terms.filter(|term| term.is_finite()).sum::<f64>().max(0.0)
    }
}

impl Answers {
    /// Asks a model.
    ///
    /// # Panics
    /// If a prompt is empty, or a token is not one of the model's.
    pub fn of(model: &dyn CausalLm, questions: &Questions) -> Self {
        let vocab_size = model.shape().vocab_size;
        let at = |tokens: &[u32], position: usize| {
            let logits = forward::logits(model, &tokens[..=position]);
            Distribution::new(&download(logits.narrow(0, position, 1)))
        };
        let prompts: Vec<Distribution> =
            questions.prompts.iter().map(|prompt| at(&prompt.tokens, prompt.tokens.len() - 1)).collect();
        let objects = questions.prompts.iter().zip(&prompts).map(|(prompt, first)| {
            [&prompt.new, &prompt.old].map(|object| probability(model, &prompt.tokens, object, first))
        });
        let objects = objects.collect();
        let preserved = questions.preserved.iter().map(|(_, row)| at(&row.tokens, row.lookup)).collect();
        let mut total = (0.0, 0);
        for window in &questions.text {
            let logits = download(forward::logits(model, window));
            for (logits, &next) in logits.chunks(vocab_size).zip(&window[1..]) {
                total.0 -= rome_core::edit::probability(logits, next).ln();
                total.1 += 1;
            }
        }
        let nll = (total.1 > 0).then(|| total.0 / f64::from(total.1));
        let environment = Environment::of(&model.device());
        Self { prompts, preserved, objects, nll, environment }
    }
}

impl Answers {
    /// Whether the model has answered all questions with numbers.
    pub fn are_finite(&self) -> bool {
        let distributions = self.prompts.iter().chain(&self.preserved);
        distributions.flat_map(|distribution| &distribution.0).all(|p| !p.is_nan())
            && self.nll.is_none_or(|nll| !nll.is_nan())
    }
}

/// The probability of an object after a prompt; `None` if there is none.
fn probability(model: &dyn CausalLm, prompt: &[u32], object: &[u32], first: &Distribution) -> Option<f64> {
    match object {
        [] => None,
        [token] => Some(first.probability(*token)),
        object => Some(rome_core::edit::Answer::of(model, prompt, object).probability),
    }
}
