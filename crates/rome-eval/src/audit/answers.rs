//! The answers of a model to the questions of an audit.

use rome_core::forward::transfer::download;
use rome_core::request::one_line;
use rome_core::scoring::{Answer, score};
use rome_core::{CausalLm, Environment, Event, Observer, Progress, Query, Stopped, Unit, forward};

use super::distribution::Distribution;
use super::questions::{Question, Questions};

/// The answers of a model to all questions of an audit.
#[derive(Debug, Clone)]
pub struct AuditAnswers {
    /// Of each prompt.
    pub(super) prompts: Vec<Distribution>,
    /// Of each KL prompt, at its lookup position.
    pub(super) kl_prompts: Vec<Distribution>,
    /// Of each prompt, the answers for the new object and for the old one.
    pub(super) objects: Vec<[Option<Answer>; 2]>,
    /// The mean negative log-likelihood of the text's tokens.
    pub(super) nll: Option<f64>,
    /// The machine and program that computed them.
    pub(super) environment: Environment,
}

impl AuditAnswers {
    /// Asks a model, and tells `observer` of prompt after prompt.
    ///
    /// # Errors
    /// [`Stopped`] when `observer` stops it.
    ///
    /// # Panics
    /// If a prompt is empty, or a token is not one of the model's.
    pub fn of(
        model: &dyn CausalLm,
        questions: &Questions,
        observer: &mut dyn Observer,
    ) -> Result<Self, Stopped> {
        let total = (questions.prompts.len() + questions.kl_rows.len() + questions.text.len()) as u64;
        let mut numbers = 0..;
        let mut tell = |detail: &str| {
            let done = numbers.next().unwrap_or(total);
            observer.tell(Event::Progress(Progress { unit: Unit::Prompts, done, total, detail }))
        };
        let last = |tokens: &[u32]| {
            let logits = forward::logits(model, tokens);
            Distribution::new(&download(logits.narrow(0, tokens.len() - 1, 1)))
        };
        let mut prompts = Vec::with_capacity(questions.prompts.len());
        for prompt in &questions.prompts {
            tell(&one_line(&prompt.text))?;
            prompts.push(last(&prompt.tokens));
        }
        let objects = object_answers(model, &questions.prompts, &prompts);
        let mut kl_prompts = Vec::with_capacity(questions.kl_rows.len());
        for row in &questions.kl_rows {
            tell("")?;
            kl_prompts.push(last(&row.tokens[..=row.lookup]));
        }
        let nll = questions.text.nll(model, &mut || tell(""))?;
        let environment = Environment::of(&model.device());
        Ok(Self { prompts, kl_prompts, objects, nll, environment })
    }

    /// True if the model has answered all questions with numbers.
    pub fn are_finite(&self) -> bool {
        let mut distributions = self.prompts.iter().chain(&self.kl_prompts);
        distributions.all(Distribution::is_a_number) && self.nll.is_none_or(|nll| !nll.is_nan())
    }
}

/// Of each prompt, the answers for the new object and for the old one. That for a single token is read off
/// the distribution after the prompt, so that it is the one that is listed there; longer ones are scored.
fn object_answers(
    model: &dyn CausalLm,
    questions: &[Question],
    distributions: &[Distribution],
) -> Vec<[Option<Answer>; 2]> {
    let queries = questions.iter().map(|question| {
        let objects = [&question.new, &question.old].into_iter();
        let targets = objects.filter(|object| object.len() > 1).cloned().collect();
        Query { prompt: question.tokens.clone(), targets }
    });
    let queries: Vec<Query> = queries.filter(|query| !query.targets.is_empty()).collect();
    let scores = if queries.is_empty() { Vec::new() } else { score(model, &queries) };
    let mut scores = scores.into_iter().flatten();
    let pairs = questions.iter().zip(distributions);
    let of_prompt = |(question, distribution): (&Question, &Distribution)| {
        [&question.new, &question.old].map(|object| match object.as_slice() {
            [] => None,
            [token] => {
                let is_first = distribution.first() == *token;
                let probability = distribution.probability(*token);
                Some(Answer { probability, is_first, is_greedy: is_first })
            }
            _ => scores.next().as_ref().map(Answer::from),
        })
    };
    pairs.map(of_prompt).collect()
}
