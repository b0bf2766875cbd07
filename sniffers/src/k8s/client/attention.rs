//! A body that fails when nothing of it comes for too long.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Frame, SizeHint};
use kube::client::Body;
use tokio::time::{Instant, Sleep};

/// The body of an answer from `path`.
#[derive(Debug)]
pub(super) struct Attended {
    body: Body,
    path: Arc<str>,
    silence: Duration,
    gives_up: Pin<Box<Sleep>>,
}

impl Attended {
    pub(super) fn new(body: Body, path: &str, silence: Duration) -> Self {
        Self {
            body,
            path: path.into(),
            silence,
            gives_up: Box::pin(tokio::time::sleep(silence)),
        }
    }
}

impl http_body::Body for Attended {
    type Data = <Body as http_body::Body>::Data;
    type Error = kube::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let again = Instant::now() + self.silence;
            self.gives_up.as_mut().reset(again);
            return Poll::Ready(frame);
        }
        ready!(self.gives_up.as_mut().poll(cx));
        let (path, silent_seconds) = (&*self.path, self.silence.as_secs());
        tracing::warn!(
            path,
            silent_seconds,
            "An answer of the API server stands still; it is asked again."
        );
        Poll::Ready(Some(Err(kube::Error::Service(silent(self.silence).into()))))
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// The error of a server that says nothing.
pub(super) fn silent(silence: Duration) -> io::Error {
    let text = format!("the API server said nothing for {} s", silence.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, text)
}
