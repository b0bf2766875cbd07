//! What is answered to a request.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};

use super::board::Board;
use crate::metrics::page::Format;

const PLAIN: &str = "text/plain; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The answer to a request; that to HEAD has its body taken away by the server.
pub(super) async fn answer<B>(request: &Request<B>, board: &Board) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let is_known = ["/", "/metrics", "/healthz", "/readyz"].contains(&path);
    if is_known && ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/metrics" => metrics(wanted(request.headers()), board).await,
        "/healthz" => match board.stuck() {
            None => plain(StatusCode::OK, "ok\n"),
            Some(silence) => {
                let text = format!("the engine has not moved for {} s\n", silence.as_secs());
                plain(StatusCode::SERVICE_UNAVAILABLE, text)
            }
        },
        "/readyz" => match board.unready() {
            None => plain(StatusCode::OK, "ok\n"),
            Some(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {reason}\n")),
        },
        "/" => {
            let version = env!("CARGO_PKG_VERSION");
            plain(StatusCode::OK, format!("tapio {version}: /metrics /healthz /readyz\n"))
        }
        _ => plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n"),
    }
}

async fn metrics(format: Format, board: &Board) -> Response<Full<Bytes>> {
    let Some(text) = board.text(format).await else {
        let mut busy = plain(StatusCode::SERVICE_UNAVAILABLE, "the engine is busy; ask again\n");
        busy.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return busy;
    };
    let kind = match format {
        Format::Text => TEXT,
        Format::OpenMetrics => OPEN_METRICS,
    };
    with(StatusCode::OK, kind, text)
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    with(status, PLAIN, text.into())
}

fn with(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `OpenMetrics` 1.0 where it is asked for and liked at least as well as plain text (RFC 9110, 12.5.1).
fn wanted(headers: &HeaderMap) -> Format {
    let (mut open, mut text) = (0.0, 0.0);
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut version) = (1.0_f64, "");
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim() {
                "q" => weight = value.trim().parse().unwrap_or(0.0),
                "version" => version = value.trim().trim_matches('"'),
                _ => {}
            }
        }
        match media.as_str() {
            "application/openmetrics-text" if version.is_empty() || version.starts_with("1.") => {
                open = weight.max(open);
            }
            "text/plain" => text = weight.max(text),
            _ => {}
        }
    }
    if open > 0.0 && open >= text {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format_for(accept: &[&str]) -> Format {
        let mut headers = HeaderMap::new();
        for line in accept {
            headers.append(ACCEPT, line.parse().unwrap());
        }
        wanted(&headers)
    }

    #[test]
    fn who_asks_for_openmetrics_gets_it_and_everybody_else_plain_text() {
        // What Prometheus 2.42 sends.
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(format_for(&[prometheus]), Format::OpenMetrics);
        assert_eq!(
            format_for(&["text/plain;q=0.3", "application/openmetrics-text"]),
            Format::OpenMetrics
        );
        for plain in [
            &[][..],
            &["*/*"],
            &["text/html, */*;q=0.1"],
            &["application/openmetrics-text;version=0.0.1"],
            &["application/openmetrics-text;version=1.0.0;q=0.1, text/plain;q=0.9"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text;q=much"],
            &[";;==,,"],
        ] {
            assert_eq!(format_for(plain), Format::Text, "{plain:?}");
        }
    }

    async fn status(method: &str, path: &str) -> u16 {
        let board = Board::new();
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        answer(&request, &board).await.status().as_u16()
    }

    #[tokio::test]
    async fn other_paths_and_methods_are_refused() {
        assert_eq!(status("GET", "/metric").await, 404);
        assert_eq!(status("POST", "/metrics").await, 405);
        assert_eq!(status("DELETE", "/nothing").await, 404);
        assert_eq!(status("HEAD", "/healthz").await, 200);
        assert_eq!(status("GET", "/readyz?verbose").await, 503);
    }
}
