//! Repeats what a busy machine may disturb, a bounded number of times.

use std::iter::repeat_with;

/// Tries until nothing is wrong; fails with all that was wrong if that never comes.
pub(crate) fn until_undisturbed(times: usize, attempt: impl FnMut() -> Option<String>) {
    let attempts = repeat_with(attempt).take(times).map_while(|wrong| wrong);
    let wrong: Vec<String> = attempts.inspect(|wrong| println!("disturbed: {wrong}")).collect();
    assert!(wrong.len() < times, "{times} times: {}", wrong.join("\n"));
}

#[test]
fn what_is_disturbed_is_tried_again_and_what_always_is_fails() {
    let tried = |times, disturbed| {
        let mut count = 0;
        let attempt = std::panic::AssertUnwindSafe(|| {
            until_undisturbed(times, || {
                count += 1;
                (count <= disturbed).then(|| format!("number {count}"))
            });
        });
        (std::panic::catch_unwind(attempt).is_ok(), count)
    };
    assert_eq!(tried(3, 0), (true, 1));
    assert_eq!(tried(3, 2), (true, 3));
    assert_eq!(tried(3, 3), (false, 3));
}
