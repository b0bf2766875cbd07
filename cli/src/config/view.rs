//! The configuration in effect as text, each value with where it comes from.

use std::fmt::Write as _;

use serde_json::Value;

use super::given::{Given, Origin};
use super::{Loader, Settings, is_in};

/// YAML with a comment behind each value.
pub(super) fn text(loader: &Loader, settings: &Settings) -> String {
    let file = loader.file();
    let head = match &file {
        Some(path) => format!("# file: {}\n", insights::escape(&path.display().to_string(), 4096)),
        None => "# no file is read\n".to_owned(),
    };
    let mut view = View {
        text: head,
        loader,
        said: &settings.said,
    };
    if let Ok(Value::Object(fields)) = serde_json::to_value(&settings.config) {
        for (key, value) in &fields {
            view.write(0, key, key, value);
        }
    }
    view.text
}

struct View<'a> {
    text: String,
    loader: &'a Loader,
    said: &'a Value,
}

impl View<'_> {
    /// Writes a key and what is below it; `path` is the whole way to it.
    fn write(&mut self, depth: usize, path: &str, key: &str, value: &Value) {
        let indent = "  ".repeat(depth);
        // JSON is YAML, in the flow style.
        let name = if is_plain(key) {
            key.to_owned()
        } else {
            Value::from(key).to_string()
        };
        match value {
            Value::Object(fields) if !fields.is_empty() && !self.is_given(path) => {
                let _ = writeln!(self.text, "{indent}{name}:");
                for (key, value) in fields {
                    self.write(depth + 1, &format!("{path}.{key}"), key, value);
                }
            }
            value => {
                let origin = self.origin(path);
                let _ = writeln!(self.text, "{indent}{name}: {value}  # {origin}");
            }
        }
    }

    fn given(&self, path: &str) -> Option<&Given> {
        self.loader.given.iter().find(|given| given.key == path)
    }

    fn is_given(&self, path: &str) -> bool {
        self.given(path).is_some()
    }

    fn origin(&self, path: &str) -> &'static str {
        match self.given(path).map(|given| given.origin) {
            Some(Origin::Flag(name) | Origin::Variable(name)) => name,
            Some(Origin::Command) | None if is_in(self.said, path) => "file",
            Some(Origin::Command) | None => "default",
        }
    }
}

fn is_plain(key: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(is_word)
}
