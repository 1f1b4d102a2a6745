//! The fields of a `config.json`.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ModelError;

/// The largest size that is taken: far above any model, and low enough that products of two cannot overflow.
const LARGEST: usize = 1 << 24;

/// The fields of a `config.json`, or of an object in one. A field that is absent has its family's default; one
/// that is null says that there is nothing.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    /// The name of the object, for messages.
    within: Option<&'a str>,
}

pub(crate) fn config_error(reason: impl Into<String>) -> ModelError {
    ModelError::Config { reason: reason.into() }
}

impl<'a> Fields<'a> {
    pub(crate) fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields, within: None }
    }

    /// The fields of an object among the fields, if there is one.
    pub(crate) fn object(&self, name: &'a str) -> Option<Self> {
        let fields = self.fields.get(name)?.as_object()?;
        Some(Self { fields, within: Some(name) })
    }

    /// The first of some names that is there, even as null.
    fn find(&self, names: &[&'a str]) -> Option<(&'a str, &'a Value)> {
        names.iter().find_map(|name| Some((*name, self.fields.get(*name)?)))
    }

    /// The first of some names that has a value.
    pub(crate) fn first(&self, names: &[&'a str]) -> Option<(&'a str, &'a Value)> {
        names.iter().find_map(|name| Some((*name, self.value(name)?)))
    }

    /// The value of a field, unless it is null.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Reads a field that may be absent or null.
    pub(crate) fn optional<T: DeserializeOwned>(&self, names: &[&'a str]) -> Result<Option<T>, ModelError> {
        self.first(names).map(|(name, value)| self.read(name, value)).transpose()
    }

    /// Reads a field whose absence, or null, means a default.
    pub(crate) fn or<T: DeserializeOwned>(&self, names: &[&'a str], default: T) -> Result<T, ModelError> {
        Ok(self.optional(names)?.unwrap_or(default))
    }

    /// Reads a field whose absence means a default, and whose null means nothing.
    pub(crate) fn nullable<T: DeserializeOwned>(
        &self,
        names: &[&'a str],
        default: Option<T>,
    ) -> Result<Option<T>, ModelError> {
        match self.find(names) {
            None => Ok(default),
            Some((_, Value::Null)) => Ok(None),
            Some((name, value)) => self.read(name, value).map(Some),
        }
    }

    /// Reads a size: at least 1, and no more than makes sense.
    pub(crate) fn size(&self, names: &[&'a str], default: Option<usize>) -> Result<usize, ModelError> {
        self.size_up_to(LARGEST, names, default)
    }

    /// Reads a size from 1 to `largest`.
    pub(crate) fn size_up_to(
        &self,
        largest: usize,
        names: &[&'a str],
        default: Option<usize>,
    ) -> Result<usize, ModelError> {
        let (name, size) = match (self.first(names), default) {
            (Some((name, value)), _) => (name, self.read(name, value)?),
            (None, Some(default)) => (names[0], default),
            (None, None) => return Err(config_error(format!("it has no {}", self.quoted(names[0])))),
        };
        if size == 0 || size > largest {
            return Err(config_error(format!("{} cannot be {size}", self.quoted(name))));
        }
        Ok(size)
    }

    /// Requires a field that has not one meaning if it is absent.
    pub(crate) fn require<T: DeserializeOwned>(&self, name: &'a str, reason: &str) -> Result<T, ModelError> {
        let missing = || config_error(format!("it has no {}, {reason}", self.quoted(name)));
        self.optional(&[name])?.ok_or_else(missing)
    }

    /// Refuses a configuration by the value of a field.
    pub(crate) fn refuse(&self, name: &str, reason: &str) -> ModelError {
        let value = self.fields.get(name).map_or_else(|| "null".to_owned(), Value::to_string);
        config_error(format!("{} is {value}: {reason}", self.quoted(name)))
    }

    /// True if a field is true.
    pub(crate) fn is(&self, name: &'a str, default: bool) -> Result<bool, ModelError> {
        self.or(&[name], default)
    }

    fn read<T: DeserializeOwned>(&self, name: &str, value: &Value) -> Result<T, ModelError> {
        serde_json::from_value(value.clone())
            .map_err(|_| config_error(format!("{} cannot be {value}", self.quoted(name))))
    }

    fn quoted(&self, name: &str) -> String {
        match self.within {
            Some(object) => format!("{name:?} of {object:?}"),
            None => format!("{name:?}"),
        }
    }
}
