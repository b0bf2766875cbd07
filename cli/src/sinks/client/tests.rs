//! One request over real sockets: headers, statuses, TLS.

use std::io::Write as _;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::testing::receiver;
use super::*;
use crate::config::measure::Time;

fn parcel() -> Parcel {
    Parcel {
        path: "/v1/x",
        headers: vec![(hyper::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))],
        body: Bytes::from("hello"),
        items: 1,
    }
}

fn client(base: &str, connection: &Connection) -> Client {
    Client::new(&base.parse().unwrap(), connection).unwrap()
}

#[tokio::test]
async fn a_request_goes_below_the_address_with_the_token_that_the_file_holds_now() {
    let (address, seen) = receiver(200, None, Bytes::from("fine")).await;
    let token = tempfile::NamedTempFile::new().unwrap();
    let connection = Connection {
        bearer_token_file: Some(token.path().to_owned()),
        ..Connection::default()
    };
    let client = client(&format!("http://{address}/prefix/"), &connection);
    let Answer::Later(why, None) = client.post(&parcel()).await else {
        panic!("an empty token was sent");
    };
    assert!(why.contains("is empty"), "{why}");
    for token_now in ["one", "two"] {
        std::fs::write(token.path(), format!("{token_now}\n")).unwrap();
        assert_eq!(client.post(&parcel()).await, Answer::Taken(Bytes::from("fine")));
        let last = seen.lock().unwrap().last().unwrap().clone();
        assert_eq!(last.headers["authorization"], format!("Bearer {token_now}"));
        assert_eq!((last.path.as_str(), &*last.body), ("/prefix/v1/x", &b"hello"[..]));
    }
}

#[tokio::test]
async fn a_status_says_whether_to_come_again_and_when() {
    for (status, after, expected) in [
        (400, None, Answer::Refused("400 Bad Request: no".into())),
        (413, None, Answer::Refused("413 Payload Too Large: no".into())),
        (
            429,
            Some(7),
            Answer::Later("429 Too Many Requests: no".into(), Some(Duration::from_secs(7))),
        ),
        (503, None, Answer::Later("503 Service Unavailable: no".into(), None)),
        (500, None, Answer::Broken("500 Internal Server Error: no".into())),
        (401, None, Answer::Later("401 Unauthorized: no".into(), None)),
    ] {
        let (address, _) = receiver(status, after, Bytes::from("no\n")).await;
        let client = client(&format!("http://{address}"), &Connection::default());
        assert_eq!(client.post(&parcel()).await, expected);
    }
}

#[test]
fn a_date_to_come_again_at_counts_from_the_date_of_the_sink() {
    let asked = |after: &str, date: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, after.parse().unwrap());
        date.map(|date| headers.insert(DATE, date.parse().unwrap()));
        retry_after(&headers)
    };
    let noon = Some("Sun, 06 Nov 1994 12:00:00 GMT");
    let two_minutes = Some(Duration::from_secs(120));
    assert_eq!(asked("Sun, 06 Nov 1994 12:02:00 GMT", noon), two_minutes);
    // The forms of RFC 850 and of asctime, which HTTP knows too.
    assert_eq!(asked("Sunday, 06-Nov-94 12:02:00 GMT", noon), two_minutes);
    assert_eq!(asked("Sun Nov  6 12:02:00 1994", noon), two_minutes);
    assert_eq!(asked("Sun, 06 Nov 1994 11:00:00 GMT", noon), None, "it is over");
    assert_eq!(asked("soon", noon), None);
    let in_a_minute = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
    let left = asked(&in_a_minute, None).unwrap().as_secs();
    assert!((57..=60).contains(&left), "{left}");
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connection = Connection {
        timeout: Time(Duration::from_millis(200)),
        ..Connection::default()
    };
    let client = client(&format!("http://{}", listener.local_addr().unwrap()), &connection);
    let Answer::Later(why, None) = client.post(&parcel()).await else {
        panic!("there was an answer");
    };
    assert!(why.contains("no answer within 200ms"), "{why}");
}

/// A server with a certificate of its own for localhost; answers each connection with an empty 200.
async fn secure() -> (SocketAddr, String) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(reply).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (address, cert.pem())
}

#[tokio::test]
async fn a_certificate_is_held_against_the_authorities_of_the_file() {
    let (address, pem) = secure().await;
    let base = format!("https://localhost:{}", address.port());
    let trusting = |pem: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(pem.as_bytes()).unwrap();
        let connection = Connection {
            ca_file: Some(file.path().to_owned()),
            ..Connection::default()
        };
        Client::new(&base.parse().unwrap(), &connection)
    };
    assert_eq!(
        trusting(&pem).unwrap().post(&parcel()).await,
        Answer::Taken(Bytes::new())
    );
    let (_, other) = secure().await;
    let Answer::Later(why, None) = trusting(&other).unwrap().post(&parcel()).await else {
        panic!("a stranger was trusted");
    };
    assert!(why.contains("https://localhost"), "{why}");
    let error = format!("{:#}", trusting("nothing").err().unwrap());
    assert!(error.contains("name a file that does"), "{error}");
}
