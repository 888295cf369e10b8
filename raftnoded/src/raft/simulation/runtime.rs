//! Processes without processes: the tasks of a simulated member can be stopped, continued and
//! killed together, and what openraft draws at random comes from the seed.
//!
//! In all other tests this is tokio, but for the order in which a watch channel wakes ([`Ordered`]).

use std::{
    cell::RefCell,
    convert::Infallible,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use openraft::{AsyncRuntime, OptionalSend, impls::TokioRuntime};
use rand::{Rng, SeedableRng, TryRng, rngs::StdRng};
use tokio::task::AbortHandle;

use super::watch::Ordered;

/// Ended tasks are forgotten when there are so many.
const MANY_TASKS: usize = 256;

thread_local! {
    static RNG: RefCell<Option<StdRng>> = const { RefCell::new(None) };
    static CURRENT: RefCell<Option<Process>> = const { RefCell::new(None) };
}

/// Makes this thread one that simulates: its random numbers come from a seed from now on.
pub(super) fn simulate(seed: u64) {
    RNG.set(Some(StdRng::seed_from_u64(seed)));
}

/// Whether this thread simulates.
pub(in crate::raft) fn is_simulated() -> bool {
    RNG.with_borrow(Option::is_some)
}

/// The tasks of one run of a member, from its start to its end.
#[derive(Clone, Default)]
pub(super) struct Process(Arc<State>);

#[derive(Default)]
struct State {
    stopped: AtomicBool,
    /// Those to be polled when it continues.
    waiting: Mutex<Vec<Waker>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Process {
    /// Starts a task of this process; those it spawns through openraft belong to it, too.
    pub(super) fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let handle = tokio::spawn(Inside {
            process: self.clone(),
            future: Box::pin(future),
        });
        let mut tasks = lock(&self.0.tasks);
        if tasks.len() >= MANY_TASKS {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(handle.abort_handle());
        handle
    }

    /// Its tasks stand still until it continues, as after SIGSTOP. Time goes on.
    pub(super) fn stop(&self) {
        self.0.stopped.store(true, Relaxed);
    }

    /// Its tasks go on.
    pub(super) fn resume(&self) {
        self.0.stopped.store(false, Relaxed);
        for waker in mem::take(&mut *lock(&self.0.waiting)) {
            waker.wake();
        }
    }

    /// Whether it stands still.
    pub(super) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Relaxed)
    }

    /// Ends all of its tasks where they stand, as SIGKILL does: when the runtime gets to it, and
    /// without one more step of any of them.
    pub(super) fn kill(&self) {
        for task in mem::take(&mut *lock(&self.0.tasks)) {
            task.abort();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task of a process.
struct Inside<F> {
    process: Process,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Inside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.process.is_stopped() {
            lock(&self.process.0.waiting).push(context.waker().clone());
            return Poll::Pending;
        }
        let outer = CURRENT.replace(Some(self.process.clone()));
        let polled = self.future.as_mut().poll(context);
        CURRENT.set(outer);
        polled
    }
}

/// Random numbers from the seed on a thread that simulates, and from the system elsewhere.
#[derive(Debug)]
pub struct SeededRng;

impl SeededRng {
    fn draw<T>(draw: impl Fn(&mut dyn Rng) -> T) -> T {
        RNG.with_borrow_mut(|seeded| match seeded {
            Some(rng) => draw(rng),
            None => draw(&mut rand::rng()),
        })
    }
}

impl TryRng for SeededRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(Self::draw(|rng| rng.next_u32()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(Self::draw(|rng| rng.next_u64()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.try_next_u32()? as u8;
        }
        Ok(())
    }
}

/// What openraft runs on in tests: tokio, with tasks that belong to the process of whoever spawns
/// them, and nothing left to chance that no seed decides.
#[derive(Debug)]
pub struct Runtime(TokioRuntime);

impl AsyncRuntime for Runtime {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <TokioRuntime as AsyncRuntime>::Sleep;
    type Instant = <TokioRuntime as AsyncRuntime>::Instant;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + OptionalSend> =
        <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = SeededRng;
    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = Ordered;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        match CURRENT.with_borrow(Clone::clone) {
            Some(process) => process.spawn(future),
            None => TokioRuntime::spawn(future),
        }
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
        deadline: Self::Instant,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(error)
    }

    fn thread_rng() -> SeededRng {
        SeededRng
    }

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}
