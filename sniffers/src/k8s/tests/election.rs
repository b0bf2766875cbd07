//! Several instances with one Lease.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

use super::*;

const BRISK: Terms = Terms {
    duration: Duration::from_secs(2),
    deadline: Duration::from_secs(1),
    retry: Duration::from_millis(100),
    release: Duration::from_secs(1),
};
/// For stories in which the Lease neither expires nor is given up, however late an answer comes.
const PATIENT: Terms = Terms {
    duration: Duration::from_secs(40),
    deadline: Duration::from_secs(20),
    release: Duration::from_secs(15),
    ..BRISK
};
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/monitoring/leases/tapio";

/// One of several.
struct Instance {
    events: Receiver<Event>,
    stop: CancellationToken,
    sniffer: JoinHandle<Result<(), SniffError>>,
    kubeconfig: NamedTempFile,
}

impl Instance {
    fn of(server: &ApiServer) -> Self {
        Self::on_terms(server, BRISK)
    }

    fn on_terms(server: &ApiServer, terms: Terms) -> Self {
        let kubeconfig = file(&server.kubeconfig());
        let mut sniffer = KubeSniffer {
            terms,
            ..KubeSniffer::new(config(&kubeconfig))
        };
        let (cx, events) = context();
        let stop = cx.stop.clone();
        let sniffer = tokio::spawn(async move { sniffer.run(&cx).await });
        Self {
            events,
            stop,
            sniffer,
            kubeconfig,
        }
    }

    async fn fact<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the instance ended");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), search)
            .await
            .expect("the event never came")
    }

    async fn leads(&mut self) {
        self.fact(|event| match &event.body {
            Body::Fact(Fact::Sighted { source }) => (&**source == "k8s").then_some(()),
            _ => None,
        })
        .await;
    }

    /// Why it does not lead, when that is next said.
    async fn stands_by(&mut self) -> correlator::Gap {
        self.fact(|event| match &event.body {
            Body::Fact(Fact::Blind(gap)) if &*gap.source == "k8s" => Some(gap.clone()),
            _ => None,
        })
        .await
    }

    async fn pod(&mut self, name: &str) {
        self.fact(|event| match (&event.subject, &event.body) {
            (Subject::Pod(id), Body::Fact(Fact::Pod(_))) => (id.pod.as_deref() == Some(name)).then_some(()),
            _ => None,
        })
        .await;
    }

    fn pods_told(&mut self) -> usize {
        let mut rest = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            rest.push(event);
        }
        pods_told(&rest)
    }

    async fn end(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.sniffer).await;
        ended.expect("the sniffer does not stop").unwrap().unwrap();
    }

    /// The Lease as the server has it.
    async fn lease(&self) -> LeaseSpec {
        let connected = connect::connect(&config(&self.kubeconfig), Pace::default())
            .await
            .unwrap();
        let leases: Api<Lease> = Api::namespaced(connected.steady.client(None), "monitoring");
        leases.get("tapio").await.unwrap().spec.unwrap()
    }
}

fn config(kubeconfig: &NamedTempFile) -> Config {
    Config {
        kubeconfig: Some(kubeconfig.path().into()),
        elect: Some("monitoring/tapio".parse().unwrap()),
        ..Config::default()
    }
}

#[tokio::test]
async fn one_of_two_watches_and_the_other_takes_over_when_it_dies() {
    let server = server_with(&["web-0"]);
    let mut first = Instance::of(&server);
    first.leads().await;
    first.pod("web-0").await;
    let mut second = Instance::of(&server);
    let gap = second.stands_by().await;
    assert!(gap.why.contains("holds the Lease monitoring/tapio"), "{gap:?}");
    assert!(gap.fix.contains("takes over"), "{gap:?}");
    assert_eq!((server.open_watches("pods"), second.pods_told()), (1, 0));

    let died = std::time::Instant::now();
    first.sniffer.abort();
    second.leads().await;
    assert!(died.elapsed() >= BRISK.duration / 2, "it took what was not free");
    second.pod("web-0").await;
    assert_eq!(second.lease().await.lease_transitions, Some(1));
    second.end().await;
}

#[tokio::test]
async fn one_that_stops_gives_the_lease_back_and_the_next_leads_at_once() {
    let server = server_with(&["web-0"]);
    let mut first = Instance::on_terms(&server, PATIENT);
    first.leads().await;
    let mut second = Instance::on_terms(&server, PATIENT);
    second.stands_by().await;
    first.end().await;
    let stopped = std::time::Instant::now();
    second.leads().await;
    assert!(stopped.elapsed() < PATIENT.duration / 2, "{:?}", stopped.elapsed());
    let lease = second.lease().await;
    assert!(lease.holder_identity.is_some_and(|holder| !holder.is_empty()));
    second.end().await;
}

