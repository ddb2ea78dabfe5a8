//! The imports between modules, read from the paths in the code. Code under `#[cfg(test)]` is ignored.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;

use crate::sources::Source;

/// A crate: its modules by name (`a::b`; the root is empty), and which of them each imports.
pub struct Crate {
    pub name: String,
    imports: BTreeMap<String, BTreeSet<String>>,
}

/// The library or program in each `src` folder, and each test program that has a folder of its own.
pub fn crates(sources: &[Source]) -> Vec<Crate> {
    let root = |source: &Source| source.path.strip_suffix("/main.rs").map(str::to_owned);
    let programs: Vec<String> = sources.iter().filter_map(root).filter(|folder| !folder.ends_with("/src")).collect();
    let mut folders = BTreeMap::<String, Vec<&Source>>::new();
    for source in sources {
        let is_inside = |folder: &&String| source.path.starts_with(&format!("{folder}/"));
        let library = || source.path.rsplit_once("/src/").map(|(folder, _)| format!("{folder}/src"));
        if let Some(folder) = programs.iter().find(is_inside).cloned().or_else(library) {
            folders.entry(folder).or_default().push(source);
        }
    }
    folders.into_iter().map(|(name, files)| read_crate(name, &files)).collect()
}

fn read_crate(name: String, files: &[&Source]) -> Crate {
    let prefix = format!("{name}/");
    let named = |source: &&Source| (module_of(source.path.strip_prefix(&prefix).unwrap()), source.parsed());
    let parsed: Vec<(String, syn::File)> = files.iter().map(named).collect();
    let modules: BTreeSet<String> = parsed.iter().map(|(module, _)| module.clone()).collect();
    let mut imports = BTreeMap::<String, BTreeSet<String>>::new();
    for (module, file) in &parsed {
        let mut paths = BTreeSet::new();
        read_items(&file.items, &segments(module), &mut paths);
        let files = paths.iter().map(|path| file_of(path, &modules));
        imports.entry(module.clone()).or_default().extend(files.filter(|other| other != module));
    }
    Crate { name, imports }
}

/// `a/b.rs` is `a::b`, and so is `a/b/mod.rs`; the root has no name.
fn module_of(path: &str) -> String {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main") { String::new() } else { path.replace('/', "::") }
}

fn segments(module: &str) -> Vec<String> {
    module.split("::").filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

/// The longest beginning of a path that is a module with a file of its own.
fn file_of(path: &[String], modules: &BTreeSet<String>) -> String {
    let known = (0..=path.len()).rev().map(|length| path[..length].join("::"));
    known.into_iter().find(|module| modules.contains(module)).unwrap_or_default()
}

/// The modules, with all below them, that exist only in tests: `folder/src` and the module's name.
pub fn test_modules(sources: &[Source]) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for source in sources {
        let Some((folder, path)) = source.path.rsplit_once("/src/") else { continue };
        let parent = segments(&module_of(path));
        for item in source.parsed().items.iter().filter(|item| is_test(item)) {
            let name = child(item).map(|name| parent.iter().cloned().chain([name]).collect::<Vec<_>>().join("::"));
            found.extend(name.map(|name| (folder.to_owned(), name)));
        }
    }
    found
}

/// Returns true if the file belongs to one of these modules.
pub fn is_in(source: &Source, modules: &BTreeSet<(String, String)>) -> bool {
    let Some((folder, path)) = source.path.rsplit_once("/src/") else { return false };
    let segments = segments(&module_of(path));
    (1..=segments.len()).any(|length| modules.contains(&(folder.to_owned(), segments[..length].join("::"))))
}

/// The absolute paths that these items of `module` name.
fn read_items(items: &[syn::Item], module: &[String], paths: &mut BTreeSet<Vec<String>>) {
    let children: BTreeSet<String> = items.iter().filter_map(child).collect();
    for item in items.iter().filter(|item| !is_test(item)) {
        match item {
            syn::Item::Mod(inner) => {
                if let Some((_, items)) = &inner.content {
                    let mut module = module.to_vec();
                    module.push(inner.ident.to_string());
                    read_items(items, &module, paths);
                }
            }
            item => {
                let tokens = without_tests(item).into_token_stream();
                read_tokens(tokens, &Scope { module, children: &children }, paths);
            }
        }
    }
}

struct Scope<'a> {
    module: &'a [String],
    children: &'a BTreeSet<String>,
}

impl Scope<'_> {
    /// The absolute path that begins with this word, if it begins in this crate.
    fn base(&self, word: &str) -> Option<Vec<String>> {
        match word {
            "crate" => Some(Vec::new()),
            "self" => Some(self.module.to_vec()),
            "super" => Some(self.module[..self.module.len().saturating_sub(1)].to_vec()),
            child if self.children.contains(child) => {
                let mut path = self.module.to_vec();
                path.push(child.to_owned());
                Some(path)
            }
            _ => None,
        }
    }
}

fn read_tokens(tokens: TokenStream, scope: &Scope<'_>, paths: &mut BTreeSet<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            // `pub(in crate::a)` imports nothing.
            TokenTree::Ident(word) if word == "pub" && is_parenthesis(tokens.get(at + 1)) => at += 1,
            TokenTree::Group(group) => read_tokens(group.stream(), scope, paths),
            TokenTree::Ident(word) if !follows_a_path(&tokens, at) && is_separator(&tokens, at + 1) => {
                if let Some(base) = scope.base(&word.to_string()) {
                    at = read_path(&tokens, at + 3, base, paths);
                    continue;
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}

/// Returns true if `::` begins at this token.
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(at) && colon(at + 1)
}

/// Returns true if the token follows `::` or `.` and so does not begin a path.
fn follows_a_path(tokens: &[TokenTree], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
    let is = |token: Option<&TokenTree>, c: char| matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == c);
    is(before(1), '.') || (is(before(1), ':') && is(before(2), ':'))
}

