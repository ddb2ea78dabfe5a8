//! The project's Rust files.

use std::path::Path;
use std::process::Command;

/// A Rust file.
pub struct Source {
    /// Relative to the project's root, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn parsed(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}

/// Every Rust file that git tracks or would track; without git's data, every file found.
pub fn sources() -> Vec<Source> {
    let root = tests::files::root();
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])
        .current_dir(&root)
        .output()
        .unwrap();
    let mut paths: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    paths.retain(|path| root.join(path).is_file());
    if !output.status.success() {
        walk(&root, &root, &mut paths);
    }
    assert!(paths.len() > 20, "only {} Rust files found below {}", paths.len(), root.display());
    let read = |path: String| Source { text: std::fs::read_to_string(root.join(&path)).unwrap(), path };
    paths.into_iter().map(read).collect()
}

fn walk(root: &Path, dir: &Path, paths: &mut Vec<String>) {
    for path in std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(root, &path, paths);
        } else if name.ends_with(".rs") {
            paths.push(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
        }
    }
}
