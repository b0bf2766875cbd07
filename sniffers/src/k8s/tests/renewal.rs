//! Credentials that are refused, rotated, and taken up again.

use super::*;

/// Credentials are read again at once.
const EAGER: Pace = Pace {
    silence: Duration::from_secs(20),
    renewal: Duration::ZERO,
};

impl Story {
    fn lists_of(&self, path: &str) -> usize {
        let asked = self.server.requests();
        asked
            .iter()
            .filter(|request| request.path == path && !request.is_watch() && request.parameter("limit") == Some("500"))
            .count()
    }

    fn rewrite_kubeconfig(&self, text: &str) {
        std::fs::write(self.kubeconfig.path(), text).unwrap();
    }
}

#[tokio::test]
async fn fault_22_a_rotated_token_is_read_again_without_a_relist_and_without_duplicates() {
    let mut story = Story::at_pace(server_with(&["web-0"]), EAGER);
    story.pod("web-0").await;
    story.watching("pods").await;
    story.server.rotate_token("second");
    story.rewrite_kubeconfig(&story.server.kubeconfig());
    story.server.fail("pods", Fault::CutMidJson, 1);
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    assert_eq!(story.lists_of("/api/v1/pods"), 1, "a relist was not needed");
    let rest = story.end().await;
    assert_eq!(pods_told(&rest), 0, "{rest:?}");
    assert!(
        !rest
            .iter()
            .any(|event| matches!(event.body, Body::Fact(Fact::Blind(_)))),
        "{rest:?}"
    );
}

#[tokio::test]
async fn fault_22_a_watch_that_is_open_outlives_the_token_it_was_opened_with() {
    let mut story = Story::at_pace(server_with(&["web-0"]), EAGER);
    story.watching("pods").await;
    story.server.rotate_token("second");
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    story.end().await;
}

#[tokio::test]
async fn fault_22_credentials_that_stay_refused_are_a_gap_and_the_next_good_ones_close_it() {
    let mut story = Story::at_pace(server_with(&["web-0"]), EAGER);
    story.pod("web-0").await;
    story.watching("pods").await;
    story.server.rotate_token("second");
    story.server.fail("pods", Fault::CutMidJson, 1);
    let gap = story.blind("k8s/pods").await;
    assert!(
        gap.why.contains("does not accept the credentials") && gap.why.ends_with("(401)"),
        "{gap:?}"
    );
    assert!(gap.fix.contains("log in again"), "{gap:?}");
    story.rewrite_kubeconfig("clusters: [");
    story.rewrite_kubeconfig(&story.server.kubeconfig());
    story.server.apply(pod("web-1"));
    story.sighted("k8s/pods").await;
    story.end().await;
}

#[tokio::test]
async fn fault_22_a_kubeconfig_that_broke_meanwhile_or_names_another_server_is_said() {
    let elsewhere = kubeconfig("http://127.0.0.1:1", "t");
    for (text, reason) in [
        ("clusters: [", "kubeconfig /"),
        (elsewhere.as_str(), "another server now"),
    ] {
        let mut story = Story::at_pace(server_with(&["web-0"]), EAGER);
        story.watching("pods").await;
        story.server.rotate_token("second");
        story.rewrite_kubeconfig(text);
        story.server.fail("pods", Fault::CutMidJson, 1);
        let gap = story.blind("k8s/pods").await;
        assert!(gap.why.contains("(401): ") && gap.why.contains(reason), "{gap:?}");
        story.end().await;
    }
}

#[tokio::test]
async fn fault_22_refused_credentials_are_not_read_more_often_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let (count, plugin) = (folder.path().join("count"), folder.path().join("plugin"));
    let server = server_with(&["web-0"]);
    let script = format!(
        "#!/bin/sh\necho >>{count}\necho '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
         \"status\":{{\"token\":\"{token}\"}}}}'\n",
        count = count.display(),
        token = server.token()
    );
    executable(&plugin, &script);
    let pace = Pace {
        renewal: Duration::from_secs(60),
        ..EAGER
    };
    let exec = exec_kubeconfig(&server.kubeconfig(), &plugin.display().to_string());
    let mut story = Story::with(server, Config::default(), pace, &exec);
    story.pod("web-0").await;
    story.watching("pods").await;
    let plugin_runs = || std::fs::read_to_string(&count).unwrap().lines().count();
    // Kube asks it for a token, a certificate and an expiry, each on its own.
    let before = plugin_runs();
    story.server.fail("pods", Fault::Unauthorized, ALWAYS);
    story.server.fail("pods", Fault::CutMidJson, 1);
    story.blind("k8s/pods").await;
    assert_eq!(plugin_runs(), 2 * before, "once for the first refusal, and not again");
    story.end().await;
}

