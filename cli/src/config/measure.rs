//! Values of the configuration with a unit: lengths of time, sizes and addresses. They are written as text, as users write them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use hyper::Uri;
use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde::{Serialize, Serializer};

use super::scalar::wrong;
use crate::{args, profile};

const UNITS: [(usize, &str); 4] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "")];

/// A length of time of `LEAST` to `MOST` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time<const LEAST: u64, const MOST: u64>(pub(crate) Duration);

/// From `LEAST` to `MOST` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size<const LEAST: usize, const MOST: usize>(pub(crate) usize);

/// An address that can be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url(pub(crate) Uri);

impl<const LEAST: u64, const MOST: u64> Time<LEAST, MOST> {
    pub(crate) const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let [least, most] = [LEAST, MOST].map(Duration::from_millis);
        let time = args::duration(text)?;
        let is_allowed = (least..=most).contains(&time);
        is_allowed
            .then_some(Self(time))
            .ok_or_else(|| format!("give a time from {} to {}", Self(least), Self(most)))
    }
}

impl<const LEAST: usize, const MOST: usize> Size<LEAST, MOST> {
    fn parse(text: &str) -> Result<Self, String> {
        let size = usize::try_from(profile::bytes(text)?).ok();
        size.filter(|size| (LEAST..=MOST).contains(size))
            .map(Self)
            .ok_or_else(|| format!("give a size from {} to {}", Self(LEAST), Self(MOST)))
    }
}

/// An address with scheme and host, and without a user.
pub(crate) fn url(text: &str) -> Result<Uri, String> {
    let hint = || "give a URL such as http://127.0.0.1:9093 or https://alerts.example.com/path".to_owned();
    let uri: Uri = text.parse().map_err(|_| hint())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|_| is_http).ok_or_else(hint)?;
    if authority.as_str().contains('@') {
        return Err("give the URL without a user and password; a bearer token has a file of its own".to_owned());
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(hint());
    }
    Ok(uri)
}

impl<const LEAST: u64, const MOST: u64> fmt::Display for Time<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        write!(f, "{time:#}")
    }
}

impl<const LEAST: usize, const MOST: usize> fmt::Display for Size<LEAST, MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(scale, _): &&(usize, &str)| self.0 > 0 && self.0.is_multiple_of(*scale);
        let (scale, unit) = UNITS.iter().find(whole).unwrap_or(&(1, ""));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads a text; the error says what is allowed instead.
fn parsed<'de, D: Deserializer<'de>, T>(from: D, parse: fn(&str) -> Result<T, String>) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map_err(|allowed| Error::custom(wrong(&text, &allowed)))
}

/// Written and read as text.
macro_rules! as_text {
    ([$($bounds:tt)*], $of:ty, $name:literal, $parse:expr) => {
        impl<$($bounds)*> Serialize for $of {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de, $($bounds)*> Deserialize<'de> for $of {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                parsed(from, $parse)
            }
        }

        impl<$($bounds)*> JsonSchema for $of {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }
        }
    };
}

as_text!([const LEAST: u64, const MOST: u64], Time<LEAST, MOST>, "Time", Self::parse);
as_text!([const LEAST: usize, const MOST: usize], Size<LEAST, MOST>, "Size", Self::parse);
as_text!([], Url, "Url", |text| url(text).map(Self));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for millis in [100, 1_500, 60_000, 90_000, 3_600_000] {
            let time: Time<100, 3_600_000> = Time(Duration::from_millis(millis));
            assert_eq!(Time::parse(&time.to_string()), Ok(time), "{time}");
        }
        for bytes in [0, 1, 1_023, 1 << 10, 100 << 20, 3 << 30] {
            let size: Size<0, { 1 << 40 }> = Size(bytes);
            assert_eq!(Size::parse(&size.to_string()), Ok(size), "{size}");
        }
        assert_eq!(Size::<0, { 1 << 40 }>(100 << 20).to_string(), "100MiB");
        assert_eq!(Time::<100, 3_600_000>::seconds(60).to_string(), "1m");
    }

    #[test]
    fn what_is_beyond_the_bounds_is_refused_with_them() {
        let says = |text: &str| Time::<100, 10_000>::parse(text).unwrap_err();
        assert_eq!(says("1h"), "give a time from 100ms to 10s");
        assert!(says("5").contains("with its unit"));
        let says = |text: &str| Size::<1_024, 2_048>::parse(text).unwrap_err();
        assert_eq!(says("1"), "give a size from 1KiB to 2KiB");
        assert!(says("much").contains("KiB, MiB or GiB"));
    }

    #[test]
    fn addresses_have_scheme_and_host_and_no_password() {
        for bad in ["x", "", "example.com", "collector:4318", "ftp://example.com", "http://"] {
            assert!(url(bad).unwrap_err().contains("give a URL such as"), "{bad}");
        }
        assert!(url("http://me:pw@example.com").unwrap_err().contains("without a user"));
        assert_eq!(
            url("https://[::1]:9093/a?b=c").map(|url| url.to_string()),
            Ok("https://[::1]:9093/a?b=c".into())
        );
    }
}
