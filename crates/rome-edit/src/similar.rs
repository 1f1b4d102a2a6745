//! Names that a slip of the finger may have meant.

/// The one of some names that is most like another name, if it is more like it than a share of 1.
pub(crate) fn similar<'n>(
    name: &str,
    names: impl IntoIterator<Item = &'n str>,
    more_than: f64,
) -> Option<&'n str> {
    let likeness = |other: &&str| strsim::jaro_winkler(other, name);
    let most = names.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    most.filter(|most| likeness(most) > more_than)
}
