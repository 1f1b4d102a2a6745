//! Small crates in memory, and their circles.

use std::path::Path;

use crate::circles::component::circles;
use crate::circles::edge::between_files;
use crate::circles::line;
use crate::circles::tree::Tree;

/// The lines of each circle of a crate, whose first file is its root.
fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let read = |path: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == path);
        file.map(|(_, text)| (*text).to_owned())
    };
    let tree = Tree::read(Path::new(files[0].0), &read).unwrap();
    let edges = between_files(&tree);
    let lines = |circle: Vec<_>| circle.into_iter().map(|edge| line(edge, Path::new("src"))).collect();
    circles(&edges).into_iter().map(lines).collect()
}

#[test]
fn files_that_import_each_other_are_a_circle() {
    let files = [
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "\nuse crate::b::B;\npub struct A(B);"),
        ("src/b.rs", "use super::a::A;\npub struct B;\nfn f(_: &A) {}"),
    ];
    assert_eq!(found(&files), [["a.rs:2 uses B of b.rs", "b.rs:1 uses A of a.rs"]]);
}

#[test]
fn a_circle_may_be_longer_and_a_crate_may_have_two() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("src/a.rs", "use crate::b::B; pub struct A;"),
        ("src/b.rs", "use crate::c::C; pub struct B;"),
        ("src/c.rs", "use crate::a::A; use crate::d::D; pub struct C;"),
        ("src/d.rs", "use crate::e::E; pub struct D;"),
        ("src/e.rs", "use crate::d::D; pub struct E;"),
    ];
    let circles = found(&files);
    assert_eq!(circles.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn one_way_is_none() {
    let files = [
        ("src/lib.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
        ("src/a.rs", "use crate::b::B; pub struct A(B);"),
        ("src/b.rs", "pub struct B;"),
    ];
    assert!(found(&files).is_empty());
}

#[test]
fn what_the_root_passes_on_is_of_the_file_that_defines_it() {
    let files = [
        ("src/lib.rs", "mod a; mod b; pub use a::A; pub use b::{B as C};"),
        ("src/a.rs", "use crate::C; pub struct A(C);"),
        ("src/b.rs", "use crate::A; pub struct B;"),
    ];
    assert_eq!(found(&files), [["a.rs:1 uses B of b.rs", "b.rs:1 uses A of a.rs"]]);
}

#[test]
fn a_folder_that_only_passes_on_is_no_part_of_a_circle() {
    let files = [
        ("src/lib.rs", "mod group;"),
        ("src/group/mod.rs", "mod a; mod b; pub use a::*; pub(crate) use self::b::B;"),
        ("src/group/a.rs", "use super::B; pub struct A;"),
        ("src/group/b.rs", "pub struct B;"),
    ];
    assert!(found(&files).is_empty());
}

#[test]
fn a_folder_and_a_file_in_it_that_use_each_other_are_one() {
    let files = [
        ("src/lib.rs", "mod group;"),
        ("src/group/mod.rs", "mod a; pub use a::A; pub struct Shared; fn f() -> A { a::make() }"),
        ("src/group/a.rs", "use super::Shared; pub struct A; pub fn make() -> A { A }"),
    ];
    let [circle] = &found(&files)[..] else { panic!("there is one") };
    assert_eq!(
        circle[..],
        [
            "group/a.rs:1 uses Shared of group/mod.rs",
            "group/mod.rs:1 uses A of group/a.rs",
            "group/mod.rs:1 uses make of group/a.rs"
        ]
    );
}

#[test]
fn paths_in_code_macros_and_attributes_count() {
    for code in [
        "fn f() { crate::b::g(); }",
        "use crate::b; fn f() { b::g() }",
        "fn f() { println!(\"{}\", super::b::g()) }",
        "#[derive(Args)] struct S { #[arg(value_parser = crate::b::g)] x: u8 }",
        "use super::b::*; fn f() { g() }",
        "fn f() { use crate::b::g; }",
    ] {
        let a = format!("{code} pub struct S;");
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", a.as_str()),
            ("src/b.rs", "use crate::a::S; pub fn g() {}"),
        ];
        assert_eq!(found(&files), [["a.rs:1 uses g of b.rs", "b.rs:1 uses S of a.rs"]], "{code}");
    }
}

#[test]
fn tests_documentation_and_other_crates_do_not_count() {
    for code in [
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] use crate::b::B;",
        "/// [`B`](crate::b::B)\npub fn f() {}",
        "use ::b::B; use b::B as C;",
        "use crate::b;",
    ] {
        let a = format!("{code}\npub struct A;");
        let files = [
            ("src/lib.rs", "mod a; mod b;"),
            ("src/a.rs", a.as_str()),
            ("src/b.rs", "use crate::a::A; pub struct B;"),
        ];
        assert!(found(&files).is_empty(), "{code}");
    }
}

#[test]
fn modules_within_a_file_are_of_that_file() {
    let files = [
        ("src/main.rs", "mod a { pub mod inner { pub struct A; use super::super::b::B; } }\nmod b;"),
        ("src/b.rs", "use crate::a::inner::A; pub struct B;"),
    ];
    assert_eq!(found(&files), [["b.rs:1 uses A of main.rs", "main.rs:1 uses B of b.rs"]]);
}

#[test]
fn imports_that_lead_nowhere_end() {
    let files = [
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "pub use crate::b::*; pub use crate::b::X;"),
        ("src/b.rs", "pub use crate::a::*; pub use crate::a::X; fn f() { Y::new() }"),
    ];
    found(&files);
}