/// As when a renewal reached the server and the stop broke its answer off: the write that gives the Lease back is the
/// next one, and finds a newer Lease.
#[tokio::test]
async fn one_that_stops_gives_back_a_lease_that_is_newer_than_it_knows() {
    let server = server_with(&["web-0"]);
    let seldom = Terms {
        retry: Duration::from_secs(15),
        ..PATIENT
    };
    let mut first = Instance::on_terms(&server, seldom);
    first.leads().await;
    server.fail_verb("leases", Verb::Update, Fault::Conflict, 1);
    first.end().await;
    let mut second = Instance::on_terms(&server, PATIENT);
    second.leads().await;
    second.end().await;
}

#[tokio::test]
async fn a_leader_that_cannot_renew_stops_watching_before_another_may_lead_and_tells_nothing_twice() {
    let server = server_with(&["web-0"]);
    let mut only = Instance::of(&server);
    only.leads().await;
    only.pod("web-0").await;
    server.fail_verb("leases", Verb::Update, Fault::Stall, ALWAYS);
    server.fail_verb("leases", Verb::Get, Fault::InternalError, ALWAYS);
    let failing = std::time::Instant::now();
    let gap = only.stands_by().await;
    assert!(
        failing.elapsed() < BRISK.duration,
        "another could lead: {:?}",
        failing.elapsed()
    );
    assert!(gap.why.contains("could not be renewed for 1 s"), "{gap:?}");
    let closed = async {
        while server.open_watches("pods") > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .expect("it goes on watching");
    server.apply(pod("web-1"));
    server.heal();
    only.leads().await;
    only.pod("web-1").await;
    assert_eq!(only.pods_told(), 0);
    only.end().await;
}

#[tokio::test]
async fn one_whose_lease_was_taken_by_another_stops() {
    let server = server_with(&["web-0"]);
    let mut only = Instance::on_terms(&server, PATIENT);
    only.leads().await;
    let taken = serde_json::json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "monitoring", "name": "tapio"},
        "spec": {"holderIdentity": "thief", "leaseDurationSeconds": 1, "leaseTransitions": 4},
    });
    server.apply(taken).unwrap();
    let gap = only.stands_by().await;
    assert!(gap.why.contains("thief took the Lease monitoring/tapio"), "{gap:?}");
    only.leads().await;
    assert_eq!(only.lease().await.lease_transitions, Some(5));
    only.end().await;
}

#[tokio::test]
async fn of_two_that_write_at_once_one_leads() {
    let server = server_with(&["web-0"]);
    server.fail_verb("leases", Verb::Create, Fault::Conflict, 1);
    let (mut first, mut second) = (
        Instance::on_terms(&server, PATIENT),
        Instance::on_terms(&server, PATIENT),
    );
    let leader = tokio::select! {
        () = first.leads() => 1,
        () = second.leads() => 2,
    };
    let follower = if leader == 1 { &mut second } else { &mut first };
    follower.stands_by().await;
    let writes = server.requests();
    let creates = writes.iter().filter(|request| request.method == "POST").count();
    assert!(
        (2..=3).contains(&creates),
        "one refused, one or two that race: {creates}"
    );
    first.end().await;
    second.end().await;
}

#[tokio::test]
async fn fault_23_a_forbidden_lease_is_named_with_its_rule() {
    let server = server_with(&["web-0"]);
    server.fail("leases", Fault::Forbidden, ALWAYS);
    let mut only = Instance::of(&server);
    let gap = only.stands_by().await;
    let rule = r#"apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"]"#;
    assert!(gap.fix.ends_with(rule) && gap.fix.contains("in monitoring"), "{gap:?}");
    server.heal();
    only.leads().await;
    only.pod("web-0").await;
    only.end().await;
}

#[tokio::test]
async fn fault_24_a_server_too_busy_for_the_watches_is_asked_for_the_lease_all_the_same() {
    let server = server_with(&["web-0"]);
    server.fail_verb("pods", Verb::List, Fault::TooManyRequests(30), ALWAYS);
    let mut only = Instance::on_terms(&server, PATIENT);
    only.leads().await;
    let renewals = || {
        server
            .requests()
            .iter()
            .filter(|asked| asked.path == LEASE && asked.method == "PUT")
            .count()
    };
    let before = renewals();
    let renewing = async {
        while renewals() < before + 15 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewing)
        .await
        .expect("it does not renew");
    only.end().await;
}
