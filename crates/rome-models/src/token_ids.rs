//! Token ids in a configuration.

use serde::{Deserialize, Deserializer};

/// Token ids in a configuration: one or several, or none, which some write as -1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenIds(Vec<u32>);

/// One id or a list of them, as JSON has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum TokenIdsJson {
    None,
    One(i64),
    Several(Vec<i64>),
}

impl TokenIds {
    /// The ids that a model of so many embeddings knows. Small models often keep the 50256 of the large ones.
    pub fn known(&self, vocab_size: usize) -> impl Iterator<Item = u32> {
        self.0.iter().copied().filter(move |&id| (id as usize) < vocab_size)
    }
}

impl<'de> Deserialize<'de> for TokenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ids = match TokenIdsJson::deserialize(deserializer) {
            Ok(TokenIdsJson::None) => Vec::new(),
            Ok(TokenIdsJson::One(id)) => vec![id],
            Ok(TokenIdsJson::Several(ids)) => ids,
            Err(_) => return Err(serde::de::Error::custom("a token id is a number, or a list of them")),
        };
        Ok(Self(ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_every_form() {
        let known =
            |json: &str| -> Vec<u32> { serde_json::from_str::<TokenIds>(json).unwrap().known(10).collect() };
        assert_eq!((known("3"), known("[3, 4]")), (vec![3], vec![3, 4]));
        assert_eq!((known("-1"), known("null"), known("[3, -1, 50256]")), (vec![], vec![], vec![3]));
        assert!(serde_json::from_str::<TokenIds>("\"three\"").is_err());
    }
}
