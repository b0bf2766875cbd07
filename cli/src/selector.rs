//! Label selectors as kubectl takes them with `-l`: `app=web,tier!=cache,env in (test,dev),!canary`.

use correlator::LabelSelector;
use correlator::selector::{Operator, Requirement};

/// Longest value of a label; a key may have a prefix of 253 characters and a slash before as many.
const LONGEST: usize = 63;
const LONGEST_PREFIX: usize = 253;

/// Reads it, or says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<LabelSelector, String> {
    let mut selector = LabelSelector::default();
    for term in terms(text)? {
        let requirement = requirement(term.trim())?;
        selector.requirements.push(requirement);
    }
    Ok(selector)
}

/// What stands between the commas that are not in parentheses.
fn terms(text: &str) -> Result<Vec<&str>, String> {
    let (mut terms, mut begin, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or("a parenthesis is closed that is not open")?,
            ',' if depth == 0 => {
                terms.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a parenthesis is not closed".to_owned());
    }
    terms.push(&text[begin..]);
    Ok(terms)
}

fn requirement(term: &str) -> Result<Requirement, String> {
    if let Some(key) = term.strip_prefix('!') {
        return made(key, Operator::DoesNotExist, &[]);
    }
    // The longer operator first: `=` is in all of them.
    for (sign, operator) in [("!=", Operator::NotIn), ("==", Operator::In), ("=", Operator::In)] {
        if let Some((key, value)) = term.split_once(sign) {
            return made(key, operator, &[value]);
        }
    }
    let Some((key, rest)) = term.split_once(char::is_whitespace) else {
        return made(term, Operator::Exists, &[]);
    };
    let rest = rest.trim();
    for (word, operator) in [("notin", Operator::NotIn), ("in", Operator::In)] {
        let list = rest.strip_prefix(word).map(str::trim);
        let list = list.and_then(|list| list.strip_prefix('(')?.strip_suffix(')'));
        if let Some(list) = list {
            return made(key, operator, &list.split(',').collect::<Vec<_>>());
        }
    }
    Err(format!(
        "{term:?} is no requirement; give such as app=web, app!=web, app in (a,b), app, !app"
    ))
}

fn made(key: &str, operator: Operator, values: &[&str]) -> Result<Requirement, String> {
    let key = key.trim();
    let is_prefix = |prefix: &str| (1..=LONGEST_PREFIX).contains(&prefix.len()) && prefix.chars().all(may_be);
    let (has_prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (is_prefix(prefix), name),
        None => (true, key),
    };
    let is_key = has_prefix && !name.is_empty() && is_word(name);
    if !is_key {
        return Err(format!(
            "{key:?} is no key of a label; give such as app.kubernetes.io/name"
        ));
    }
    let values: Vec<&str> = values.iter().map(|value| value.trim()).collect();
    if let Some(wrong) = values.iter().find(|value| !is_word(value)) {
        return Err(format!("{wrong:?} is no value of a label"));
    }
    Ok(Requirement {
        key: key.into(),
        operator,
        values: values.into_iter().map(Into::into).collect(),
    })
}

fn may_be(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Empty, or letters, digits, dashes, underscores and dots between letters or digits.
fn is_word(text: &str) -> bool {
    let is_end = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || (text.len() <= LONGEST && text.chars().all(may_be) && text.starts_with(is_end) && text.ends_with(is_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        parse(selector).unwrap().selects(&labels.collect())
    }

    #[test]
    fn every_form_that_kubectl_takes_selects_as_the_api_server_does() {
        let labels = [("app", "web"), ("k8s.io/tier", "a")];
        for good in [
            "app=web",
            "app==web",
            "app!=cache",
            "app in (cache, web)",
            "app notin (cache)",
            "app",
            "!canary",
            "canary!=x",
            " app = web , k8s.io/tier in (a,b),!x",
        ] {
            assert!(selects(good, &labels), "{good}");
        }
        for other in [
            "app=cache",
            "app!=web",
            "app notin (web)",
            "canary",
            "!app",
            "app=web,x=y",
            "app=",
        ] {
            assert!(!selects(other, &labels), "{other}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_with_what_to_give() {
        for bad in [
            "",
            "app=web,",
            "=web",
            "app in web",
            "app in (a",
            "app)",
            "a b",
            "app=we b",
            "app=-x",
            "/x",
            "a/b/c=d",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse("app is web").unwrap_err().contains("app in (a,b)"));
    }
}
