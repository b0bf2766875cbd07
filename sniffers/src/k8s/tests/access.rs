//! Credentials and servers that cannot be used.

use super::*;

async fn refusal(text: &str, context_name: Option<&str>) -> (SniffError, String) {
    let kubeconfig = file(text);
    let path = kubeconfig.path().to_owned();
    let config = Config {
        kubeconfig: Some(path.clone()),
        context: context_name.map(str::to_owned),
        ..Config::default()
    };
    let (cx, _events) = context();
    let refused = KubeSniffer::new(config)
        .run(&cx)
        .await
        .expect_err("it cannot have connected");
    (refused, path.display().to_string())
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_is_named_with_the_reason_in_one_line() {
    let good = kubeconfig("http://127.0.0.1:1", "t");
    let cases = [
        ("clusters: [", None, ""),
        ("", None, "no current-context"),
        (good.as_str(), Some("prod"), "no context \"prod\""),
        (
            &good.replace("    cluster: scripted", "    cluster: other"),
            None,
            "no cluster \"other\"",
        ),
        (&good.replace("http://127.0.0.1:1", "http://[bad"), None, "cluster url"),
    ];
    for (text, context_name, reason) in cases {
        let (refused, path) = refusal(text, context_name).await;
        let SniffError::Unavailable { why, fix } = refused else {
            panic!("{text}: not unavailable: {refused}")
        };
        assert!(why.contains(&path) && why.contains(reason), "{why}");
        assert!(!why.contains('\n') && !fix.is_empty(), "{why}");
    }
}

#[tokio::test]
async fn a_kubeconfig_that_does_not_exist_is_named() {
    let config = Config {
        kubeconfig: Some("/nonexistent/kubeconfig".into()),
        ..Config::default()
    };
    let (cx, _events) = context();
    let refused = KubeSniffer::new(config).run(&cx).await.unwrap_err();
    assert!(matches!(refused, SniffError::Unavailable { .. }));
    assert!(
        refused.to_string().contains("/nonexistent/kubeconfig: No such file"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_reason() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{nobody}");
    let (refused, _) = refusal(&kubeconfig(&url, "t"), None).await;
    let SniffError::Failed { why, .. } = refused else {
        panic!("not failed: {refused}")
    };
    assert!(why.contains(&url) && why.contains("Connection refused"), "{why}");
}

#[tokio::test]
async fn a_server_that_says_nothing_fails_within_five_seconds() {
    let server = ApiServer::start().unwrap();
    server.fail("version", Fault::Stall, 1);
    let asked = std::time::Instant::now();
    let (refused, _) = refusal(&server.kubeconfig(), None).await;
    assert!(
        matches!(&refused, SniffError::Failed { why, .. } if why.contains(&server.url())),
        "{refused}"
    );
    assert!(asked.elapsed() < Duration::from_secs(7));
}

#[tokio::test]
async fn credentials_that_are_refused_are_called_so() {
    let server = ApiServer::start().unwrap();
    server.rotate_token("another");
    let (refused, _) = refusal(&kubeconfig(&server.url(), "old"), None).await;
    assert!(
        refused.to_string().contains("does not accept the credentials (401)"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_broken_kubeconfig_is_not_quoted_for_it_holds_secrets() {
    for text in [
        "users:\n- name: a\n  user:\n    token: [s3cret]\n",
        "token: \"s3cret",
        "- token: s3cret",
    ] {
        let (refused, _) = refusal(text, None).await;
        let why = refused.to_string();
        assert!(why.contains("line ") && !why.contains("s3cret"), "{why}");
    }
}
