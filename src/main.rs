//! The command line of vindicate.

use mimalloc::MiMalloc;
use peak::Peak;

/// A run is many small allocations; the system's allocator takes a fifth of its time. `--stats`
/// counts them.
#[global_allocator]
static ALLOCATOR: Peak<MiMalloc> = Peak(MiMalloc);

fn main() -> std::process::ExitCode {
    vindicate::cli::main()
}
