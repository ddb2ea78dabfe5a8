//! Where things lie: the project, the binaries under test, and what tests write, all of it below the target directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

/// The project's root.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Where cargo put this program, and beside it the services of the same profile.
///
/// # Errors
/// When this program does not know where it stands.
pub fn binaries() -> Result<PathBuf> {
    let exe = std::env::current_exe().context("where this program stands")?;
    let beside = exe.parent().ok_or_else(|| anyhow!("{} stands nowhere", exe.display()))?;
    let beside = if beside.ends_with("deps") { beside.parent().unwrap_or(beside) } else { beside };
    Ok(beside.to_owned())
}

/// The target directory.
///
/// # Errors
/// As [`binaries`].
pub fn target() -> Result<PathBuf> {
    let beside = binaries()?;
    Ok(beside.parent().map_or(beside.clone(), Path::to_owned))
}

/// The name of this program, without the hash that cargo gives a test binary.
///
/// # Errors
/// As [`binaries`].
pub fn program() -> Result<String> {
    let exe = std::env::current_exe().context("where this program stands")?;
    let name = exe.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let hash = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(name.rsplit_once('-').filter(|(_, end)| hash(end)).map_or(name.clone(), |(program, _)| program.to_owned()))
}

/// The directories of this program's clusters: programs run beside each other.
///
/// # Errors
/// As [`binaries`].
pub fn clusters() -> Result<PathBuf> {
    Ok(target()?.join("test-clusters").join(program()?))
}

/// A service's binary.
///
/// # Errors
/// When it was not built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = binaries()?.join(name);
    if !path.is_file() {
        bail!(
            "{} is not there: build it first with `cargo build --workspace --bins` (./dev test does)",
            path.display()
        );
    }
    Ok(path)
}

/// An empty directory of that name.
///
/// # Errors
/// When what is there can't be removed, or nothing created.
pub fn empty(path: &Path) -> Result<()> {
    if path.exists() {
        std::fs::remove_dir_all(path).with_context(|| format!("remove {}", path.display()))?;
    }
    std::fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))
}

/// The last lines of a file, for a report.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| format!("    {line}\n")).collect()
}

/// The definition of the order saga, the return's, and others beside it.
///
/// # Errors
/// When the order's is not where it was, or not written as it was.
pub fn definitions(directory: &Path, patience: Option<&str>, others: &[(&str, &str)]) -> Result<()> {
    empty(directory)?;
    let source = root().join("orchestrator/sagas/order.toml");
    let text = std::fs::read_to_string(&source).with_context(|| format!("read {}", source.display()))?;
    let text = patience.map(|timeout| impatient(&text, timeout)).transpose()?.unwrap_or(text);
    let back = std::fs::read_to_string(source.with_file_name("return.toml")).context("read return.toml")?;
    std::fs::write(directory.join("return.toml"), back)?;
    for (name, text) in others.iter().copied().chain([("order.toml", text.as_str())]) {
        std::fs::write(directory.join(name), text).with_context(|| format!("write the definition {name}"))?;
    }
    Ok(())
}

/// The order saga's definition, with another time to wait for the payment's result.
fn impatient(text: &str, timeout: &str) -> Result<String> {
    let line = text.lines().find(|l| l.contains("receive = {") && !l.trim_start().starts_with('#'));
    let old = line.ok_or_else(|| anyhow!("no `receive = {{` in the definition"))?;
    let (before, rest) = old.split_once("timeout = \"").ok_or_else(|| anyhow!("no timeout in `{old}`"))?;
    let (_, after) = rest.split_once('"').ok_or_else(|| anyhow!("no end of the timeout in `{old}`"))?;
    Ok(text.replace(old, &format!("{before}timeout = \"{timeout}\"{after}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_written_so_that_its_patience_can_be_changed() {
        let directory = target().unwrap().join("test-definition");
        definitions(&directory, Some("3s"), &[("other.toml", "x")]).unwrap();
        assert_eq!(std::fs::read_to_string(directory.join("other.toml")).unwrap(), "x");
        let text = std::fs::read_to_string(directory.join("order.toml")).unwrap();
        let line = text.lines().find(|l| l.starts_with("receive = {")).unwrap();
        assert!(line.contains("timeout = \"3s\""), "{line}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
