//! Changes to files.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::{Files, Seed, json};

/// Numbers that go wrong where sizes are computed.
const NUMBERS: [&str; 24] = [
    "0",
    "-1",
    "1",
    "2",
    "0.5",
    "255",
    "65536",
    "131072",
    "16777216",
    "16777217",
    "2147483648",
    "4294967295",
    "4294967296",
    "1099511627776",
    "4611686018427387904",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "-1e308",
    "NaN",
    "null",
    "[[]]",
];

/// Strings that lead elsewhere, or mean something to someone.
const STRINGS: [&str; 16] = [
    "",
    "../../x",
    "..",
    ".",
    "/etc/passwd",
    "@BAIT@",
    "a/../../x",
    "C:x",
    "C:\\\\x",
    "\\u0000",
    "\\ud83d\\ude00",
    "{}",
    "{}{}",
    " ",
    "e\\u0301",
    "<|endoftext|>",
];

/// Lengths that headers claim.
const LENGTHS: [u64; 8] = [0, 1, 7, 1 << 16, 1 << 31, 1 << 32, 1 << 63, u64::MAX];

/// Something done to a file.
#[derive(Debug, Clone)]
pub struct Mutation {
    file: Index,
    at: Index,
    change: Change,
}

/// A change to a file.
#[derive(Debug, Clone)]
enum Change {
    /// A bit is turned over.
    Flip(u8),
    /// A byte is another.
    Set(u8),
    /// Some bytes are a number, the lowest first.
    Word(u64, usize),
    /// The rest is gone.
    Truncate,
    /// A part is gone.
    Remove(u16),
    /// A part is there twice.
    Duplicate(u16),
    /// Bytes are put in.
    Insert(Vec<u8>),
    /// The rest is that of another seed.
    Splice(Index),
    /// The header of a safetensors file claims another length.
    HeaderLength(u64),
    /// Some of a JSON text is another; of one inside of a string of it, if so.
    Json(Json, bool),
}

