//! Where the credentials come from: a kubeconfig file, or the service account of the pod tapio runs in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kube::config::{Config as Target, KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::Config;
use super::text::one_line;
use crate::sniffer::SniffError;

/// What the process finds around it.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// `KUBECONFIG`: paths, separated as in `PATH`.
    pub(super) kubeconfig: Option<OsString>,
    /// The home folder.
    pub(super) home: Option<PathBuf>,
    /// Whether the kubelet set `KUBERNETES_SERVICE_HOST`.
    pub(super) in_pod: bool,
}

impl Surroundings {
    pub(super) fn of_process() -> Self {
        Self {
            kubeconfig: std::env::var_os("KUBECONFIG"),
            home: std::env::var_os("HOME").map(PathBuf::from),
            in_pod: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }
}

/// Where to read from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Kubeconfig files; the first to set a value wins.
    Files(Vec<PathBuf>),
    /// The service account of this pod.
    ServiceAccount,
}

/// Picks the source as kubectl does.
pub(super) fn choose(config: &Config, around: &Surroundings) -> Result<Source, SniffError> {
    if let Some(path) = &config.kubeconfig {
        return Ok(Source::Files(vec![path.clone()]));
    }
    let named: Vec<PathBuf> = around.kubeconfig.iter().flat_map(std::env::split_paths).collect();
    let named: Vec<PathBuf> = named.into_iter().filter(|path| !path.as_os_str().is_empty()).collect();
    if !named.is_empty() {
        return Ok(Source::Files(named));
    }
    let usual = around.home.as_ref().map(|home| home.join(".kube/config"));
    match usual {
        Some(path) if path.exists() => Ok(Source::Files(vec![path])),
        _ if around.in_pod => Ok(Source::ServiceAccount),
        usual => Err(unavailable(
            format!(
                "no kubeconfig: KUBECONFIG is not set, {} does not exist, and this is no pod",
                usual.unwrap_or_else(|| PathBuf::from("~/.kube/config")).display()
            ),
            "name one with --kubeconfig FILE",
        )),
    }
}

/// Reads the source.
pub(super) async fn load(config: &Config, source: &Source) -> Result<Target, SniffError> {
    let files = match source {
        Source::ServiceAccount => return service_account(),
        Source::Files(files) => files,
    };
    let merged = read_all(files)?;
    let options = KubeConfigOptions {
        context: config.context.clone(),
        ..KubeConfigOptions::default()
    };
    let names_proxy = merged
        .clusters
        .iter()
        .flat_map(|named| &named.cluster)
        .any(|cluster| cluster.proxy_url.is_some());
    let loaded = Target::from_custom_kubeconfig(merged, &options).await;
    let mut target = loaded.map_err(|error| unusable(&names(files), &error))?;
    if !names_proxy
        && goes_direct(
            &target,
            std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).ok(),
        )
    {
        target.proxy_url = None;
    }
    trim_token(&mut target);
    Ok(target)
}

/// Takes a token file that ends in a newline as kubectl does; the client would send the newline. It is not read again
/// every minute then, but only when the token is refused.
fn trim_token(target: &mut Target) {
    let Some(path) = &target.auth_info.token_file else {
        return;
    };
    if let Ok(text) = std::fs::read_to_string(path)
        && text.trim() != text
        && target.auth_info.token.is_none()
    {
        target.auth_info.token = Some(text.trim().to_owned().into());
    }
}

/// Whether `HTTPS_PROXY` does not hold for this server. The client would use it for every server; kubectl uses it for
/// TLS only, never on loopback, and not for the hosts and domains of `NO_PROXY`.
fn goes_direct(target: &Target, no_proxy: Option<String>) -> bool {
    let host = target.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    let is_local = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    let spared = no_proxy.unwrap_or_default();
    let is_spared = spared
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            let domain = entry.trim_start_matches('*').trim_start_matches('.');
            entry == "*" || host == domain || host.strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
        });
    target.cluster_url.scheme_str() != Some("https") || is_local || is_spared
}

