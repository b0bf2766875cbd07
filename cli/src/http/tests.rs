//! Connections that are kept, that are slow, and that are too many.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::places::MOST;
use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: t\r\n\r\n";

/// Our end of a connection that holds so many bytes on their way.
fn connect(room: usize) -> DuplexStream {
    let (ours, theirs) = duplex(room);
    let place = Arc::new(Places::default()).enter().unwrap();
    tokio::spawn(talk(theirs, place, Arc::new(Board::new()), CancellationToken::new()));
    ours
}

async fn ask(stream: &mut DuplexStream) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = vec![0; 1024];
    let len = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..len]).into_owned()
}

/// Until the other side closes, seconds.
async fn closes_after(stream: &mut DuplexStream) -> u64 {
    let (began, mut rest) = (Instant::now(), Vec::new());
    stream.read_to_end(&mut rest).await.unwrap();
    began.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_scraper_that_comes_each_minute_finds_its_connection_open() {
    let mut stream = connect(4096);
    for _ in 0..5 {
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
        sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(closes_after(&mut stream).await, 30, "90 s after the last answer");
}

#[tokio::test(start_paused = true)]
async fn fault_36_a_head_that_trickles_in_is_cut_on_a_new_connection_and_on_one_that_was_kept() {
    for is_kept in [false, true] {
        let mut stream = connect(4096);
        if is_kept {
            ask(&mut stream).await;
            sleep(Duration::from_secs(60)).await;
        }
        let began = Instant::now();
        for byte in REQUEST {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(900)).await;
        }
        let took = began.elapsed();
        assert!(
            took > Duration::from_secs(4) && took < Duration::from_secs(7),
            "{took:?}"
        );
    }
    assert_eq!(closes_after(&mut connect(4096)).await, 5, "nothing at all");
}

#[tokio::test(start_paused = true)]
async fn fault_36_an_answer_that_nobody_takes_is_not_held_for_long() {
    let mut stream = connect(64);
    stream.write_all(REQUEST).await.unwrap();
    sleep(Duration::from_secs(29)).await;
    stream.write_all(b"x").await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert!(stream.write_all(b"x").await.is_err(), "it is closed");
}

#[tokio::test]
async fn fault_35_when_everybody_is_being_answered_who_comes_next_is_told_to_come_again() {
    let listener = bind(Listen::At("127.0.0.1:0".parse().unwrap())).unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    // Nothing makes a text for this board, so all who ask wait.
    let serving = tokio::spawn(serve(listener, Arc::new(Board::new()), stop.clone()));
    let mut asked = Vec::new();
    let refused = loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: t\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 256];
        match timeout(Duration::from_millis(5), stream.read(&mut answer)).await {
            Ok(Ok(len)) if len > 0 => break String::from_utf8_lossy(&answer[..len]).into_owned(),
            _ => asked.push(stream),
        }
        assert!(asked.len() < 4 * MOST, "nobody is refused");
    };
    assert!(asked.len() >= MOST, "{} were let in", asked.len());
    assert_eq!(refused.as_bytes(), FULL);
    assert!(refused.contains("retry-after: 1\r\n"));
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[test]
fn an_address_has_a_port_and_may_be_left_out() {
    assert_eq!(listen(":9464"), Ok(Listen::Everywhere(9464)));
    assert_eq!(listen("[::1]:80"), Ok(Listen::At("[::1]:80".parse().unwrap())));
    for bad in ["", "9464", "localhost:9464", ":99999", "127.0.0.1", "127.0.0.1:x"] {
        assert!(listen(bad).is_err(), "{bad:?}");
    }
}