/// Reads the path after a `::` and returns the index after it.
fn read_path(tokens: &[TokenTree], at: usize, mut path: Vec<String>, paths: &mut BTreeSet<Vec<String>>) -> usize {
    match tokens.get(at) {
        Some(TokenTree::Ident(word)) => {
            if word == "super" {
                path.pop();
            } else if word != "self" {
                path.push(word.to_string());
            }
            if is_separator(tokens, at + 1) {
                return read_path(tokens, at + 3, path, paths);
            }
            paths.insert(path);
            at + 1
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            let mut next = 0;
            while next < inner.len() {
                read_path(&inner, next, path.clone(), paths);
                next += inner[next..].iter().take_while(|token| !is_comma(token)).count() + 1;
            }
            at + 1
        }
        Some(_) | None => {
            paths.insert(path);
            at
        }
    }
}

fn is_parenthesis(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == ',')
}

/// The module that this item declares.
fn child(item: &syn::Item) -> Option<String> {
    match item {
        syn::Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    }
}

fn is_test(item: &syn::Item) -> bool {
    let attributes = match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(is_cfg_test)
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.meta.to_token_stream().to_string() == "cfg (test)"
}

/// An item without its `#[cfg(test)]` methods.
fn without_tests(item: &syn::Item) -> syn::Item {
    let mut item = item.clone();
    if let syn::Item::Impl(block) = &mut item {
        block.items.retain(|inner| match inner {
            syn::ImplItem::Fn(function) => !function.attrs.iter().any(is_cfg_test),
            _ => true,
        });
    }
    item
}

/// The code of a file as tokens separated by spaces, without comments and `#[cfg(test)]` code.
pub fn code_without_tests(file: &syn::File) -> String {
    let items = file.items.iter().filter(|item| !is_test(item));
    items.map(|item| undocumented(without_tests(item).into_token_stream()).to_string()).collect::<Vec<_>>().join("\n")
}

/// Tokens without attributes, which include documentation.
fn undocumented(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::<TokenTree>::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && ends_with_hash(&kept) => {
                kept.pop();
            }
            TokenTree::Group(group) => {
                let inner = undocumented(group.stream());
                kept.push(proc_macro2::Group::new(group.delimiter(), inner).into());
            }
            token => kept.push(token),
        }
    }
    kept.into_iter().collect()
}

fn ends_with_hash(tokens: &[TokenTree]) -> bool {
    matches!(tokens.last(), Some(TokenTree::Punct(p)) if p.as_char() == '#')
}

/// A path as [`code_without_tests`] writes it.
pub fn spaced(path: &str) -> String {
    path.replace("::", " :: ")
}

impl Crate {
    /// The groups of modules that import each other, directly or through others.
    pub fn rings(&self) -> Vec<Vec<String>> {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            self.imports.keys().map(|module| (module, self.reached_from(module))).collect();
        let mut rings = BTreeSet::new();
        for (module, others) in &reached {
            let mutual = |other: &&&String| reached.get(**other).is_some_and(|back| back.contains(module));
            let mut ring: Vec<String> = others.iter().filter(mutual).map(|other| label(other)).collect();
            if others.contains(module) {
                ring.sort();
                rings.insert(ring);
            }
        }
        rings.into_iter().collect()
    }

    fn reached_from(&self, module: &String) -> BTreeSet<&String> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = self.imports.get(module).into_iter().flatten().collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(self.imports.get(module).into_iter().flatten());
            }
        }
        reached
    }
}

fn label(module: &str) -> String {
    if module.is_empty() { "the root".to_owned() } else { module.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn rings(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let sources: Vec<Source> = files.iter().map(|(path, text)| source(&format!("x/src/{path}"), text)).collect();
        crates(&sources).remove(0).rings()
    }

    #[test]
    fn a_ring_over_three_modules_is_found() {
        let ring = rings(&[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "fn f() { crate::c::f() }"),
            ("c.rs", "use super::{a::A, d};"),
            ("d.rs", "use std::fmt;"),
        ]);
        assert_eq!(ring, [["a", "b", "c"]]);
    }

    #[test]
    fn a_parent_and_a_child_that_use_each_other_are_a_ring() {
        let ring = rings(&[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; fn f() { html!(b::g()) }"),
            ("a/b.rs", "use super::f; fn g() {}"),
        ]);
        assert_eq!(ring, [["a", "a::b"]]);
    }

    #[test]
    fn a_group_imports_its_members_and_not_its_parent() {
        let ring = rings(&[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; mod c; use b::B;"),
            ("a/b.rs", "use super::{c, c::C as D, c::{E, F}};"),
            ("a/c.rs", ""),
        ]);
        assert!(ring.is_empty(), "{ring:?}");
    }

    #[test]
    fn tests_are_ignored() {
        let ring = rings(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "#[cfg(test)] mod tests { use crate::b::B; }"),
            ("b.rs", "use crate::a::A;"),
        ]);
        assert!(ring.is_empty(), "{ring:?}");
    }
}