fn service_account() -> Result<Target, SniffError> {
    Target::incluster().map_err(|error| {
        let why = format!(
            "the service account of this pod is not usable: {}",
            one_line(&error.to_string())
        );
        unavailable(
            why,
            "set automountServiceAccountToken: true, or name a file with --kubeconfig FILE",
        )
    })
}

/// Files that `KUBECONFIG` lists and that do not exist are passed over, as kubectl does, unless none is left.
fn read_all(files: &[PathBuf]) -> Result<Kubeconfig, SniffError> {
    let there: Vec<&PathBuf> = files.iter().filter(|path| path.exists()).collect();
    let read = if there.is_empty() {
        files.iter().collect()
    } else {
        there
    };
    let mut merged = Kubeconfig::default();
    for path in read {
        let next = Kubeconfig::read_from(path).map_err(|error| unusable(&path.display().to_string(), &error))?;
        merged = merged
            .merge(next)
            .map_err(|error| unusable(&path.display().to_string(), &error))?;
    }
    Ok(merged)
}

fn names(files: &[PathBuf]) -> String {
    files
        .iter()
        .map(|path| Path::display(path).to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn unusable(file: &str, error: &KubeconfigError) -> SniffError {
    let (reason, fix) = match error {
        KubeconfigError::ReadConfig(cause, _) => (cause.to_string(), "name a readable file with --kubeconfig FILE"),
        KubeconfigError::CurrentContextNotSet => (
            "it has no current-context".to_owned(),
            "run `kubectl config use-context NAME`, or give --context NAME",
        ),
        KubeconfigError::LoadContext(name) => (
            format!("it has no context {name:?}"),
            "see `kubectl config get-contexts`, then give --context NAME",
        ),
        KubeconfigError::LoadClusterOfContext(name) => (
            format!("it has no cluster {name:?}, which the context names"),
            "check it with `kubectl config view`",
        ),
        other => (
            one_line(&other.to_string()),
            "check it with `kubectl config view`, or name another file",
        ),
    };
    unavailable(format!("kubeconfig {file}: {reason}"), fix)
}

fn unavailable(why: String, fix: &str) -> SniffError {
    SniffError::Unavailable {
        why,
        fix: fix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_wins_over_the_variable_and_that_over_the_home_folder() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".kube")).unwrap();
        let usual = home.path().join(".kube/config");
        std::fs::write(&usual, "").unwrap();
        let mut around = Surroundings {
            kubeconfig: Some("/a::/b".into()),
            home: Some(home.path().into()),
            in_pod: true,
        };
        let mut config = Config {
            kubeconfig: Some("/flag".into()),
            ..Config::default()
        };
        assert_eq!(choose(&config, &around).unwrap(), Source::Files(vec!["/flag".into()]));
        config.kubeconfig = None;
        assert_eq!(
            choose(&config, &around).unwrap(),
            Source::Files(vec!["/a".into(), "/b".into()])
        );
        around.kubeconfig = Some("".into());
        assert_eq!(choose(&config, &around).unwrap(), Source::Files(vec![usual]));
        around.home = None;
        assert_eq!(choose(&config, &around).unwrap(), Source::ServiceAccount);
    }

    #[test]
    fn the_proxy_of_the_environment_holds_for_remote_tls_servers_that_are_not_spared() {
        let direct = |url: &str, spared: &str| goes_direct(&Target::new(url.parse().unwrap()), Some(spared.to_owned()));
        for url in [
            "http://10.0.0.1:6443",
            "https://127.0.0.1:6443",
            "https://[::1]:6443",
            "https://localhost",
        ] {
            assert!(direct(url, ""), "{url}");
        }
        for spared in ["*", "api.corp.test", ".corp.test", "corp.test, other"] {
            assert!(direct("https://api.corp.test", spared), "{spared}");
        }
        assert!(!direct("https://api.corp.test", "orp.test,other.test"));
    }

    #[test]
    fn without_any_source_the_error_says_what_was_tried() {
        let refused = choose(
            &Config::default(),
            &Surroundings {
                home: Some("/nowhere".into()),
                ..Default::default()
            },
        );
        let why = refused.unwrap_err().to_string();
        assert!(
            why.contains("KUBECONFIG") && why.contains("/nowhere/.kube/config"),
            "{why}"
        );
    }
}
