//! The interface of all errors: their kind and the fix.

use std::borrow::Cow;

/// The kind of an error, for exit codes, exception classes and status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A model, a file or a part of one is not there.
    NotFound,
    /// An input makes no sense.
    Invalid,
    /// Edits or statistics belong to another model.
    OtherModel,
    /// There are no statistics for a layer.
    NoStatistics,
    /// A result is infinite or not a number.
    NotFinite,
    /// A device is absent or cannot compute this.
    Device,
    /// A file or a connection cannot be read or written.
    Io,
    /// An observer stopped the work.
    Stopped,
}

/// An error that knows its kind and the way to mend it.
pub trait Hint: std::error::Error {
    /// The kind of the error.
    fn kind(&self) -> ErrorKind;

    /// The fix, as a clause: "give …", "check …".
    fn hint(&self) -> Cow<'static, str>;
}
