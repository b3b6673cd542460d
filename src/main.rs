//! The command line of vindicate.

fn main() -> std::process::ExitCode {
    vindicate::cli::main()
}
