//! A table of cgroup paths as real nodes write them.

use super::*;

pub(super) const ID: &str = "3f5d1b1a0c9e4f7786d2a1b0c3e4f5a697887766554433221100ffeeddccbbaa";
const NODE: &str = "9c1185a5c5e9fc54612808977ee8f548b2258d31c2f8f3a0e4c0b5c9d7e6f1a2";
const UID: &str = "0c2d5f0e-8a77-4a3b-9c55-1f2e3d4c5b6a";
pub(super) const SLICE_UID: &str = "0c2d5f0e_8a77_4a3b_9c55_1f2e3d4c5b6a";
const HASH: &str = "8a2c3d4e5f60718293a4b5c6d7e8f901";

use Qos::{BestEffort, Burstable, Guaranteed};
use Runtime::{Containerd, CriO, Docker, Podman};

/// Fills the constants into a path.
fn path(template: &str) -> String {
    let names = [
        ("SUID", SLICE_UID),
        ("UID", UID),
        ("HASH", HASH),
        ("NODE", NODE),
        ("ID", ID),
    ];
    names
        .iter()
        .fold(template.to_owned(), |path, (name, value)| path.replace(name, value))
}

const CONTAINERS: &[(&str, Option<Runtime>, Qos)] = &[
    // cgroupfs driver: containerd, cri-dockerd, k3s, Talos, EKS
    ("/kubepods/burstable/podUID/ID", None, Burstable),
    ("/kubepods/besteffort/podUID/ID", None, BestEffort),
    ("/kubepods/podUID/ID", None, Guaranteed),
    ("kubepods/podUID/ID", None, Guaranteed),
    ("/kubepods/burstable/podUID/crio-ID", Some(CriO), Burstable),
    ("/kubepods/burstable/podUID/ID/init.scope", None, Burstable),
    // systemd driver
    (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSUID.slice/cri-containerd-ID.scope",
        Some(Containerd),
        Burstable,
    ),
    (
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podSUID.slice/cri-containerd-ID.scope",
        Some(Containerd),
        BestEffort,
    ),
    (
        "/kubepods.slice/kubepods-podSUID.slice/cri-containerd-ID.scope",
        Some(Containerd),
        Guaranteed,
    ),
    (
        "/kubepods.slice/kubepods-podSUID.slice/crio-ID.scope",
        Some(CriO),
        Guaranteed,
    ),
    (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSUID.slice/docker-ID.scope",
        Some(Docker),
        Burstable,
    ),
    // crun's child, a systemd inside, Docker in Docker inside
    (
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSUID.slice/crio-ID.scope/container",
        Some(CriO),
        Burstable,
    ),
    (
        "/kubepods.slice/kubepods-podSUID.slice/cri-containerd-ID.scope/system.slice/sshd.service",
        Some(Containerd),
        Guaranteed,
    ),
    ("/kubepods/burstable/podUID/ID/docker/NODE", None, Burstable),
    (
        "/kubepods.slice/kubepods-podSUID.slice/crio-ID.scope/container/system.slice/docker-NODE.scope",
        Some(CriO),
        Guaranteed,
    ),
    // systemd escapes
    (
        r"/kubepods.slice/kubepods-pod0c2d5f0e\x2d8a77\x2d4a3b\x2d9c55\x2d1f2e3d4c5b6a.slice/crio-ID.scope",
        Some(CriO),
        Guaranteed,
    ),
    // kind: old and new, minikube, k3d, rootless k3s, read inside another cgroup namespace
    ("/docker/NODE/kubelet/kubepods/burstable/podUID/ID", None, Burstable),
    (
        "/docker/NODE/docker/NODE/kubelet/kubepods/besteffort/podUID/ID",
        None,
        BestEffort,
    ),
    (
        "/docker/NODE/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-podSUID.slice/cri-containerd-ID.scope",
        Some(Containerd),
        Burstable,
    ),
    (
        "/system.slice/docker-NODE.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podSUID.slice/cri-containerd-ID.scope",
        Some(Containerd),
        Guaranteed,
    ),
    (
        "/system.slice/docker-NODE.scope/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podSUID.slice/docker-ID.scope",
        Some(Docker),
        BestEffort,
    ),
    ("/docker/NODE/kubepods/podUID/ID", None, Guaranteed),
    (
        "/user.slice/user-1000.slice/user@1000.service/k3s.slice/kubepods/burstable/podUID/ID",
        None,
        Burstable,
    ),
    (
        "/../../../kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podSUID.slice/cri-containerd-ID.scope",
        Some(Containerd),
        Guaranteed,
    ),
    // kind inside a pod: the innermost pod
    (
        "/kubepods/besteffort/pod11111111-2222-3333-4444-555555555555/NODE/docker/NODE/kubelet/kubepods/burstable/podUID/ID",
        None,
        Burstable,
    ),
    // the systemd path that runc's cgroupfs driver took for a name
    (
        "/system.slice/containerd.service/kubepods-burstable-podSUID.slice:cri-containerd:ID",
        Some(Containerd),
        Burstable,
    ),
    (
        "/kubepods-podSUID.slice:cri-containerd:ID",
        Some(Containerd),
        Guaranteed,
    ),
];

