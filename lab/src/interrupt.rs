//! Ctrl-C and SIGTERM. Servers and producers drain; a race saves what it measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C and SIGTERM, caught from now on.
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Catches them: whoever says that it is ready has done this before.
    ///
    /// # Errors
    /// The signals cannot be caught.
    pub fn caught() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Resolves at the first of them.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Resolves at the first Ctrl-C or SIGTERM after this.
///
/// # Errors
/// The signals cannot be caught.
pub async fn asked_to_stop() -> std::io::Result<()> {
    Stop::caught()?.asked().await;
    Ok(())
}

/// A flag that the first signal from now on sets, for code without a runtime. `on_stop` runs then,
/// on a thread of its own; a second signal ends the program at once.
///
/// # Errors
/// No thread or no signals.
pub fn flag(on_stop: impl FnOnce() + Send + 'static) -> std::io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut stop = {
        let _inside = runtime.enter();
        Stop::caught()?
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            stop.asked().await;
            set.store(true, Relaxed);
            on_stop();
            stop.asked().await;
            std::process::exit(crate::exit::Ended::Interrupted as i32);
        });
    })?;
    Ok(flag)
}
