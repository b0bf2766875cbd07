//! A `ConfigMap` or Secret, or a key in one, that a pod names and that is not there.
//!
//! Sources: `kubernetes/pkg/kubelet/kubelet_pods.go`, `pkg/volume/{configmap,secret,projected}`.

use super::text::{between, word_after};

/// What is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    /// The key in it, when the object is there and the key is not.
    pub(crate) key: Option<&'a str>,
}

/// Kind of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    /// As the API spells it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }

    /// As kubectl lists it.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
        }
    }
}

/// The missing object or key that a message names.
pub(crate) fn missing(message: &str) -> Option<Reference<'_>> {
    key(message).or_else(|| object(message))
}

/// `couldn't find key K in ConfigMap ns/name` (environment), `references non-existent config key: K` (volume).
fn key(message: &str) -> Option<Reference<'_>> {
    for kind in [Kind::ConfigMap, Kind::Secret] {
        let (marker, short) = match kind {
            Kind::ConfigMap => (" in ConfigMap ", "config"),
            Kind::Secret => (" in Secret ", "secret"),
        };
        if let Some(key) = between(message, "couldn't find key ", marker) {
            let name = word_after(message, marker, &[' ', ',', '\n'])?;
            let name = name.split_once('/').map_or(name, |(_, name)| name);
            return Some(Reference {
                kind,
                name,
                key: Some(key),
            });
        }
        let volume = format!("references non-existent {short} key: ");
        if let Some(key) = word_after(message, &volume, &[' ', ',', '\n', ']']) {
            return Some(Reference {
                kind,
                name: "",
                key: Some(key),
            });
        }
    }
    None
}

/// `configmap "name" not found`, also several in brackets.
fn object(message: &str) -> Option<Reference<'_>> {
    for (kind, open) in [(Kind::ConfigMap, "configmap \""), (Kind::Secret, "secret \"")] {
        let Some((_, rest)) = message.split_once(open) else {
            continue;
        };
        if let Some((name, after)) = rest.split_once('"')
            && after.trim_start().starts_with("not found")
        {
            return Some(Reference { kind, name, key: None });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(message: &str, kind: Kind, name: &str, key: Option<&str>) {
        assert_eq!(missing(message), Some(Reference { kind, name, key }), "{message}");
    }

    #[test]
    fn an_object_that_is_not_there() {
        is(
            "configmap \"app-config\" not found",
            Kind::ConfigMap,
            "app-config",
            None,
        );
        is("secret \"db\" not found", Kind::Secret, "db", None);
        let volume = "MountVolume.SetUp failed for volume \"config\" : configmap \"app-config\" not found";
        is(volume, Kind::ConfigMap, "app-config", None);
        let projected =
            "MountVolume.SetUp failed for volume \"all\" : [configmap \"a\" not found, secret \"b\" not found]";
        is(projected, Kind::ConfigMap, "a", None);
    }

    #[test]
    fn a_key_that_is_not_there() {
        is(
            "couldn't find key url in ConfigMap shop/app",
            Kind::ConfigMap,
            "app",
            Some("url"),
        );
        is(
            "couldn't find key password in Secret shop/db",
            Kind::Secret,
            "db",
            Some("password"),
        );
        let volume = "MountVolume.SetUp failed for volume \"config\" : references non-existent config key: app.yaml";
        is(volume, Kind::ConfigMap, "", Some("app.yaml"));
        let secret = "MountVolume.SetUp failed for volume \"tls\" : references non-existent secret key: tls.crt";
        is(secret, Kind::Secret, "", Some("tls.crt"));
    }

    #[test]
    fn other_messages_name_none() {
        for message in [
            "failed to sync configmap cache: timed out waiting for the condition",
            "object \"shop\"/\"app\" not registered",
            "pods \"web\" is forbidden: secret \"db\" is off limits",
            "",
        ] {
            assert_eq!(missing(message), None, "{message}");
        }
    }
}
