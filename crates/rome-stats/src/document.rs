//! A document of a corpus.

/// A document or a part of one, and how far the corpus has been read with it.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The text.
    pub text: &'a str,
    /// The part of the document that it is.
    pub part: DocumentPart,
    /// The number of bytes of all files that have been read, of [`Corpus::n_bytes`](crate::Corpus::n_bytes).
    pub bytes_read: u64,
}

/// The part of a document that a text is: long ones come in several, parted before a blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentPart {
    /// All of it.
    Whole,
    /// Its beginning.
    First,
    /// Some of it, neither its beginning nor its end.
    Middle,
    /// Its end.
    Last,
}

impl DocumentPart {
    pub(crate) fn new(is_first: bool, is_last: bool) -> Self {
        match (is_first, is_last) {
            (true, true) => Self::Whole,
            (true, false) => Self::First,
            (false, false) => Self::Middle,
            (false, true) => Self::Last,
        }
    }

    /// True if a document begins with it.
    pub fn is_first(self) -> bool {
        matches!(self, Self::Whole | Self::First)
    }

    /// True if a document ends with it.
    pub fn is_last(self) -> bool {
        matches!(self, Self::Whole | Self::Last)
    }
}
