//! Which names may stand in a command: those that the API server could have given out, and nothing a shell or kubectl
//! would take for something else.

/// A label name of RFC 1123: at most 63 of `[a-z0-9-]`, with no dash at either end.
pub(crate) fn is_label(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}

/// A subdomain name of RFC 1123: labels with dots between, at most 253 bytes.
pub(crate) fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// An image reference (`github.com/distribution/reference`): at most 255 bytes of name with tag, and up to 72 of digest.
pub(crate) fn is_image(image: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    (1..=330).contains(&image.len())
        && image.chars().all(allowed)
        && image.starts_with(|c: char| c.is_ascii_alphanumeric())
        && image.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// A quantity (k8s.io/apimachinery/pkg/api/resource): digits with at most one point, then a suffix or an exponent.
pub(crate) fn is_quantity(text: &str) -> bool {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let has_digits = number.contains(|c: char| c.is_ascii_digit()) && number.matches('.').count() <= 1;
    let is_exponent = suffix
        .strip_prefix(['e', 'E'])
        .is_some_and(|power| !power.is_empty() && power.parse::<i8>().is_ok());
    let suffixes = [
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    has_digits && (suffixes.contains(&suffix) || is_exponent)
}

/// A resource name: `cpu`, `memory`, `ephemeral-storage`, or a qualified one such as `nvidia.com/gpu`.
pub(crate) fn is_resource(name: &str) -> bool {
    match name.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && is_label(&name.to_ascii_lowercase()),
        None => is_label(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_have_a_registry_a_port_a_tag_and_a_digest() {
        let digest = format!("registry.example:5000/team/web:v1@sha256:{}", "0a".repeat(32));
        for good in ["nginx", "nginx:1.27", "registry.example/a/b_c:v1.2-rc", &digest] {
            assert!(is_image(good), "{good}");
        }
        for bad in ["", "-x", "a b", "a;b", "a$(b)", "a:", "/a", "a\n"] {
            assert!(!is_image(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_quantity_has_a_number_and_a_known_suffix() {
        for good in ["1", "0.5", "100m", "64Mi", "1e3", "2E6", ".5Gi"] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["", "m", "1.2.3", "1mi", "-1", "1 Gi", "1e", "1;ls"] {
            assert!(!is_quantity(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_resource_may_be_qualified_with_a_domain() {
        for (name, is_one) in [
            ("cpu", true),
            ("nvidia.com/gpu", true),
            ("a/b/c", false),
            ("x=y", false),
            ("/gpu", false),
        ] {
            assert_eq!(is_resource(name), is_one, "{name}");
        }
    }
}
