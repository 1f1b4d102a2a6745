//! Texts: how they are written, and how wide they are.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use resvg::usvg::Node;

use crate::canvas::{self, Area, DrawResult, FONT};
use crate::colour::INK;
use crate::picture;

/// The part of a text that is at a point.
pub(crate) enum At {
    /// The left end.
    Left,
    /// The middle.
    Middle,
    /// The right end.
    Right,
}

/// Writes a text so that its middle is as high as a point.
pub(crate) fn write(area: &Area<'_>, text: &str, size: i32, at: At, point: (i32, i32)) -> DrawResult {
    let horizontal = match at {
        At::Left => HPos::Left,
        At::Middle => HPos::Center,
        At::Right => HPos::Right,
    };
    let style = (FONT, size, &INK).into_text_style(area).pos(Pos::new(horizontal, VPos::Center));
    Ok(area.draw_text(text, &style, point)?)
}

/// A text with nothing in it that cannot be seen, turns the writing around, or is not allowed in XML.
pub(crate) fn visible(text: &str) -> String {
    if !text.is_empty() && text.chars().all(|character| character == ' ') {
        return "␣".repeat(text.len());
    }
    let mut seen = String::new();
    for character in text.chars() {
        match character {
            '\n' => seen.push('⏎'),
            '\t' => seen.push('⇥'),
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => seen.extend(character.escape_default()),
            character if character.is_control() => seen.extend(character.escape_default()),
            character => seen.push(character),
        }
    }
    seen
}

/// A visible text that is at most so wide: the end of a longer one is left out.
pub(crate) fn shortened(text: &str, size: i32, room: i32) -> String {
    let text = visible(text);
    if text.is_empty() {
        return text;
    }
    // No letter is much narrower than this, and long texts take long to lay out.
    let most = (8 * room / size.max(1)) as usize;
    let ends: Vec<usize> = text.char_indices().map(|(end, _)| end).take(most).collect();
    if ends.len() < most && width(&text, size) <= room {
        return text;
    }
    let cut = |end: usize| format!("{}…", text[..end].trim_end());
    let n_fit = ends.partition_point(|&end| width(&cut(end), size) <= room);
    cut(ends.get(n_fit.saturating_sub(1)).copied().unwrap_or(0))
}

/// The width of a text in the font of this crate; other fonts of screens are narrower.
pub(crate) fn width(text: &str, size: i32) -> i32 {
    let drawn = canvas::svg((1, 1), |area| write(area, text, size, At::Left, (0, 0)));
    let Ok(tree) = drawn.and_then(|svg| picture::read(&svg)) else { return 0 };
    let widths = tree.root().children().iter().map(|node| match node {
        Node::Text(text) => {
            let glyphs = text.layouted().iter().flat_map(|span| &span.positioned_glyphs);
            // Another font may have what this one has not, such as Chinese: that is as wide as high.
            let n_missing = glyphs.filter(|glyph| glyph.id.0 == 0).count() as f32;
            text.abs_bounding_box().width() + n_missing * 0.4 * size as f32
        }
        _ => 0.0,
    });
    widths.fold(0.0, f32::max).ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_texts_are_wider_and_nothing_has_no_width() {
        assert_eq!(width("", 16), 0);
        assert!(width("iii", 16) < width("WWW", 16));
        assert!(width("東京", 16) >= 24);
    }

    #[test]
    fn what_is_not_seen_is_made_visible() {
        assert_eq!(visible("a\nb\tc"), "a⏎b⇥c");
        assert_eq!(visible("\0\r\u{1b}[1m"), "\\u{0}\\r\\u{1b}[1m");
        assert_eq!(visible("\u{202e}abc\u{ffff}"), "\\u{202e}abc\\u{ffff}");
        assert_eq!(visible("  "), "␣␣");
        assert_eq!(visible(" the <&\" 東京 🗼 Ünï"), " the <&\" 東京 🗼 Ünï");
    }

    #[test]
    fn a_text_that_is_too_wide_ends_in_dots() {
        assert_eq!(shortened("short", 16, 100), "short");
        for long in ["word ".repeat(100), "W".repeat(500), "i".repeat(500), "東".repeat(500)] {
            let short = shortened(&long, 16, 100);
            assert!(short.ends_with('…') && long.starts_with(short.trim_end_matches('…')), "{short}");
            assert!((70..=100).contains(&width(&short, 16)), "{short}: {}", width(&short, 16));
        }
        assert_eq!(shortened("any", 16, 0), "…");
        assert_eq!(shortened("", 16, 0), "");
    }
}
