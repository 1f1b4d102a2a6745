//! Layers as a user names them.

use std::str::FromStr;

use crate::error::InputError;

/// Some layers of a model: `1,3`, or `all`.
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
        let layers: Result<Vec<usize>, _> = text.split(',').map(|layer| layer.trim().parse()).collect();
        let mut layers = layers.map_err(|_| InputError::Layers { text: text.to_owned() })?;
        layers.sort_unstable();
        layers.dedup();
        Ok(Self::List(layers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_in_order_and_has_each_layer_once() {
        assert_eq!("3, 1,3".parse::<LayerSelection>().unwrap().layers(2), [1, 3]);
        assert_eq!("all".parse::<LayerSelection>().unwrap().layers(3), [0, 1, 2]);
        assert!(matches!("1,x".parse::<LayerSelection>(), Err(InputError::Layers { .. })));
    }
}
