//! How parts are found in a message.

/// What stands between the first `open` and the next `close` behind it.
pub(super) fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    let (found, _) = rest.split_once(close)?;
    Some(found)
}

/// What follows the first `open` up to the next of the characters of `stops`, or to the end. `None` when that is nothing.
pub(super) fn word_after<'a>(text: &'a str, open: &str, stops: &[char]) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    let word = rest.split(stops).next()?;
    Some(word).filter(|word| !word.is_empty())
}

/// The kind of the first form all of whose parts are in the text. Parts are lower-case; the text is compared that way.
pub(super) fn first_form<K: Copy>(text: &str, forms: &[(&[&str], K)]) -> Option<K> {
    let text = text.to_lowercase();
    let is_in = |(parts, _): &&(&[&str], K)| parts.iter().all(|part| text.contains(part));
    forms.iter().find(is_in).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_or_not() {
        assert_eq!(between("a \"b\" c", "\"", "\""), Some("b"));
        assert_eq!(between("a \"b", "\"", "\""), None);
        assert_eq!(word_after("lookup db on 10.0.0.2", "lookup ", &[' ', ':']), Some("db"));
        assert_eq!(word_after("lookup ", "lookup ", &[' ']), None);
    }

    #[test]
    fn the_first_form_wins_whatever_the_case() {
        let forms: &[(&[&str], u8)] = &[(&["no match", "manifest"], 1), (&["not found"], 2)];
        assert_eq!(
            first_form("No match for platform in Manifest: not found", forms),
            Some(1)
        );
        assert_eq!(first_form("nginx: Not Found", forms), Some(2));
        assert_eq!(first_form("ok", forms), None);
    }
}
