//! kubectl commands that are safe to paste: every word quoted for a POSIX shell, every name checked first.

use std::fmt;

use correlator::{ObjectRef, PodIdentity};

/// A kubectl command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubectl(Vec<String>);

impl Kubectl {
    /// `kubectl <words>`.
    pub fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// Adds a word.
    #[must_use]
    pub fn arg(mut self, word: impl Into<String>) -> Self {
        self.0.push(word.into());
        self
    }

    /// Adds `-n namespace`. `None` when that can be no namespace.
    pub fn namespace(self, name: &str) -> Option<Self> {
        is_label(name).then(|| self.arg("-n").arg(name))
    }

    /// Adds `-c container`. `None` when that can be no container.
    pub fn container(self, name: &str) -> Option<Self> {
        is_label(name).then(|| self.arg("-c").arg(name))
    }

    /// Adds a flag that needs no check, such as `--previous`.
    #[must_use]
    pub fn flag(self, flag: &str) -> Self {
        self.arg(flag)
    }
}

impl fmt::Display for Kubectl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kubectl")?;
        self.0.iter().try_for_each(|word| write!(f, " {}", quote(word)))
    }
}

/// `word` for a POSIX shell: as it is when harmless, else in single quotes (POSIX.1-2024, 2.2.2).
pub fn quote(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A command about a pod: `verb` words, then `name -n namespace`. `None` while its names are unknown or can be no names.
pub(crate) fn on_pod(verb: &[&str], pod: &PodIdentity) -> Option<Kubectl> {
    let (namespace, name) = (pod.namespace.as_deref()?, pod.pod.as_deref()?);
    is_subdomain(name)
        .then(|| Kubectl::new(verb).arg(name))?
        .namespace(namespace)
}

/// A command about a pod's owner: `verb` words, then `kind/name -n namespace`. `None` as for `on_pod`.
pub(crate) fn on_owner(verb: &[&str], pod: &PodIdentity) -> Option<Kubectl> {
    let (namespace, owner) = (pod.namespace.as_deref()?, pod.owner.as_ref()?);
    Kubectl::new(verb)
        .arg(resource(&owner.kind, &owner.name)?)
        .namespace(namespace)
}

/// A command about an object of a namespace: `verb` words, then `kind/name -n namespace`. `None` as for `on_pod`.
pub(crate) fn on_object(verb: &[&str], object: &ObjectRef) -> Option<Kubectl> {
    let resource = resource(&object.kind, &object.name)?;
    Kubectl::new(verb).arg(resource).namespace(&object.namespace)
}

fn resource(kind: &str, name: &str) -> Option<String> {
    let kind = kind.to_ascii_lowercase();
    (is_subdomain(name) && is_label(&kind)).then(|| format!("{kind}/{name}"))
}

/// A label name of RFC 1123: at most 63 of `[a-z0-9-]`, with no dash at either end.
pub(crate) fn is_label(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}

/// A subdomain name of RFC 1123: labels with dots between, at most 253 bytes.
fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use correlator::Owner;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hostile_name_gets_no_command() {
        for name in ["-rf", "a;b", "$(rm)", "a\nb", "A", "a..b", ""] {
            let pod = PodIdentity {
                namespace: Some("shop".into()),
                pod: Some(name.into()),
                ..Default::default()
            };
            assert_eq!(on_pod(&["logs"], &pod), None, "{name:?}");
        }
    }

    #[test]
    fn a_command_reads_as_a_person_would_type_it() {
        let owner = Owner {
            kind: "Deployment".into(),
            name: "web".into(),
        };
        let pod = PodIdentity {
            namespace: Some("shop".into()),
            owner: Some(owner),
            ..Default::default()
        };
        let command = on_owner(&["set", "resources"], &pod)
            .and_then(|command| command.container("app"))
            .unwrap();
        assert_eq!(
            command.to_string(),
            "kubectl set resources deployment/web -n shop -c app"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_real_shell_reads_back_every_quoted_word(word in "[^\0]{0,40}") {
            let out = Command::new("sh").arg("-c").arg(format!("printf %s {}", quote(&word))).output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&out.stdout), word);
        }
    }
}
