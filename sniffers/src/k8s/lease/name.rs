//! How a Lease is named on the command line.

use std::fmt;
use std::str::FromStr;

/// Namespace and name of a Lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseName {
    /// The namespace, an RFC 1123 label of at most 63 characters.
    pub namespace: String,
    /// The name, an RFC 1123 subdomain of at most 253 characters.
    pub name: String,
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for LeaseName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (namespace, name) = text
            .split_once('/')
            .ok_or("give namespace and name, such as monitoring/tapio")?;
        if namespace.len() > 63 || !is_label(namespace) {
            return Err("the namespace is no name: up to 63 of a-z, 0-9 and -");
        }
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err("the name of the Lease is none: up to 253 of a-z, 0-9, - and .");
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_printed_is_the_name_that_was_read() {
        for text in ["monitoring/tapio", "a/b.c-d", "kube-system/0"] {
            assert_eq!(text.parse::<LeaseName>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_be_no_lease_is_refused() {
        let long = format!("a/{}", "x".repeat(254));
        for text in [
            "", "tapio", "/tapio", "a/", "a/b/c", "A/b", "-a/b", "a/b.", "a/..", "a.b/c", "a/b c", &long,
        ] {
            assert!(text.parse::<LeaseName>().is_err(), "{text:?}");
        }
    }
}
