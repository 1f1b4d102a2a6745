//! Layers as a user names them.

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::InputError;

/// Some layers of a model: `1,3`, `13-17`, or `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerSelection {
    /// All that the model has.
    All,
    /// These, in order, each once.
    List(Vec<usize>),
}

impl LayerSelection {
    /// The layers, of a model that has `n_layers`. A listed one may not be among them.
    pub fn layers(&self, n_layers: usize) -> Vec<usize> {
        match self {
            Self::All => (0..n_layers).collect(),
            Self::List(layers) => layers.clone(),
        }
    }
}

impl FromStr for LayerSelection {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        if text == "all" {
            return Ok(Self::All);
        }
        let ranges: Result<Vec<_>, _> = text.split(',').map(layer_range).collect();
        let mut layers: Vec<usize> = ranges?.into_iter().flatten().collect();
        layers.sort_unstable();
        layers.dedup();
        Ok(Self::List(layers))
    }
}

/// The layers that `3` or `13-17` stands for.
///
/// # Errors
/// When it is neither.
pub fn layer_range(text: &str) -> Result<RangeInclusive<usize>, InputError> {
    let wrong = || InputError::Layers { text: text.to_owned() };
    let parse = |layer: &str| layer.trim().parse::<usize>().map_err(|_| wrong());
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (parse(first)?, parse(last)?),
        None => (parse(text)?, parse(text)?),
    };
    if first <= last && last < MOST_LAYERS { Ok(first..=last) } else { Err(wrong()) }
}

/// Far more than any model has.
const MOST_LAYERS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_in_order_and_has_each_layer_once() {
        assert_eq!("3, 1,3".parse::<LayerSelection>().unwrap().layers(2), [1, 3]);
        assert_eq!("5,1-3".parse::<LayerSelection>().unwrap().layers(9), [1, 2, 3, 5]);
        assert!(matches!("3-1".parse::<LayerSelection>(), Err(InputError::Layers { .. })));
        assert_eq!("all".parse::<LayerSelection>().unwrap().layers(3), [0, 1, 2]);
        assert!(matches!("1,x".parse::<LayerSelection>(), Err(InputError::Layers { .. })));
    }
}
