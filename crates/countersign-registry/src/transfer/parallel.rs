//! Some things at once, and all of them or none.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs `tasks`, at most `width` at a time, and returns what they yield in any order. The first error stops the others.
pub(super) async fn all<F, T, E>(width: usize, tasks: impl IntoIterator<Item = F>) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let turns = Arc::new(Semaphore::new(width.max(1)));
    let mut running = JoinSet::new();
    for task in tasks {
        let turns = Arc::clone(&turns);
        running.spawn(async move {
            let _turn = turns.acquire_owned().await;
            task.await
        });
    }
    let mut yielded = Vec::with_capacity(running.len());
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(outcome) => yielded.push(outcome?),
            // Nobody aborts the tasks but the drop of the set, so this is a panic of theirs.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    Ok(yielded)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn width_bounds_what_runs_at_once() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let task = |number| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                for _ in 0..5 {
                    tokio::task::yield_now().await;
                }
                now.fetch_sub(1, Ordering::SeqCst);
                Ok::<usize, ()>(number)
            }
        };
        let mut yielded = all(3, (0..20).map(task)).await.expect("no error");
        yielded.sort_unstable();
        assert_eq!(yielded, (0..20).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn first_error_ends_everything() {
        let task = |number: usize| async move {
            if number == 2 {
                return Err(number);
            }
            std::future::pending::<Result<(), usize>>().await
        };
        assert_eq!(all(9, (0..5).map(task)).await, Err(2));
    }
}
