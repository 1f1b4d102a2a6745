//! The modules of a crate, and what a path in one of them names.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta};

use crate::circles::module::Module;

/// Imports of imports are followed so far.
const MAX_DEPTH: usize = 12;

/// Gives the text of a file, if there is one.
pub(super) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

pub(super) struct Tree {
    /// The root first.
    pub(super) modules: Vec<Module>,
}

/// The thing that a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PathTarget {
    Module(usize),
    /// Something that is defined in a module, by its name there.
    Item(usize, String),
}

/// The place of a module.
struct Place {
    file: PathBuf,
    /// The folder of the modules within.
    folder: PathBuf,
    parent: Option<usize>,
}

impl Tree {
    /// Reads a crate from the file of its root on.
    pub(super) fn read(root: &Path, read: Read<'_>) -> Result<Self> {
        let mut tree = Self { modules: Vec::new() };
        let folder = root.parent().context("a file is in a folder")?;
        tree.add_file(Place { file: root.to_owned(), folder: folder.to_owned(), parent: None }, read)?;
        Ok(tree)
    }

    fn add_file(&mut self, place: Place, read: Read<'_>) -> Result<usize> {
        let file = place.file.display();
        let text = read(&place.file).with_context(|| format!("cannot read {file}"))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {file}"))?;
        self.add(place, parsed.items, read)
    }

    fn add(&mut self, place: Place, items: Vec<Item>, read: Read<'_>) -> Result<usize> {
        let Place { file, folder, parent } = place;
        let index = self.modules.len();
        let (module, within) = Module::new(file.clone(), parent, items);
        self.modules.push(module);
        for module in within {
            let name = module.ident.to_string();
            let child_folder = folder.join(&name);
            let place = |file: PathBuf| Place { file, folder: child_folder.clone(), parent: Some(index) };
            let child = if let Some((_, items)) = module.content {
                self.add(place(file.clone()), items, read)?
            } else {
                let beside = folder.join(format!("{name}.rs"));
                let inside = child_folder.join("mod.rs");
                let named = path_attribute(&module).map(|path| file.with_file_name(path));
                let child = named.unwrap_or(if read(&beside).is_some() { beside } else { inside });
                self.add_file(place(child), read)?
            };
            self.modules[index].children.insert(name, child);
        }
        Ok(index)
    }

    /// Resolves a path in a module; `None` for one outside of this crate.
    pub(super) fn find(&self, module: usize, path: &[String]) -> Option<PathTarget> {
        self.follow(module, path, MAX_DEPTH)
    }

    /// True if a module is within another one.
    pub(super) fn is_within(&self, module: usize, outer: usize) -> bool {
        std::iter::successors(self.modules[module].parent, |index| self.modules[*index].parent)
            .any(|ancestor| ancestor == outer)
    }

    fn follow(&self, module: usize, path: &[String], depth: usize) -> Option<PathTarget> {
        let (first, rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => PathTarget::Module(0),
            "self" => PathTarget::Module(module),
            "super" => PathTarget::Module(self.modules[module].parent?),
            name => self.look_up(module, name, rest.is_empty(), depth)?,
        };
        for (index, name) in rest.iter().enumerate() {
            let PathTarget::Module(module) = at else { break };
            at = if name == "super" {
                PathTarget::Module(self.modules[module].parent?)
            } else {
                let is_last = index + 1 == rest.len();
                // What is not found a macro may have made.
                self.look_up(module, name, is_last, depth)
                    .unwrap_or_else(|| PathTarget::Item(module, name.clone()))
            };
        }
        Some(at)
    }

    /// Resolves a name in a module. The end of a path may be an item that is called like a module.
    fn look_up(&self, index: usize, name: &str, is_last: bool, depth: usize) -> Option<PathTarget> {
        let depth = depth.checked_sub(1)?;
        let module = &self.modules[index];
        let item = module.names.contains(name).then(|| PathTarget::Item(index, name.to_owned()));
        let child = module.children.get(name).map(|child| PathTarget::Module(*child));
        let by_name = module.imports.iter().filter(|import| import.name.as_deref() == Some(name));
        let imported: Vec<_> = by_name.filter_map(|import| self.follow(index, &import.path, depth)).collect();
        let is_module = |named: &&PathTarget| matches!(named, PathTarget::Module(_));
        let imported_module = imported.iter().find(is_module).cloned();
        let imported_item = imported.iter().find(|named| !is_module(named)).cloned();
        let found = if is_last {
            item.or(imported_item).or(child).or(imported_module)
        } else {
            child.or(imported_module).or(item).or(imported_item)
        };
        found.or_else(|| self.look_up_in_all(index, name, is_last, depth))
    }

    /// Resolves a name by an import of all names of a module.
    fn look_up_in_all(&self, index: usize, name: &str, is_last: bool, depth: usize) -> Option<PathTarget> {
        let all = self.modules[index].imports.iter().filter(|import| import.name.is_none());
        all.filter_map(|import| self.follow(index, &import.path, depth)).find_map(|named| match named {
            PathTarget::Module(module) if module != index => self.look_up(module, name, is_last, depth),
            _ => None,
        })
    }
}

/// The file that `#[path = "…"]` gives to a module.
fn path_attribute(module: &ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    })
}
