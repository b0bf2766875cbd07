//! The kubelet's account of an eviction (`kubernetes/pkg/kubelet/eviction`): which resource, and who used how much of it.

use crate::phrase::escape;

/// The most that is shown of a name, characters.
const SHOWN: usize = 80;

/// What an eviction message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account<'a> {
    /// The node ran low on something.
    Node {
        /// `memory`, `ephemeral-storage`, `inodes`, `pids`.
        resource: &'a str,
        /// The kubelet evicts below this; with what was left.
        threshold: Option<(&'a str, &'a str)>,
        /// Containers of this pod over their requests: name, used, requested.
        over: Vec<(&'a str, &'a str, &'a str)>,
    },
    /// The pod used more local storage than its own limit, or its volume's.
    Own {
        /// The container or volume, where one is named.
        name: Option<&'a str>,
        limit: Option<&'a str>,
    },
    /// The node had a pressure condition when the pod came.
    Condition { conditions: &'a str },
    /// Other words.
    Unknown,
}

/// Reads an eviction message.
pub(crate) fn account(message: &str) -> Account<'_> {
    if let Some((_, rest)) = message.split_once("low on resource: ") {
        let resource = rest.split(['.', ' ', ',']).next().unwrap_or_default();
        return Account::Node {
            resource,
            threshold: threshold(rest),
            over: over(rest),
        };
    }
    if let Some(conditions) = between(message, "had condition: [", "]") {
        return Account::Condition { conditions };
    }
    own(message).unwrap_or(Account::Unknown)
}

fn threshold(text: &str) -> Option<(&str, &str)> {
    let threshold = between(text, "Threshold quantity: ", ", available: ")?;
    let (_, rest) = text.split_once(", available: ")?;
    Some((threshold, rest.split([' ', ',']).next()?.trim_end_matches('.')))
}

/// `Container app was using 1234Ki, request is 0, has larger consumption of memory.`, once a container.
fn over(text: &str) -> Vec<(&str, &str, &str)> {
    let one = |part| {
        let (name, rest): (&str, &str) = str::split_once(part, " was using ")?;
        let (used, rest) = rest.split_once(", ")?;
        let asked = rest
            .strip_prefix("request is ")
            .or_else(|| between(rest, "exceeds its request of ", "."))?;
        let asked = asked.split([',', ' ']).next()?.trim_end_matches('.');
        Some((name, used, asked))
    };
    // Before Kubernetes 1.23: `which exceeds its request of 0.`
    text.split("Container ").skip(1).filter_map(one).collect()
}

fn own(message: &str) -> Option<Account<'_>> {
    if let Some(limit) = between(message, "exceeds the total limit of containers ", ".") {
        return Some(Account::Own {
            name: None,
            limit: Some(limit.trim()),
        });
    }
    if let Some(name) = between(message, "Usage of EmptyDir volume \"", "\"") {
        return Some(Account::Own {
            name: Some(name),
            limit: between(message, "exceeds the limit \"", "\""),
        });
    }
    let name = between(message, "Container ", " exceeded its local ephemeral storage limit")?;
    Some(Account::Own {
        name: Some(name),
        limit: between(message, "storage limit \"", "\""),
    })
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    text.split_once(open)?.1.split_once(close).map(|(found, _)| found)
}

impl Account<'_> {
    /// A sentence; `None` when the words are not known.
    pub(crate) fn explain(&self) -> Option<String> {
        let text = |text: &str| escape(text, SHOWN);
        match self {
            Self::Node {
                resource,
                threshold,
                over,
            } => {
                let left = threshold.map(|(least, left)| {
                    format!(
                        ": {} were left, and the kubelet evicts below {}",
                        text(left),
                        text(least)
                    )
                });
                let over: Vec<String> = over
                    .iter()
                    .map(|(name, used, asked)| {
                        format!(
                            "its container {} used {} and requests {}",
                            text(name),
                            text(used),
                            text(asked)
                        )
                    })
                    .collect();
                let over = if over.is_empty() {
                    String::new()
                } else {
                    format!("; {}", over.join("; "))
                };
                Some(format!(
                    "the node ran low on {}{}{over}",
                    text(resource),
                    left.unwrap_or_default()
                ))
            }
            Self::Own { name, limit } => {
                let what = name.map_or_else(|| "it".to_owned(), text);
                let limit = limit.map(|limit| format!(" of {}", text(limit))).unwrap_or_default();
                Some(format!(
                    "{what} wrote more than the limit of ephemeral (local) storage{limit}; the node itself was not short"
                ))
            }
            Self::Condition { conditions } => {
                let number = conditions.split_whitespace().count();
                Some(format!(
                    "the node had the {} {} and takes no such pods then",
                    if number == 1 { "condition" } else { "conditions" },
                    text(conditions)
                ))
            }
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelets_accounts_are_read_in_their_old_and_new_forms() {
        let new = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 88Mi. Container app was using \
                   1234Ki, request is 0, has larger consumption of memory. Container log was using 5Mi, request is 4Mi, has larger \
                   consumption of memory. ";
        let expected = Account::Node {
            resource: "memory",
            threshold: Some(("100Mi", "88Mi")),
            over: vec![("app", "1234Ki", "0"), ("log", "5Mi", "4Mi")],
        };
        assert_eq!(account(new), expected);
        let old = "The node was low on resource: ephemeral-storage. Container app was using 5Gi, which exceeds its request of 0. ";
        let expected = Account::Node {
            resource: "ephemeral-storage",
            threshold: None,
            over: vec![("app", "5Gi", "0")],
        };
        assert_eq!(account(old), expected);
    }

    #[test]
    fn the_pods_own_limits_are_not_the_nodes() {
        let cases = [
            (
                "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
                None,
                Some("1Gi"),
            ),
            (
                "Usage of EmptyDir volume \"cache\" exceeds the limit \"1Gi\". ",
                Some("cache"),
                Some("1Gi"),
            ),
            (
                "Container app exceeded its local ephemeral storage limit \"2Gi\". ",
                Some("app"),
                Some("2Gi"),
            ),
        ];
        for (message, name, limit) in cases {
            assert_eq!(account(message), Account::Own { name, limit }, "{message}");
        }
        assert_eq!(
            account("The node had condition: [DiskPressure]. "),
            Account::Condition {
                conditions: "DiskPressure"
            }
        );
        assert_eq!(account("something else"), Account::Unknown);
    }
}
