//! Why a volume is not there: `FailedMount` of the kubelet, `FailedAttachVolume` of the attach/detach controller, and
//! `ProvisioningFailed` of the volume controllers.
//!
//! Sources: `kubernetes/pkg/kubelet/volumemanager`, `pkg/volume/util/operationexecutor`,
//! `pkg/controller/volume/{attachdetach,persistentvolume}`, `kubernetes-csi/external-provisioner`.

use super::reference::{self, Reference};
use super::text::{between, first_form, word_after};

/// A volume that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountFailure<'a> {
    pub(crate) why: Why<'a>,
    /// The volume, as the pod or the cluster calls it.
    pub(crate) volume: Option<&'a str>,
}

/// Why it cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why<'a> {
    /// A `ConfigMap` or Secret that is not there.
    Missing(Reference<'a>),
    /// The kubelet has not yet read the `ConfigMap` or Secret; usual for a moment after a start.
    NotSynced,
    /// The volume is attached to another node; the pods that use it, where they are named.
    Attached { pods: &'a str },
    /// The node has no such CSI driver.
    NoDriver(&'a str),
    /// There is no such storage class.
    NoClass(&'a str),
    /// There is no such claim or volume.
    NoClaim,
    /// The path or device does not exist, or is of another type than asked for.
    Path,
    /// The server or the file system says no.
    Permission,
    /// The file system is damaged, or not the one asked for.
    Filesystem,
    /// No more storage, or no more volumes on the node.
    Exhausted,
    /// No volume plugin or provisioner is for it.
    NoProvisioner,
    /// Nothing but that it took too long: an earlier message says why.
    TimedOut,
    /// Something in words that are not known here.
    Unknown,
}

/// In order: what is more particular comes before what it contains.
const FORMS: &[(&[&str], Why<'static>)] = &[
    (&["failed to sync", "cache"], Why::NotSynced),
    (&["not registered"], Why::NotSynced),
    (
        &["volume is already exclusively attached to one node"],
        Why::Attached { pods: "" },
    ),
    (&["access denied by server"], Why::Permission),
    (&["permission denied"], Why::Permission),
    (&["unauthorizedoperation"], Why::Permission),
    (&["operation not permitted"], Why::Permission),
    (&["code = permissiondenied"], Why::Permission),
    (&["wrong fs type"], Why::Filesystem),
    (&["bad superblock"], Why::Filesystem),
    (&["fsck", "errors"], Why::Filesystem),
    (&["can't read superblock"], Why::Filesystem),
    (&["input/output error"], Why::Filesystem),
    (&["code = resourceexhausted"], Why::Exhausted),
    (&["volumelimitexceeded"], Why::Exhausted),
    (&["quota"], Why::Exhausted),
    (&["no space left on device"], Why::Exhausted),
    (&["no volume plugin matched"], Why::NoProvisioner),
    (
        &["no persistent volumes available for this claim and no storage class is set"],
        Why::NoProvisioner,
    ),
    (&["persistentvolumeclaim", "not found"], Why::NoClaim),
    (&["persistentvolume", "not found"], Why::NoClaim),
    (&["invalidvolume.notfound"], Why::NoClaim),
    (&["hostpath type check failed"], Why::Path),
    (&["no such file or directory"], Why::Path),
    (&["does not exist"], Why::Path),
    (&["timed out waiting for the condition"], Why::TimedOut),
    (&["deadline exceeded"], Why::TimedOut),
];

/// What a message about a volume says.
pub(crate) fn classify(message: &str) -> MountFailure<'_> {
    let volume = between(message, "volume \"", "\"").or_else(|| between(message, "unmounted volumes=[", "]"));
    MountFailure {
        why: why(message),
        volume,
    }
}

fn why(message: &str) -> Why<'_> {
    if let Some(missing) = reference::missing(message) {
        return Why::Missing(missing);
    }
    if let Some(pods) = message.split_once("Volume is already used by pod(s) ") {
        return Why::Attached { pods: pods.1 };
    }
    if let Some(driver) = between(
        message,
        "driver name ",
        " not found in the list of registered CSI drivers",
    ) {
        return Why::NoDriver(driver);
    }
    if let Some(class) = missing_class(message) {
        return Why::NoClass(class);
    }
    first_form(message, FORMS).unwrap_or(Why::Unknown)
}

fn missing_class(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("storageclass.storage.k8s.io \"")?;
    let (name, after) = rest.split_once('"')?;
    after.contains("not found").then_some(name)
}

/// The server that a network file system was to be mounted from: `10.0.0.1:/export`.
pub(crate) fn server(message: &str) -> Option<&str> {
    word_after(message, "while mounting ", &[' ', '\n']).filter(|source| source.contains(":/"))
}

#[cfg(test)]
mod tests {
    use super::super::reference::Kind;
    use super::*;

    #[track_caller]
    fn all_are(why: Why<'_>, messages: &[&str]) {
        for message in messages {
            assert_eq!(classify(message).why, why, "{message}");
        }
    }

    #[test]
    fn a_configmap_or_secret_that_is_not_there() {
        let message = "MountVolume.SetUp failed for volume \"config\" : configmap \"app\" not found";
        let missing = Reference {
            kind: Kind::ConfigMap,
            name: "app",
            key: None,
        };
        let failure = classify(message);
        assert_eq!((failure.why, failure.volume), (Why::Missing(missing), Some("config")));
        all_are(
            Why::NotSynced,
            &[
                "MountVolume.SetUp failed for volume \"kube-api-access-x\" : failed to sync configmap cache: timed out waiting for the condition",
                "MountVolume.SetUp failed for volume \"config\" : object \"shop\"/\"app\" not registered",
            ],
        );
    }

    #[test]
    fn a_volume_that_another_node_has() {
        let named = "Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) web-1, web-2";
        assert_eq!(classify(named).why, Why::Attached { pods: "web-1, web-2" });
        assert_eq!(classify(named).volume, Some("pvc-1"));
        all_are(
            Why::Attached { pods: "" },
            &[
                "Multi-Attach error for volume \"pvc-1\" Volume is already exclusively attached to one node and can't be attached to another",
            ],
        );
    }

    #[test]
    fn what_is_not_there() {
        all_are(
            Why::NoDriver("ebs.csi.aws.com"),
            &[
                "MountVolume.MountDevice failed for volume \"pvc-1\" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name ebs.csi.aws.com not found in the list of registered CSI drivers",
            ],
        );
        all_are(
            Why::NoClass("fast"),
            &[
                "storageclass.storage.k8s.io \"fast\" not found",
                "failed to get StorageClass: storageclass.storage.k8s.io \"fast\" not found",
            ],
        );
        all_are(
            Why::NoClaim,
            &[
                "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data]: error processing PVC shop/data: failed to fetch PVC from API server: persistentvolumeclaim \"data\" not found",
                "AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = Internal desc = Could not attach volume \"vol-1\": InvalidVolume.NotFound: The volume 'vol-1' does not exist.",
            ],
        );
        all_are(
            Why::Path,
            &[
                "MountVolume.SetUp failed for volume \"host\" : hostPath type check failed: /data is not a directory",
                "MountVolume.NewMounter initialization failed for volume \"local-1\" : path \"/mnt/disks/ssd1\" does not exist",
                "MountVolume.SetUp failed for volume \"nfs\" : mount failed: exit status 32\nOutput: mount.nfs: mounting 10.0.0.1:/x failed, reason given by server: No such file or directory",
            ],
        );
    }

    #[test]
    fn what_is_forbidden_broken_or_used_up() {
        let nfs = "MountVolume.SetUp failed for volume \"nfs\" : mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs 10.0.0.1:/x /var/lib/kubelet/pods/u/volumes/nfs\nOutput: mount.nfs: access denied by server while mounting 10.0.0.1:/x";
        all_are(
            Why::Permission,
            &[
                nfs,
                "AttachVolume.Attach failed for volume \"pvc-1\" : rpc error: code = Internal desc = UnauthorizedOperation: You are not authorized to perform this operation",
            ],
        );
        assert_eq!(server(nfs), Some("10.0.0.1:/x"));
        all_are(
            Why::Filesystem,
            &[
                "MountVolume.MountDevice failed for volume \"pvc-1\" : rpc error: code = Internal desc = mount failed: exit status 32\nOutput: mount: /var/lib/kubelet/x: wrong fs type, bad option, bad superblock on /dev/sdb, missing codepage or helper program, or other error.",
            ],
        );
        all_are(
            Why::Exhausted,
            &[
                "failed to provision volume with StorageClass \"gp3\": rpc error: code = ResourceExhausted desc = maximum number of volumes reached",
            ],
        );
        all_are(Why::NoProvisioner, &["no volume plugin matched name: example.com/nope"]);
    }

    #[test]
    fn a_wait_that_ended_says_only_that() {
        let messages = [
            "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data kube-api-access-x]: timed out waiting for the condition",
            "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed to process volumes=[]: context deadline exceeded",
        ];
        all_are(Why::TimedOut, &messages);
        assert_eq!(classify(messages[0]).volume, Some("data"));
        all_are(
            Why::Unknown,
            &[
                "MountVolume.SetUp failed for volume \"x\" : the moon is in the wrong phase",
                "",
            ],
        );
    }
}
