//! A text in windows that fit into a model.

use rome_core::scoring::score;
use rome_core::{CausalLm, Query, Stopped};

/// A text in windows that fit into a model, each of two tokens or more. Its perplexity shows whether a model
/// still is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextWindows(Vec<Query>);

impl TextWindows {
    /// Takes windows of at most `n_positions` tokens each.
    pub fn new(tokens: &[u32], n_positions: usize) -> Self {
        let query = |window: &[u32]| {
            let (first, rest) = window.split_first().filter(|(_, rest)| !rest.is_empty())?;
            Some(Query { prompt: vec![*first], targets: vec![rest.to_vec()] })
        };
        // A model of one position predicts nothing.
        Self(if n_positions < 2 {
            Vec::new()
        } else {
            tokens.chunks(n_positions).filter_map(query).collect()
        })
    }

    /// The number of windows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if no token is predicted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of tokens that are predicted.
    pub fn n_predicted(&self) -> usize {
        self.0.iter().map(|query| query.targets[0].len()).sum()
    }

    /// The mean negative log-likelihood of the tokens that are predicted; none if there are none. Its
    /// exponential is the perplexity.
    ///
    /// # Errors
    /// [`Stopped`] when `before_each`, which is called before each window, stops it.
    pub fn nll(
        &self,
        model: &dyn CausalLm,
        before_each: &mut dyn FnMut() -> Result<(), Stopped>,
    ) -> Result<Option<f64>, Stopped> {
        let mut log_prob = 0.0;
        for query in &self.0 {
            before_each()?;
            log_prob += score(model, std::slice::from_ref(query))[0][0].log_prob();
        }
        Ok((!self.is_empty()).then(|| -log_prob / self.n_predicted() as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_two_tokens_or_more() {
        let n_predicted = |n_tokens: u32, n_positions| {
            TextWindows::new(&(0..n_tokens).collect::<Vec<_>>(), n_positions).n_predicted()
        };
        assert_eq!([n_predicted(0, 8), n_predicted(1, 8), n_predicted(8, 1), n_predicted(8, 0)], [0; 4]);
        assert_eq!([n_predicted(8, 8), n_predicted(9, 8), n_predicted(10, 8)], [7, 7, 8]);
    }
}
