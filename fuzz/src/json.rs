//! Places in a JSON text, found without parsing it, so that a broken one can be broken further.

use std::ops::Range;

/// A string of a text, with its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quoted {
    pub(crate) range: Range<usize>,
    /// True if it is the key of a member.
    pub(crate) is_key: bool,
}

/// The strings of a text.
pub(crate) fn strings(text: &[u8]) -> Vec<Quoted> {
    let mut strings = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'"' {
            at += 1;
            continue;
        }
        let end = string_end(text, at);
        let next = text[end..].iter().find(|byte| !byte.is_ascii_whitespace());
        strings.push(Quoted { range: at..end, is_key: next == Some(&b':') });
        at = end;
    }
    strings
}

/// The numbers of a text, inside of strings or not.
pub(crate) fn numbers(text: &[u8]) -> Vec<Range<usize>> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if !text[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let more = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let end = at + text[at..].iter().take_while(|byte| more(byte)).count();
        let start = if at > 0 && text[at - 1] == b'-' { at - 1 } else { at };
        numbers.push(start..end);
        at = end;
    }
    numbers
}

/// The members of the objects of a text, each from its key to the end of its value.
pub(crate) fn members(text: &[u8]) -> Vec<Range<usize>> {
    let keys = strings(text).into_iter().filter(|string| string.is_key);
    keys.map(|key| key.range.start..value_end(text, key.range.end)).collect()
}

fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The end of the value that starts after `from`.
fn value_end(text: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < text.len() {
        match text[at] {
            b'"' => {
                at = string_end(text, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found() {
        let text = br#"{"a\"": [1, -2.5], "b" : {"c": "x9"}}"#;
        let shown = |range: &Range<usize>| String::from_utf8_lossy(&text[range.clone()]).into_owned();
        let members: Vec<String> = members(text).iter().map(shown).collect();
        assert_eq!(members, [r#""a\"": [1, -2.5]"#, r#""b" : {"c": "x9"}"#, r#""c": "x9""#]);
        let numbers: Vec<String> = numbers(text).iter().map(shown).collect();
        assert_eq!(numbers, ["1", "-2.5", "9"]);
        let keys: Vec<bool> = strings(text).iter().map(|string| string.is_key).collect();
        assert_eq!(keys, [true, true, true, false]);
    }
}
