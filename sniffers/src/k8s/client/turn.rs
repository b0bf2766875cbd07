//! Whose turn it is: with an election, only the leader asks.

use http::Uri;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The term of office that runs; `None` while another instance leads.
pub(in crate::k8s) type Turn = watch::Receiver<Option<CancellationToken>>;

/// Waits until it is this instance's turn. Without an election it always is.
pub(super) async fn wait(turn: Option<Turn>) -> Option<CancellationToken> {
    let mut turn = turn?;
    loop {
        let term = turn.borrow_and_update().clone();
        if let Some(term) = term.filter(|term| !term.is_cancelled()) {
            return Some(term);
        }
        if turn.changed().await.is_err() {
            // The election is over because tapio stops; so will whoever asks.
            std::future::pending::<()>().await;
        }
    }
}

/// Whether a request opens a watch.
pub(super) fn is_watch(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    query.split('&').any(|part| part == "watch=true" || part == "watch=1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_told_from_a_list() {
        let watch = |uri: &'static str| is_watch(&Uri::from_static(uri));
        assert!(watch("/api/v1/pods?&watch=true&timeoutSeconds=60"));
        assert!(!watch("/api/v1/pods?&limit=500") && !watch("/api/v1/pods"));
    }

    #[tokio::test]
    async fn a_request_waits_for_the_term_that_runs() {
        let (tell, turn) = watch::channel(None);
        let waiting = tokio::spawn(wait(Some(turn)));
        let over = CancellationToken::new();
        over.cancel();
        tell.send_replace(Some(over));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        tell.send_replace(Some(CancellationToken::new()));
        assert!(!waiting.await.unwrap().unwrap().is_cancelled());
        assert!(wait(None).await.is_none());
    }
}
