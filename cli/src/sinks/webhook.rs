//! The webhook: one JSON object a request, signed if there is a secret.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use ring::hmac;

use super::client::secret;
use super::courier::{Courier, Parcel};
use super::said::{Said, hex};

/// Of the body, as `sha256=<hex>`.
const SIGNATURE: HeaderName = HeaderName::from_static("x-tapio-signature-256");
/// The same each time the same report is sent (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Makes requests of insights.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) secret: Option<PathBuf>,
}

impl Courier for Webhook {
    type Item = Arc<Said>;
    const MOST: usize = 1;

    fn parcel(&mut self, items: &[Arc<Said>]) -> Result<Parcel, String> {
        let [said] = items else {
            return Err("a webhook takes one insight at a time".to_owned());
        };
        let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        // A Structured Field string, which is quoted.
        if let Ok(key) = HeaderValue::try_from(format!("\"{}\"", said.event_id)) {
            headers.push((IDEMPOTENCY_KEY, key));
        }
        if let Some(path) = &self.secret {
            let secret = secret(path).map_err(|error| format!("{error:#}"))?;
            let signature = format!("sha256={}", sign(&secret, said.json.as_bytes()));
            let signature = HeaderValue::try_from(signature).map_err(|error| error.to_string())?;
            headers.push((SIGNATURE, signature));
        }
        Ok(Parcel {
            path: "",
            headers,
            body: Bytes::from(said.json.clone()),
            items: 1,
        })
    }
}

/// HMAC-SHA256 in hex.
fn sign(secret: &[u8], body: &[u8]) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body).as_ref())
}

#[cfg(test)]
mod tests {
    use super::super::said::Speaker;
    use super::super::testing::oom;
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        // RFC 4231, test case 2.
        assert_eq!(
            sign(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_request_carries_its_key_and_the_signature_of_its_very_body_with_the_secret_of_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let mut webhook = Webhook {
            secret: Some(path.clone()),
        };
        let said = Arc::new(Speaker::default().say(&oom(1)));
        assert!(webhook.parcel(&[Arc::clone(&said)]).unwrap_err().contains("reading"));
        for secret in ["one", "two"] {
            std::fs::write(&path, format!("{secret}\n")).unwrap();
            let parcel = webhook.parcel(&[Arc::clone(&said)]).unwrap();
            let header = |name: &HeaderName| parcel.headers.iter().find(|(it, _)| it == name).unwrap().1.clone();
            assert_eq!(header(&IDEMPOTENCY_KEY), format!("\"{}\"", said.event_id));
            let signature = format!("sha256={}", sign(secret.as_bytes(), &parcel.body));
            assert_eq!(header(&SIGNATURE), signature);
        }
    }
}
