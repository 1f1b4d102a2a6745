//! Pages that need nothing else: no script, no font, no file, no network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The style of all pages; a class of the body says which of them it is.
const STYLE: &str = include_str!("page.css");

/// Makes a page of its title and its body, the element itself.
pub(crate) fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            (body)
        }
    };
    page.into_string()
}
