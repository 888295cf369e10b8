//! `raftnoded-faulty`: `raftnoded` with failpoints, for tests; see `raftnoded::failpoint`.

use std::process::ExitCode;

/// The same as that of `raftnoded`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    raftnoded::program::main()
}
