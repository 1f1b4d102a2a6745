//! The size of noise.

use std::str::FromStr;

use rome_eval::trace::sigma;

use super::error::TraceError;
use crate::{Error, Model};

/// The size of normal noise on a subject's embeddings.
///
/// As text it is a standard deviation, such as `0.1`, or `s3` for three times that of subjects' embeddings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NoiseScale {
    /// This standard deviation.
    Deviation(f64),
    /// So many times the standard deviation of the embeddings of subjects that the model knows; the paper
    /// takes 3.
    OfSubjects(f64),
}

impl Default for NoiseScale {
    fn default() -> Self {
        Self::OfSubjects(3.0)
    }
}

impl FromStr for NoiseScale {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |number: &str| match number.parse::<f64>() {
            Ok(number) if number > 0.0 && (number as f32).is_finite() => Ok(number),
            _ => Err(TraceError::NoiseScale { text: text.to_owned() }),
        };
        Ok(match text.strip_prefix('s') {
            None => Self::Deviation(number(text)?),
            Some(factor) => Self::OfSubjects(number(factor)?),
        })
    }
}

impl NoiseScale {
    /// The standard deviation for a model, given subjects that it knows.
    pub(super) fn deviation<'s>(
        self,
        model: &Model,
        subjects: impl IntoIterator<Item = &'s str>,
    ) -> Result<f64, Error> {
        match self {
            Self::Deviation(deviation) => Ok(deviation),
            Self::OfSubjects(factor) => Ok(factor * sigma(model.lm(), model.tokenizer(), subjects)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_noise_is_a_number_or_a_multiple() {
        assert_eq!("0.25".parse::<NoiseScale>().unwrap(), NoiseScale::Deviation(0.25));
        assert_eq!("s3".parse::<NoiseScale>().unwrap(), NoiseScale::default());
        for text in ["", "s", "3s", "-1", "0", "1e39", "nan", "s-3"] {
            let error = text.parse::<NoiseScale>().unwrap_err();
            assert_eq!(error.to_string(), format!("{text:?} is not a noise level"));
        }
    }
}
