//! Paths: the project, the binaries under test, and the files that tests write below the target directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

/// The project's root.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The directory of this program and of the services' binaries of the same profile.
///
/// # Errors
/// When the path of this program is not available.
pub fn binaries() -> Result<PathBuf> {
    let exe = std::env::current_exe().context("the path of this program")?;
    let directory = exe.parent().ok_or_else(|| anyhow!("{} has no parent", exe.display()))?;
    let directory = if directory.ends_with("deps") { directory.parent().unwrap_or(directory) } else { directory };
    Ok(directory.to_owned())
}

/// The target directory.
///
/// # Errors
/// As [`binaries`].
pub fn target() -> Result<PathBuf> {
    let directory = binaries()?;
    Ok(directory.parent().map_or(directory.clone(), Path::to_owned))
}

/// The name of this run: the program's, without the hash that cargo appends to a test binary. The environment variable
/// `TEST_LANE` is appended, so that two runs of one program can go on at the same time.
///
/// # Errors
/// As [`binaries`].
pub fn program() -> Result<String> {
    let exe = std::env::current_exe().context("the path of this program")?;
    let name = exe.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let hash = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let program = name.rsplit_once('-').filter(|(_, end)| hash(end)).map_or(name.as_str(), |(program, _)| program);
    Ok(match std::env::var("TEST_LANE") {
        Ok(lane) if !lane.is_empty() => format!("{program}-{lane}"),
        _ => program.to_owned(),
    })
}

/// The parent of this program's cluster directories. Each test program has its own, since they run in parallel.
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
            "{} does not exist: build it first with `cargo build --workspace --bins` (./dev test does)",
            path.display()
        );
    }
    Ok(path)
}

/// Creates an empty directory, after deleting an existing one.
///
/// # Errors
/// When it can't be removed or created.
pub fn empty(path: &Path) -> Result<()> {
    if path.exists() {
        std::fs::remove_dir_all(path).with_context(|| format!("remove {}", path.display()))?;
    }
    std::fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))
}

/// The last lines of a file, for a report.
pub fn tail(path: &Path, lines: usize) -> String {
    tail_where(path, lines, |_| true)
}

/// The last lines of a file that are `wanted`, indented.
pub fn tail_where(path: &Path, lines: usize, wanted: impl Fn(&str) -> bool) -> String {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().filter(|line| wanted(line)).collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| format!("    {line}\n")).collect()
}

/// Writes the built-in definitions, and others.
///
/// # Errors
/// When the order's definition can't be read or changed.
pub fn definitions(directory: &Path, result_timeout: Option<&str>, others: &[(&str, &str)]) -> Result<()> {
    empty(directory)?;
    let source = root().join("orchestrator/sagas/order.toml");
    let text = std::fs::read_to_string(&source).with_context(|| format!("read {}", source.display()))?;
    let text = result_timeout.map(|timeout| with_timeout(&text, timeout)).transpose()?.unwrap_or(text);
    for name in ["return.toml", "parcel.toml", "failed-refund.toml", "dispute.toml"] {
        let text = std::fs::read_to_string(source.with_file_name(name)).with_context(|| format!("read {name}"))?;
        std::fs::write(directory.join(name), text)?;
    }
    for (name, text) in others.iter().copied().chain([("order.toml", text.as_str())]) {
        std::fs::write(directory.join(name), text).with_context(|| format!("write the definition {name}"))?;
    }
    Ok(())
}

/// The order saga's definition with another timeout for the payment's result.
fn with_timeout(text: &str, timeout: &str) -> Result<String> {
    let (before, receive) =
        text.split_once("[steps.receive]\n").ok_or_else(|| anyhow!("no `[steps.receive]` in the definition"))?;
    let (keys, rest) = receive.split_once("timeout = \"").ok_or_else(|| anyhow!("no timeout in `[steps.receive]`"))?;
    let (_, after) = rest.split_once('"').ok_or_else(|| anyhow!("no end of the timeout in `[steps.receive]`"))?;
    Ok(format!("{before}[steps.receive]\n{keys}timeout = \"{timeout}\"{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_timeout_of_the_order_definition_can_be_replaced() {
        let directory = target().unwrap().join("test-definition");
        definitions(&directory, Some("3s"), &[("other.toml", "x")]).unwrap();
        assert_eq!(std::fs::read_to_string(directory.join("other.toml")).unwrap(), "x");
        let text = std::fs::read_to_string(directory.join("order.toml")).unwrap();
        let (_, receive) = text.split_once("[steps.receive]").unwrap();
        assert_eq!(receive.lines().find(|line| line.starts_with("timeout")), Some("timeout = \"3s\""));
        std::fs::remove_dir_all(directory).unwrap();
    }
}
