//! A command line as words, printed so that a POSIX shell reads the same words back.

use std::fmt;

use super::name::is_label;

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

    /// The words after `kubectl`.
    pub fn words(&self) -> &[String] {
        &self.0
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_real_shell_reads_back_every_quoted_word(word in "[^\0]{0,40}") {
            let out = Command::new("sh").arg("-c").arg(format!("printf %s {}", quote(&word))).output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&out.stdout), word);
        }

        #[test]
        fn a_real_shell_reads_back_the_words_of_a_command(words in proptest::collection::vec("[^\0\n]{0,12}", 1..6)) {
            let borrowed: Vec<&str> = words.iter().map(String::as_str).collect();
            let script = format!("kubectl() {{ printf '%s\\n' \"$@\"; }}; {}", Kubectl::new(&borrowed));
            let out = Command::new("sh").arg("-c").arg(script).output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&out.stdout), words.join("\n") + "\n");
        }
    }
}
