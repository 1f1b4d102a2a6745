//! A prompt with the subject in its place.

use std::ops::Range;

use super::error::RequestError;

/// A prompt with the subject in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The text.
    pub text: String,
    /// The subject's bytes, without blanks at its ends.
    pub subject: Range<usize>,
}

/// The occurrence of a subject that counts, in a prompt that has several and no `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// The first, as in the reference's tracing.
    First,
    /// The last, as in the predecessor's edits.
    Last,
}

impl Sentence {
    /// Puts `subject` where the prompt has its `{}`; without one, finds it in the prompt: its first or last
    /// occurrence as it is written or, if there is none, without blanks at its ends. Blanks at the prompt's
    /// end are left out: the target brings its own.
    ///
    /// # Errors
    /// [`RequestError`] when the subject is empty or is not there, or there are several `{}`.
    pub fn new(prompt: &str, subject: &str, occurrence: Occurrence) -> Result<Self, RequestError> {
        let trimmed = subject.trim();
        if trimmed.is_empty() {
            return Err(RequestError::EmptySubject);
        }
        let prompt = prompt.trim_end();
        let leading = subject.len() - subject.trim_start().len();
        let (text, start) = match prompt.matches("{}").count() {
            0 => {
                let find = |text: &str| match occurrence {
                    Occurrence::First => prompt.find(text),
                    Occurrence::Last => prompt.rfind(text),
                };
                let start = find(subject).map(|start| start + leading).or_else(|| find(trimmed));
                let start = start.ok_or_else(|| RequestError::SubjectNotFound {
                    subject: subject.to_owned(),
                    prompt: prompt.to_owned(),
                })?;
                (prompt.to_owned(), start)
            }
            1 => {
                let start = prompt.find("{}").unwrap_or_default();
                (fill(prompt, subject), start + leading)
            }
            count => return Err(RequestError::ManySlots { prompt: prompt.to_owned(), count }),
        };
        Ok(Self { text, subject: start..start + trimmed.len() })
    }
}

/// Spells out the characters of a text that would end the line, command a terminal or turn the
/// order of what is read, for it may come from another's file.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
                line.extend(letter.escape_unicode());
            }
            _ if letter.is_control() => line.extend(letter.escape_default()),
            _ => line.push(letter),
        }
    }
    line
}

/// Replaces the first `{}` of a template and nothing else, so that other braces are text.
pub(super) fn fill(template: &str, value: &str) -> String {
    template.replacen("{}", value, 1)
}

/// Returns the target's text with one blank in front and none at its end.
///
/// # Errors
/// [`RequestError::EmptyTarget`] when there is nothing but blanks.
pub fn spaced_target(target: &str) -> Result<String, RequestError> {
    match target.trim() {
        "" => Err(RequestError::EmptyTarget),
        target => Ok(format!(" {target}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_the_subject_and_leaves_other_braces() {
        let sentence = Sentence::new("{x} {} {y", "A {b} c", Occurrence::Last).unwrap();
        assert_eq!(sentence.text, "{x} A {b} c {y");
        assert_eq!(&sentence.text[sentence.subject], "A {b} c");
    }

    #[test]
    fn a_sentence_uses_the_last_occurrence() {
        let sentence = Sentence::new("Iowa, oh Iowa, is", "Iowa", Occurrence::Last).unwrap();
        assert_eq!(sentence.subject, 9..13);
    }

    #[test]
    fn blanks_around_a_subject_do_not_move_its_end() {
        let sentence = Sentence::new("In {}is", " Iowa ", Occurrence::Last).unwrap();
        assert_eq!(&sentence.text[sentence.subject], "Iowa");
    }

    #[test]
    fn blanks_around_a_subject_choose_among_its_occurrences() {
        let sentence = Sentence::new("Is art a part of the party?", " art ", Occurrence::Last).unwrap();
        assert_eq!(sentence.subject, 3..6);
        let sentence = Sentence::new("I saw Iowa", "Iowa ", Occurrence::Last).unwrap();
        assert_eq!(sentence.subject, 6..10);
    }

    #[test]
    fn a_subject_with_braces_is_text_once_it_is_in_its_place() {
        let sentence = Sentence::new("The macro {} is", "print!(\"{}\")", Occurrence::Last).unwrap();
        assert_eq!(sentence.text, "The macro print!(\"{}\") is");
        assert_eq!(&sentence.text[sentence.subject], "print!(\"{}\")");
    }

    #[test]
    fn two_slots_are_refused() {
        assert!(matches!(
            Sentence::new("{} and {}", "x", Occurrence::Last),
            Err(RequestError::ManySlots { count: 2, .. })
        ));
    }

    /// One that has its blank got a second one elsewhere (EasyEdit).
    #[test]
    fn a_target_gets_one_blank() {
        assert_eq!(spaced_target("Rome").unwrap(), " Rome");
        assert_eq!(spaced_target(" Rome").unwrap(), " Rome");
        assert_eq!(spaced_target(" "), Err(RequestError::EmptyTarget));
    }
}
