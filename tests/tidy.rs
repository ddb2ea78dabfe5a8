//! What keeps the code readable, as far as a test can see it: files and functions stay short, every file says what
//! lives in it, nothing is left for later.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use syn::spanned::Spanned as _;
use syn::visit::Visit;

const FILE: usize = 400;
const FUNCTION: usize = 60;
const MAIN: usize = 60;

/// Every Rust file of the project: what git tracks, and what it would.
fn sources() -> Vec<PathBuf> {
    let root = tests::files::root();
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])
        .current_dir(&root)
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let mut files: Vec<PathBuf> = listed.lines().map(|l| root.join(l)).filter(|p| p.is_file()).collect();
    if !output.status.success() {
        // A copy without git's data.
        walk(&root, &mut files);
    }
    assert!(files.len() > 20, "only {} Rust files found below {}", files.len(), root.display());
    files
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(&path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

fn all_good(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_say_what_lives_in_them_and_stay_short() {
    let mut wrong = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        let (name, lines) = (path.display(), text.lines().count());
        let limit = if path.ends_with("main.rs") && path.parent().unwrap().ends_with("src") { MAIN } else { FILE };
        if !text.starts_with("//!") {
            wrong.push(format!("{name}: begin with //! and say what lives here and why it is apart"));
        }
        if lines > limit {
            wrong.push(format!("{name}: {lines} lines, at most {limit}"));
        }
    }
    all_good(&wrong);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|w| w.concat());
    let mut wrong = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            if words.iter().any(|word| line.contains(word.as_str())) {
                wrong.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
    all_good(&wrong);
}

#[test]
fn functions_stay_short() {
    let mut wrong = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut functions = Functions { path: &path, wrong: &mut wrong };
        functions.visit_file(&file);
    }
    all_good(&wrong);
}

struct Functions<'a> {
    path: &'a Path,
    wrong: &'a mut Vec<String>,
}

impl Functions<'_> {
    /// From the signature to the closing brace; documentation does not count.
    fn check(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (begin, end) = (signature.span().start().line, body.span().end().line);
        let lines = end - begin + 1;
        if lines > FUNCTION {
            let name = &signature.ident;
            self.wrong.push(format!("{}:{begin}: {name} has {lines} lines, at most {FUNCTION}", self.path.display()));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.check(&function.sig, &function.block);
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.check(&function.sig, &function.block);
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.check(&function.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, function);
    }
}
