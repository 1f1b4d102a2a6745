//! Paths among tokens that are not parsed: the arguments of macros and of attributes.

use proc_macro2::{TokenStream, TokenTree};

/// A path as written, with its line.
pub(super) type Path = (Vec<String>, usize);

/// Finds them. A name by itself counts if it is written like a type or a constant: others are variables.
pub(super) fn paths(tokens: TokenStream) -> Vec<Path> {
    let mut found = Vec::new();
    collect(tokens, &mut found);
    found.retain(|(path, _)| path.len() > 1 || path[0].starts_with(char::is_uppercase));
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<Path>) {
    let mut path: Option<Path> = None;
    // What stands between the last name and the next one.
    let mut between = String::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                match &mut path {
                    Some((names, _)) if between == "::" => names.push(name),
                    _ => {
                        found.extend(path.take());
                        let is_member = between.ends_with('.');
                        path = (!is_member).then(|| (vec![name], ident.span().start().line));
                    }
                }
                between.clear();
            }
            TokenTree::Punct(punct) => between.push(punct.as_char()),
            TokenTree::Group(group) => {
                found.extend(path.take());
                between.clear();
                collect(group.stream(), found);
            }
            TokenTree::Literal(_) => between.push('"'),
        }
    }
    found.extend(path);
}