#[tokio::test]
async fn fault_22_a_credential_plugin_is_asked_again_for_a_rotated_token() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("plugin");
    let server = server_with(&["web-0"]);
    print_credential(&plugin, "", &server.token());
    let exec = exec_kubeconfig(&server.kubeconfig(), &plugin.display().to_string());
    let mut story = Story::with(server, Config::default(), EAGER, &exec);
    story.watching("pods").await;
    story.server.rotate_token("second");
    print_credential(&plugin, "", "second");
    story.server.fail("pods", Fault::CutMidJson, 1);
    story.server.apply(pod("web-1"));
    story.pod("web-1").await;
    story.end().await;
}

/// The watch is refused a second or two after its first failure, and kube runs the plugin three times. So the watch still
/// waits for that when its probe is due, three seconds after the failure.
#[tokio::test]
async fn fault_22_a_credential_plugin_that_takes_seconds_holds_no_probe_up() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("plugin");
    let server = server_with(&["web-0"]);
    print_credential(&plugin, "", &server.token());
    let exec = exec_kubeconfig(&server.kubeconfig(), &plugin.display().to_string());
    let config = Config {
        node: Some("n1".to_owned()),
        ..Config::default()
    };
    let mut story = Story::with(server, config, EAGER, &exec);
    // All that is watched for one node: nobody but the watch of the pods is to ask for new credentials.
    for plural in ["pods", "nodes", "replicasets", "jobs", "events"] {
        story.watching(plural).await;
    }
    story.server.rotate_token("second");
    print_credential(&plugin, "sleep 1", "second");
    story.server.fail_verb("pods", Verb::Watch, Fault::InternalError, 1);
    story.server.fail("pods", Fault::CutMidJson, 1);
    story.server.apply(pod("web-1"));
    let first = story.find(|event| match &event.body {
        Body::Fact(Fact::Blind(gap)) if &*gap.source == "k8s/pods" => Some(Err(gap.clone())),
        Body::Fact(Fact::Pod(_)) => match &event.subject {
            Subject::Pod(id) if id.pod.as_deref() == Some("web-1") => Some(Ok(())),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(first.await, Ok(()), "the new token was there in time");
    story.end().await;
}

#[tokio::test]
async fn fault_22_a_token_file_is_read_again_and_may_end_in_a_newline() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    for end in ["", "\n"] {
        let server = server_with(&["web-0"]);
        std::fs::write(&token, server.token() + end).unwrap();
        let by_file = server.kubeconfig_with_token_file(&token);
        let mut story = Story::with(server, Config::default(), EAGER, &by_file);
        story.pod("web-0").await;
        story.watching("pods").await;
        story.server.rotate_token("second");
        std::fs::write(&token, "second".to_owned() + end).unwrap();
        story.server.fail("pods", Fault::CutMidJson, 1);
        story.server.apply(pod("web-1"));
        story.pod("web-1").await;
        story.end().await;
    }
}

/// Replaced as a whole: a script that is being written cannot be run.
fn executable(path: &std::path::Path, text: &str) {
    let next = path.with_extension("next");
    std::fs::write(&next, text).unwrap();
    std::fs::set_permissions(&next, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::rename(&next, path).unwrap();
}

/// A credential plugin that prints this token once the command has run.
fn print_credential(plugin: &std::path::Path, first: &str, token: &str) {
    let credential = format!(
        "{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
         \"status\":{{\"token\":\"{token}\"}}}}"
    );
    executable(plugin, &format!("#!/bin/sh\n{first}\necho '{credential}'\n"));
}

fn exec_kubeconfig(inline: &str, command: &str) -> String {
    let (front, _) = inline.split_once("    token: ").unwrap();
    format!(
        "{front}    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: {command}
      interactiveMode: Never
"
    )
}
