//! Rows shared out to threads.

use std::sync::{Mutex, PoisonError};

use burn::prelude::*;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::host::is_host;

/// Fewer tokens than this make a product too flat to be worth a thread of their own.
const TOKENS_PER_WORKER: usize = 40;

/// Threads that each take some rows of a batch all the way through the model.
///
/// Rows do not see each other, so on the CPU this beats sharing out each product: the threads
/// meet once in a pass instead of at every product, and what lies between the products, which
/// the backend computes on one thread, is shared out too. A GPU is one worker.
pub struct Workers {
    /// Each with its share of the machine's threads; none if there is but one worker.
    pools: Vec<ThreadPool>,
}

impl Workers {
    /// Makes as many workers as `n_tokens` keep busy, and no more than `most`.
    pub fn new(device: &Device, n_tokens: usize, most: usize) -> Self {
        let n_threads = rayon::current_num_threads();
        let n_workers = Self::wanted(device, n_tokens, most);
        let pool = || ThreadPoolBuilder::new().num_threads(n_threads / n_workers).build();
        // Where no threads are to be had, one worker does it all.
        let pools = match n_workers {
            1 => Vec::new(),
            _ => (0..n_workers).map(|_| pool()).collect::<Result<_, _>>().unwrap_or_default(),
        };
        Self { pools }
    }

    /// True if as many would be made again: threads that are kept hold on to memory of their own,
    /// and new ones would take more.
    pub(crate) fn fit(&self, device: &Device, n_tokens: usize, most: usize) -> bool {
        self.len() == Self::wanted(device, n_tokens, most)
    }

    fn wanted(device: &Device, n_tokens: usize, most: usize) -> usize {
        if is_host(device) {
            (n_tokens / TOKENS_PER_WORKER).min(most).clamp(1, rayon::current_num_threads())
        } else {
            1
        }
    }

    /// The number of workers.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.pools.len().max(1)
    }

    /// Maps a list with one item for each worker.
    pub fn map<T: Send, R: Send>(&self, items: Vec<T>, map: impl Fn(T) -> R + Sync) -> Vec<R> {
        if self.pools.is_empty() {
            return items.into_iter().map(map).collect();
        }
        let pairs: Vec<_> = self.pools.iter().zip(items).collect();
        pairs.into_par_iter().map(|(pool, item)| pool.install(|| map(item))).collect()
    }

    /// Maps a list of any length: each worker takes the next item when it is done with one.
    pub fn queue<T: Send, R: Send>(&self, items: Vec<T>, map: impl Fn(T) -> R + Sync) -> Vec<R> {
        if self.pools.is_empty() {
            return items.into_iter().map(map).collect();
        }
        let queue = Mutex::new(items.into_iter().enumerate());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let of_worker = |_| {
            let items = std::iter::from_fn(next);
            items.map(|(index, item)| (index, map(item))).collect::<Vec<_>>()
        };
        let mut results: Vec<(usize, R)> =
            self.map(vec![(); self.len()], of_worker).into_iter().flatten().collect();
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}
