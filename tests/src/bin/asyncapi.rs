//! Prints the message contract, generated from the services' types:
//! `cargo run -p tests --bin asyncapi > docs/asyncapi.json`.

fn main() -> anyhow::Result<()> {
    print!("{}", tests::contract::text()?);
    Ok(())
}
