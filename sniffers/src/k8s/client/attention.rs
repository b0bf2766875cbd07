//! A body that fails when nothing of it comes for too long.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Frame, SizeHint};
use kube::client::Body;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The body of an answer from `path`.
#[derive(Debug)]
pub(super) struct Attended {
    body: Body,
    path: Arc<str>,
    silence: Duration,
    gives_up: Pin<Box<Sleep>>,
    over: Option<Over>,
}

/// The end of the term of office in which it was asked for.
#[derive(Debug)]
struct Over {
    end: Pin<Box<WaitForCancellationFutureOwned>>,
    is_watch: bool,
}

impl Attended {
    pub(super) fn new(body: Body, path: &str, silence: Duration) -> Self {
        Self {
            body,
            path: path.into(),
            silence,
            gives_up: Box::pin(tokio::time::sleep(silence)),
            over: None,
        }
    }

    /// Ends with the term: a watch as if the server had closed it, anything else as broken off.
    pub(super) fn during(mut self, term: Option<CancellationToken>, is_watch: bool) -> Self {
        self.over = term.map(|term| Over {
            end: Box::pin(term.cancelled_owned()),
            is_watch,
        });
        self
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> Option<bool> {
        let over = self.over.as_mut()?;
        over.end.as_mut().poll(cx).is_ready().then_some(over.is_watch)
    }
}

impl http_body::Body for Attended {
    type Data = <Body as http_body::Body>::Data;
    type Error = kube::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.is_over(cx) {
            Some(true) => return Poll::Ready(None),
            Some(false) => return Poll::Ready(Some(Err(kube::Error::Service("this instance does not lead".into())))),
            None => {}
        }
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
