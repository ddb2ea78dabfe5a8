//! The process. Its parts are in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    sagactl::main()
}
