// SPDX-License-Identifier: BSD-2-Clause
// Waits of Rust and panics in flight, for scenario/stacks/03_languages.c.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Condvar, Mutex};
use std::{fs, panic, thread, time::Duration};

static ARRIVED: AtomicUsize = AtomicUsize::new(0);

struct SlowEnd;

impl Drop for SlowEnd {
    fn drop(&mut self) {
        ARRIVED.fetch_add(1, Ordering::SeqCst);
        loop {
            thread::park();
        }
    }
}

#[inline(never)]
fn deep(n: u32, last: &dyn Fn()) -> u32 {
    if n == 0 {
        last();
        return 1;
    }
    black_box(deep(n - 1, last)) + n
}

fn main() {
    let held = Arc::new(Mutex::new(0));
    let _guard = held.lock();
    let (sender, receiver) = mpsc::channel::<u32>();
    let mutex = held.clone();

    panic::set_hook(Box::new(|_| {}));
    thread::spawn(move || deep(3, &|| drop(mutex.lock())));
    thread::spawn(move || deep(3, &|| assert!(receiver.recv().is_ok())));
    thread::spawn(|| deep(3, &|| thread::sleep(Duration::from_secs(3600))));
    thread::spawn(|| {
        let _end = SlowEnd;
        deep(3, &|| panic!("in flight"))
    });
    thread::spawn(|| {
        let pair = (Mutex::new(()), Condvar::new());
        deep(3, &|| drop(pair.1.wait(pair.0.lock().unwrap())))
    });
    while ARRIVED.load(Ordering::SeqCst) < 1 {
        thread::sleep(Duration::from_millis(1));
    }
    fs::write("/proc/self/comm", "waiting").unwrap();
    deep(5, &|| thread::sleep(Duration::from_secs(3600)));
    drop(sender);
}
