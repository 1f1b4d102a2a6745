//! The names that a `use` brings into a module.

use syn::{ItemUse, UseTree, Visibility};

/// One name, or all of a module's.
#[derive(Debug)]
pub(super) struct Import {
    /// The name here; `None` for all names.
    pub(super) name: Option<String>,
    /// The path as written.
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// True if others may take it from here.
    pub(super) is_public: bool,
}

/// The imports of one `use`. Those that begin with `::` are of other crates.
pub(super) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        let is_public = !matches!(item.vis, Visibility::Inherited);
        collect(&item.tree, &mut Vec::new(), is_public, &mut found);
    }
    found
}

fn collect(tree: &UseTree, path: &mut Vec<String>, is_public: bool, found: &mut Vec<Import>) {
    let (ident, name) = match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            collect(&part.tree, path, is_public, found);
            path.pop();
            return;
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(tree, path, is_public, found);
            }
            return;
        }
        UseTree::Glob(glob) => {
            let line = glob.star_token.spans[0].start().line;
            found.push(Import { name: None, path: path.clone(), line, is_public });
            return;
        }
        UseTree::Name(name) => (&name.ident, &name.ident),
        UseTree::Rename(renamed) => (&renamed.ident, &renamed.rename),
    };
    let line = ident.span().start().line;
    let mut whole = path.clone();
    let mut name = name.to_string();
    if ident != "self" {
        whole.push(ident.to_string());
    } else if name == "self" {
        name = path.last().cloned().unwrap_or_default();
    }
    found.push(Import { name: Some(name), path: whole, line, is_public });
}
