//! Equal questions that are asked at the same time are answered by one. The answer is computed by
//! a task of its own: whoever asked first may go away without taking it from the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What is being computed, by key.
pub(crate) struct Flights<K, T> {
    flying: Arc<Mutex<HashMap<K, Landing<T>>>>,
}

type Landing<T> = watch::Receiver<Option<T>>;

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { flying: Arc::default() }
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The result of the flight under this key, which begins now unless it is under way. None if
    /// its task broke.
    pub(crate) async fn join<F>(&self, key: K, compute: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut landing = self.landing(key, compute);
        let landed = landing.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }

    fn landing<F>(&self, key: K, compute: impl FnOnce() -> F) -> Landing<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut flying = lock(&self.flying);
        if let Some(landing) = flying.get(&key) {
            return landing.clone();
        }
        let (sender, landing) = watch::channel(None);
        flying.insert(key.clone(), landing.clone());
        let ended = Ended { flying: Arc::clone(&self.flying), key };
        let computed = compute();
        tokio::spawn(async move {
            let result = computed.await;
            drop(ended);
            sender.send_replace(Some(result));
        });
        landing
    }
}

/// Takes a flight off the list, also when its task breaks.
struct Ended<K: Eq + Hash, T> {
    flying: Arc<Mutex<HashMap<K, Landing<T>>>>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Ended<K, T> {
    fn drop(&mut self) {
        lock(&self.flying).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn equal_questions_are_computed_once_and_anew_later() {
        let (flights, computed) = (Flights::<_, u64>::default(), Arc::new(AtomicU64::new(0)));
        let (open, opened) = watch::channel(false);
        let ask = |key: &'static str| {
            let (computed, mut opened) = (Arc::clone(&computed), opened.clone());
            flights.join(key, move || async move {
                opened.wait_for(|open| *open).await.unwrap();
                computed.fetch_add(1, Ordering::Relaxed)
            })
        };
        let asked = async { tokio::join!(ask("a"), ask("a"), ask("b")) };
        let ((a, again, b), was_open) = tokio::join!(asked, async { open.send_replace(true) });
        assert!(!was_open);
        assert_eq!(a, again);
        assert_ne!(a, b);
        assert_eq!(ask("a").await, Some(2));
    }

    #[tokio::test]
    async fn a_broken_task_leaves_nobody_waiting() {
        let flights = Flights::<_, u64>::default();
        assert_eq!(flights.join("a", || async { panic!("on purpose") }).await, None);
        assert_eq!(flights.join("a", || async { 1 }).await, Some(1));
    }
}
