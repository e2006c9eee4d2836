//! The two things that a program needs beyond `async fn`: the next of a stream, and whichever comes
//! first.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_core::Stream;
use zbus::{Message, MessageStream};

/// The next message; `None` when the connection is gone.
pub(crate) async fn next(stream: &mut MessageStream) -> Option<Message> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await.and_then(Result::ok)
}

/// The next message, if there is one already.
pub(crate) async fn ready(stream: &mut MessageStream) -> Option<Message> {
    poll_fn(|cx| match Pin::new(&mut *stream).poll_next(cx) {
        Poll::Ready(message) => Poll::Ready(message.and_then(Result::ok)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// What came first.
pub(crate) enum First<A, B> {
    /// The first future; also when both are ready.
    A(A),
    /// The second one.
    B(B),
}

/// Waits for either. The other one is dropped, or goes on if only borrowed.
pub(crate) async fn first<A: Future, B: Future>(a: A, b: B) -> First<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| {
        if let Poll::Ready(output) = a.as_mut().poll(cx) {
            return Poll::Ready(First::A(output));
        }
        b.as_mut().poll(cx).map(First::B)
    })
    .await
}
