//! Ctrl-C and SIGTERM. Servers and producers drain; a race saves what it measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first Ctrl-C or SIGTERM.
///
/// # Errors
/// The signals cannot be caught.
pub async fn asked_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// A flag that the first signal sets, for code without a runtime. `on_stop` runs then, on a
/// thread of its own; a second signal ends the program at once.
///
/// # Errors
/// No thread or no signals.
pub fn flag(on_stop: impl FnOnce() + Send + 'static) -> std::io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            if asked_to_stop().await.is_ok() {
                set.store(true, Relaxed);
                on_stop();
                if asked_to_stop().await.is_ok() {
                    std::process::exit(crate::exit::Ended::Interrupted as i32);
                }
            }
        });
    })?;
    Ok(flag)
}
