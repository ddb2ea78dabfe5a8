//! Prints the documentation of all settings: `cargo run -p tests --bin settings-doc > docs/settings.md`.

fn main() -> anyhow::Result<()> {
    print!("{}", tests::settings_doc::text()?);
    Ok(())
}
