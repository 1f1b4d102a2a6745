//! A module: what is defined in it, what it imports, and the modules within.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, ItemUse, Meta};

use crate::circles::import::{self, Import};

pub(super) struct Module {
    /// The file that it stands in, which it may share with modules within.
    pub(super) file: PathBuf,
    pub(super) parent: Option<usize>,
    pub(super) children: BTreeMap<String, usize>,
    /// The names that are defined in it.
    pub(super) names: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    /// Its code, without that of modules within and of tests.
    pub(super) items: Vec<Item>,
}

impl Module {
    /// A module without the ones within, which it returns beside it.
    pub(super) fn new(file: PathBuf, parent: Option<usize>, items: Vec<Item>) -> (Self, Vec<ItemMod>) {
        let mut within = Vec::new();
        let mut own = Vec::new();
        for item in items {
            match item {
                item if is_test(attributes(&item)) => {}
                Item::Mod(module) => within.push(module),
                item => own.push(item),
            }
        }
        let mut uses = Uses(Vec::new());
        own.iter().for_each(|item| uses.visit_item(item));
        let names = own.iter().filter_map(name).collect();
        (Self { file, parent, children: BTreeMap::new(), names, imports: uses.0, items: own }, within)
    }
}

/// Finds imports, those within functions too.
struct Uses(Vec<Import>);

impl Visit<'_> for Uses {
    fn visit_item_use(&mut self, item: &ItemUse) {
        self.0.extend(import::imports(item));
    }
}

/// The name of an item.
fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// True if something is compiled for tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}
