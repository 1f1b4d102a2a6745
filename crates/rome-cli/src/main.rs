//! `rome`: edit facts in language models from the command line.

use std::process::ExitCode;

/// Every step of v* takes and gives back the same buffers of megabytes. The system's allocator
/// returns such to the kernel, which clears each page again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rome_cli::main_with(std::env::args_os())
}
