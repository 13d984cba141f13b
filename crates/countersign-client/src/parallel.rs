//! Many small pieces of blocking work, on as many threads as the machine has.

use std::num::NonZeroUsize;
use std::panic;
use std::thread;

/// Runs `work` on consecutive parts of `items`, side by side, and gives the first error in their order.
///
/// It blocks until all of them ended.
pub(crate) fn in_parallel<T: Sync, E: Send>(
    items: &[T],
    work: impl Fn(&[T]) -> Result<(), E> + Sync,
) -> Result<(), E> {
    map_in_parallel(items, |part| work(part).map(|()| Vec::<()>::new())).map(drop)
}

/// As [`in_parallel`], and collects what the parts give, in the order of `items`.
pub(crate) fn map_in_parallel<T: Sync, U: Send, E: Send>(
    items: &[T],
    work: impl Fn(&[T]) -> Result<Vec<U>, E> + Sync,
) -> Result<Vec<U>, E> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let size = items.len().div_ceil(threads).max(1);
    if items.len() <= size {
        return work(items);
    }
    thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> = items.chunks(size).map(|part| scope.spawn(move || work(part))).collect();
        let mut all = Vec::with_capacity(items.len());
        for part in parts {
            all.extend(part.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))?);
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_the_first_error_told() {
        let numbers: Vec<u32> = (0..1000).collect();
        let doubled =
            map_in_parallel(&numbers, |part| Ok::<_, u32>(part.iter().map(|number| number * 2).collect()));
        assert_eq!(doubled, Ok(numbers.iter().map(|number| number * 2).collect::<Vec<_>>()));
        let refused = in_parallel(&numbers, |part| match part.iter().find(|number| **number % 400 == 399) {
            Some(number) => Err(*number),
            None => Ok(()),
        });
        assert_eq!(refused, Err(399));
        assert_eq!(map_in_parallel(&[], |_: &[u32]| Ok::<Vec<u32>, ()>(Vec::new())), Ok(Vec::new()));
    }
}