#[test]
fn containers_of_pods_are_found_in_every_layout() {
    for (template, runtime, qos) in CONTAINERS {
        let expected = CgroupOwner::Container {
            pod_uid: Some(UID.to_owned()),
            container_id: ID,
            runtime: *runtime,
            qos: Some(*qos),
        };
        assert_eq!(parse(&path(template)), expected, "{template}");
    }
}

#[test]
fn static_pods_keep_their_hash() {
    for template in [
        "/kubepods/burstable/podHASH/ID",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podHASH.slice/crio-ID.scope",
    ] {
        let path = path(template);
        let CgroupOwner::Container { pod_uid, qos, .. } = parse(&path) else {
            panic!("{template} is a container");
        };
        assert_eq!((pod_uid.as_deref(), qos), (Some(HASH), Some(Burstable)));
    }
}

const PODS: &[(&str, Qos)] = &[
    ("/kubepods/burstable/podUID", Burstable),
    ("/kubepods/podUID/", Guaranteed),
    (
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podSUID.slice",
        BestEffort,
    ),
    (
        "/kubepods.slice/kubepods-podSUID.slice/crio-conmon-ID.scope",
        Guaranteed,
    ),
    ("/kubepods/burstable/podUID/crio-conmon-ID", Burstable),
    ("/kubepods/burstable/podUID/kata_overhead", Burstable),
    ("/kubepods/burstable/podUID/3f5d1b1a", Burstable),
    (
        "/kubepods.slice/kubepods-podSUID.slice/cri-containerd-IDff.scope",
        Guaranteed,
    ),
];

#[test]
fn what_is_in_a_pod_but_no_container_is_the_pods() {
    for (template, qos) in PODS {
        let expected = CgroupOwner::Pod {
            uid: UID.to_owned(),
            qos: *qos,
        };
        assert_eq!(parse(&path(template)), expected, "{template}");
    }
}

const PLAIN: &[(&str, Option<Runtime>)] = &[
    ("/docker/ID", Some(Docker)),
    ("/docker/ID/init.scope", Some(Docker)),
    ("/docker/ID/kubelet", Some(Docker)),
    ("/docker/ID/docker/NODE", Some(Docker)),
    (
        "/docker/ID/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice",
        Some(Docker),
    ),
    ("/system.slice/docker-ID.scope", Some(Docker)),
    ("/system.slice:docker:ID", Some(Docker)),
    (
        "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
        Some(Podman),
    ),
    ("/libpod_parent/libpod-ID", Some(Podman)),
    ("/system.slice/nerdctl-ID.scope", Some(Containerd)),
    ("/system.slice/cri-containerd-ID.scope", Some(Containerd)),
    ("/system.slice/crio-ID.scope", Some(CriO)),
];

#[test]
fn containers_without_a_pod_have_no_uid() {
    for (template, runtime) in PLAIN {
        let expected = CgroupOwner::Container {
            pod_uid: None,
            container_id: ID,
            runtime: *runtime,
            qos: None,
        };
        assert_eq!(parse(&path(template)), expected, "{template}");
    }
}

const HOSTS: &[&str] = &[
    "",
    "/",
    "/init.scope",
    "/system.slice/sshd.service",
    "/system.slice/containerd.service",
    r"/system.slice/system-getty.slice/getty@tty1.service",
    r"/system.slice/system-serial\x2dgetty.slice",
    "/user.slice/user-1000.slice/session-2.scope",
    "/podruntime/kubelet",
    "/podruntime/runtime",
    "/system/apid",
    "/kubepods",
    "/kubepods/burstable",
    "/kubepods.slice/kubepods-burstable.slice",
    "/kubepods/podUID-1/ID",
    "/kubepods/burstable/podSHORT/ID",
    "/kubepods/guaranteed/podUID/ID",
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podHASHff.slice/cri-containerd-ID.scope",
    "/kubepods.slice/kubepods-pod0c2d5f0e-8a77_4a3b_9c55_1f2e3d4c5b6a.slice/crio-ID.scope",
    "/podUID/ID",
    "/docker",
    "/docker/3f5d1b1a0c9e",
    "/docker/buildkit/k2v9qzkcs6wpcgd1hvtbnjv8z",
    "/system.slice/docker-3F5D.scope",
    "/machine.slice/libpod-conmon-ID.scope",
    "/actions_job/ID",
    "/supervisor/HASH",
    "/ID",
];

#[test]
fn everything_else_is_the_hosts_under_its_own_path() {
    for template in HOSTS {
        let path = path(template);
        assert_eq!(parse(&path), CgroupOwner::Host(&path), "{template}");
    }
}

#[test]
fn a_slice_that_only_sounds_like_the_kubelets_names_no_pod() {
    let path = path("/mykubepods-podSUID.slice/crio-ID.scope");
    let expected = CgroupOwner::Container {
        pod_uid: None,
        container_id: ID,
        runtime: Some(CriO),
        qos: None,
    };
    assert_eq!(parse(&path), expected);
}

#[test]
fn an_upper_case_id_is_no_id() {
    let path = format!("/docker/{}", ID.to_uppercase());
    assert_eq!(parse(&path), CgroupOwner::Host(&path));
}