/// A change to a JSON text.
#[derive(Debug, Clone)]
enum Json {
    Number(&'static str),
    String(&'static str),
    Delete,
    Repeat,
}

/// Draws mutations.
pub fn strategy() -> impl Strategy<Value = Mutation> {
    let json = prop_oneof![
        4 => select(&NUMBERS[..]).prop_map(Json::Number),
        3 => select(&STRINGS[..]).prop_map(Json::String),
        1 => Just(Json::Delete),
        1 => Just(Json::Repeat),
    ];
    let hostile = prop_oneof![select(&LENGTHS[..]), any::<u64>(), 0..64_u64];
    let change = prop_oneof![
        3 => (0..8_u8).prop_map(Change::Flip),
        3 => any::<u8>().prop_map(Change::Set),
        2 => (hostile.clone(), select(vec![2, 4, 8])).prop_map(|(value, width)| Change::Word(value, width)),
        1 => Just(Change::Truncate),
        1 => (1..300_u16).prop_map(Change::Remove),
        1 => (1..300_u16).prop_map(Change::Duplicate),
        1 => proptest::collection::vec(any::<u8>(), 1..16).prop_map(Change::Insert),
        1 => any::<Index>().prop_map(Change::Splice),
        1 => hostile.prop_map(Change::HeaderLength),
        8 => (json, proptest::bool::weighted(0.3)).prop_map(|(json, inner)| Change::Json(json, inner)),
    ];
    (any::<Index>(), any::<Index>(), change).prop_map(|(file, at, change)| Mutation { file, at, change })
}

impl Mutation {
    /// Does it.
    pub(crate) fn apply(&self, files: &mut Files, seeds: &[Seed]) {
        if files.0.is_empty() {
            return;
        }
        let file = self.file.index(files.0.len());
        let bytes = &mut files.0[file].1;
        let at = self.at.index(bytes.len() + 1);
        let part = |len: u16| at..(at + usize::from(len)).min(bytes.len());
        match &self.change {
            Change::Flip(bit) => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit),
            Change::Set(value) => bytes.get_mut(at).into_iter().for_each(|byte| *byte = *value),
            Change::Word(value, width) => {
                bytes[at..]
                    .iter_mut()
                    .zip(value.to_le_bytes())
                    .take(*width)
                    .for_each(|(to, from)| *to = from);
            }
            Change::Truncate => bytes.truncate(at),
            Change::Remove(len) => drop(bytes.drain(part(*len))),
            Change::Duplicate(len) => {
                let copy = bytes[part(*len)].to_vec();
                bytes.splice(at..at, copy);
            }
            Change::Insert(new) => drop(bytes.splice(at..at, new.iter().copied())),
            Change::Splice(seed) => {
                let other = seeds.get(seed.index(seeds.len().max(1))).and_then(|seed| seed.files.0.get(file));
                let rest = other.and_then(|(_, other)| other.get(at..)).unwrap_or_default();
                bytes.truncate(at);
                bytes.extend_from_slice(rest);
            }
            Change::HeaderLength(len) => {
                bytes.iter_mut().zip(len.to_le_bytes()).for_each(|(to, from)| *to = from);
            }
            Change::Json(json, inner) => in_text(bytes, |text| {
                if *inner {
                    in_string(text, |text| json.apply(text, self.at))
                } else {
                    json.apply(text, self.at)
                }
            }),
        }
    }
}

impl Json {
    fn apply(&self, text: &mut Vec<u8>, at: Index) {
        fn one<T: Clone>(at: Index, all: &[T]) -> Option<T> {
            (!all.is_empty()).then(|| all[at.index(all.len())].clone())
        }
        match self {
            Self::Number(value) => {
                if let Some(range) = one(at, &json::numbers(text)) {
                    text.splice(range, value.bytes());
                }
            }
            Self::String(value) => {
                if let Some(string) = one(at, &json::strings(text)) {
                    text.splice(string.range, format!("\"{value}\"").into_bytes());
                }
            }
            Self::Delete => {
                if let Some(mut range) = one(at, &json::members(text)) {
                    // With the comma after it, so that what is left may still be an object.
                    range.end += usize::from(text.get(range.end) == Some(&b','));
                    text.drain(range);
                }
            }
            Self::Repeat => {
                if let Some(range) = one(at, &json::members(text)) {
                    let copy = [&text[range.clone()], b","].concat();
                    text.splice(range.start..range.start, copy);
                }
            }
        }
    }
}

/// Changes the text of a file: the header of safetensors or of numpy's arrays, whose length is mended, or all
/// of it.
fn in_text(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) {
    const NUMPY: &[u8] = b"\x93NUMPY\x01\x00";
    let (start, width) = if bytes.starts_with(NUMPY) { (NUMPY.len(), 2) } else { (0, 8) };
    let len = bytes.get(start..start + width);
    let len = len.map(|len| len.iter().rev().fold(0, |len, &byte| len << 8 | u64::from(byte)));
    let end = len.and_then(|len| usize::try_from(len).ok()?.checked_add(start + width));
    match end {
        Some(end) if end <= bytes.len() && bytes.get(start + width) == Some(&b'{') => {
            let mut text = bytes[start + width..end].to_vec();
            change(&mut text);
            let len = (text.len() as u64).to_le_bytes();
            bytes.splice(start..end, len[..width].iter().copied().chain(text));
        }
        _ => change(bytes),
    }
}

/// Changes the first JSON text that is a string of another, as metadata are.
fn in_string(text: &mut Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) {
    let is_json = |string: &json::Quoted| !string.is_key && text[string.range.clone()].starts_with(b"\"{");
    let Some(string) = json::strings(text).into_iter().find(is_json) else { return };
    let Ok(inner) = serde_json::from_slice::<String>(&text[string.range.clone()]) else { return };
    let mut inner = inner.into_bytes();
    change(&mut inner);
    if let Ok(outer) = serde_json::to_vec(&String::from_utf8_lossy(&inner)) {
        text.splice(string.range, outer);
    }
}
