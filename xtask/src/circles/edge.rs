//! The use of one file by another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use syn::visit::{self, Visit};
use syn::{Attribute, ItemUse, Macro, Meta};

use crate::circles::token;
use crate::circles::tree::{PathTarget, Tree};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: PathBuf,
    /// The first line that uses it.
    pub(super) line: usize,
    pub(super) to: PathBuf,
    /// The name that is used.
    pub(super) name: String,
}

/// All edges between the files of a crate. What an import brings is of the file that defines it, by
/// whatever way; a module that passes on what modules within it define does not use it by that.
pub(super) fn between_files(tree: &Tree) -> Vec<Edge> {
    let mut edges = Edges { tree, module: 0, lines: BTreeMap::new() };
    for (index, module) in tree.modules.iter().enumerate() {
        edges.module = index;
        for import in &module.imports {
            let to = tree.find(index, &import.path);
            let passed_on = |to: usize| import.is_public && tree.is_within(to, index);
            if !matches!(to, Some(PathTarget::Item(to, _)) if passed_on(to)) {
                edges.add(to, import.line);
            }
        }
        module.items.iter().for_each(|item| edges.visit_item(item));
    }
    edges.lines.into_iter().map(|((from, to, name), line)| Edge { from, line, to, name }).collect()
}

struct Edges<'a> {
    tree: &'a Tree,
    /// The module that is looked through.
    module: usize,
    /// The first line of each `(from, to, name)`.
    lines: BTreeMap<(PathBuf, PathBuf, String), usize>,
}

impl Edges<'_> {
    fn add(&mut self, to: Option<PathTarget>, line: usize) {
        let Some(PathTarget::Item(to, name)) = to else { return };
        let [from, to] = [self.module, to].map(|module| self.tree.modules[module].file.clone());
        if from != to {
            let first = self.lines.entry((from, to, name)).or_insert(line);
            *first = line.min(*first);
        }
    }

    fn add_tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for (path, line) in token::paths(tokens) {
            self.add(self.tree.find(self.module, &path), line);
        }
    }
}

impl<'ast> Visit<'ast> for Edges<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let line = path.segments[0].ident.span().start().line;
            self.add(self.tree.find(self.module, &names), line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast Macro) {
        self.add_tokens(invoked.tokens.clone());
        visit::visit_macro(self, invoked);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        // What documentation names is no use of it.
        if let Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
        }
    }

    /// Imports are known already.
    fn visit_item_use(&mut self, _: &'ast ItemUse) {}
}
