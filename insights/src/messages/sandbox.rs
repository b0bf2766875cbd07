//! Why a pod has no sandbox and no network: `FailedCreatePodSandBox` and `NetworkNotReady` of the kubelet, with what
//! containerd, CRI-O and the network plugins add.
//!
//! Sources: `kubernetes/pkg/kubelet/kuberuntime`, `containerd/internal/cri`, `cri-o/cri-o`, `containernetworking/cni` and
//! `plugins`, Calico, Cilium, flannel, `amazon-vpc-cni-k8s`.

use super::text::{between, first_form, word_after};

/// A sandbox that could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SandboxFailure<'a> {
    pub(crate) why: Why,
    /// The network plugin that failed, where it is named.
    pub(crate) plugin: Option<&'a str>,
    /// The file, address, range or runtime at fault, where it is named.
    pub(crate) detail: Option<&'a str>,
}

/// Why it could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The node has no network plugin, or none that is configured yet.
    NotInitialised,
    /// The plugin's program is not on the node.
    PluginMissing,
    /// The network plugin's own pod is not running on this node: its file or socket is missing.
    PluginNotRunning,
    /// No address is left to give out.
    NoAddresses,
    /// The network plugin does not reach the API server.
    ApiUnreachable,
    /// The API server does not let the network plugin in.
    PluginUnauthorised,
    /// The network plugin failed otherwise.
    Plugin,
    /// The pause image cannot be had.
    PauseImage,
    /// The runtime class names a runtime that the node does not have.
    RuntimeClass,
    /// The container runtime does not answer.
    RuntimeDown,
    /// An earlier try still holds the name.
    NameReserved,
    /// The node is out of disk, tasks, files or memory.
    NodeExhausted,
    /// The low-level runtime failed.
    Oci,
    /// It took too long.
    TimedOut,
    /// Something in words that are not known here.
    Unknown,
}

/// In order: what is more particular comes before what it contains.
const FORMS: &[(&[&str], Why)] = &[
    (&["cni plugin not initialized"], Why::NotInitialised),
    (&["cni config uninitialized"], Why::NotInitialised),
    (&["networkpluginnotready"], Why::NotInitialised),
    (&["no cni configuration file"], Why::NotInitialised),
    (&["no networks found in"], Why::NotInitialised),
    (&["failed to find plugin"], Why::PluginMissing),
    (&["no ip addresses available in range"], Why::NoAddresses),
    (&["no more ips available"], Why::NoAddresses),
    (&["range is full"], Why::NoAddresses),
    (&["failed to assign an ip address to container"], Why::NoAddresses),
    (&["insufficientfreeaddressesinsubnet"], Why::NoAddresses),
    (&["insufficientcidrblocks"], Why::NoAddresses),
    (&["failed to request ip address from ipam"], Why::NoAddresses),
    (&["no available addresses"], Why::NoAddresses),
    (&["failed to get sandbox image"], Why::PauseImage),
    (&["no runtime for", "is configured"], Why::RuntimeClass),
    (&["runtime handler", "not"], Why::RuntimeClass),
    (&["runtimeclass", "not found"], Why::RuntimeClass),
    (&["is reserved for"], Why::NameReserved),
    (&["no space left on device"], Why::NodeExhausted),
    (&["resource temporarily unavailable"], Why::NodeExhausted),
    (&["too many open files"], Why::NodeExhausted),
    (&["cannot allocate memory"], Why::NodeExhausted),
    (&["/run/flannel/subnet.env"], Why::PluginNotRunning),
    (&["/var/lib/calico/nodename"], Why::PluginNotRunning),
    (&["cilium.sock"], Why::PluginNotRunning),
    (&["127.0.0.1:50051"], Why::PluginNotRunning),
    (&["unable to connect to cilium"], Why::PluginNotRunning),
    (&["multus.sock"], Why::PluginNotRunning),
    (&["containerd.sock"], Why::RuntimeDown),
    (&["crio.sock"], Why::RuntimeDown),
    (&["cri-dockerd.sock"], Why::RuntimeDown),
    (&["code = unavailable"], Why::RuntimeDown),
    (&["connection is unauthorized"], Why::PluginUnauthorised),
    (&["cni", "unauthorized"], Why::PluginUnauthorised),
    (&["get \"https://", "dial tcp"], Why::ApiUnreachable),
    (&["get \"https://", "timeout"], Why::ApiUnreachable),
    (&["failed to setup network for sandbox"], Why::Plugin),
    (&["error adding pod", "to cni network"], Why::Plugin),
    (&["networkplugin cni failed"], Why::Plugin),
    (&["plugin type="], Why::Plugin),
    (&["oci runtime create failed"], Why::Oci),
    (&["deadline exceeded"], Why::TimedOut),
];

/// What a message about a sandbox says.
pub(crate) fn classify(message: &str) -> SandboxFailure<'_> {
    let why = first_form(message, FORMS).unwrap_or(Why::Unknown);
    let plugin =
        between(message, "plugin type=\"", "\"").or_else(|| between(message, "failed to find plugin \"", "\""));
    SandboxFailure {
        why,
        plugin,
        detail: detail(why, message),
    }
}

fn detail(why: Why, message: &str) -> Option<&str> {
    match why {
        Why::NoAddresses => word_after(message, "range set: ", &[' ', ',', '"', '\n']),
        Why::PauseImage => between(message, "sandbox image \"", "\""),
        Why::RuntimeClass => between(message, "runtime for \"", "\"").or_else(|| between(message, "handler \"", "\"")),
        Why::PluginNotRunning => word_after(message, "open ", &[':', ' '])
            .or_else(|| word_after(message, "stat ", &[':', ' ']))
            .or_else(|| word_after(message, "dial unix ", &[':', ' '])),
        Why::ApiUnreachable => word_after(message, "https://", &['/', '"', ' ']),
        _ => None,
    }
}

impl Why {
    /// What the node causes, rather than the pod.
    pub(crate) fn is_of_node(self) -> bool {
        !matches!(self, Self::RuntimeClass | Self::Oci | Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINERD: &str =
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"0a1b\": ";

    #[track_caller]
    fn all_are(why: Why, messages: &[&str]) {
        for message in messages {
            assert_eq!(classify(message).why, why, "{message}");
        }
    }

    #[track_caller]
    fn plugin_says(text: &str, why: Why, detail: Option<&str>) {
        let message = format!("{CONTAINERD}{text}");
        let failure = classify(&message);
        assert_eq!((failure.why, failure.detail), (why, detail), "{message}");
    }

    #[test]
    fn a_node_without_a_network_plugin() {
        all_are(
            Why::NotInitialised,
            &[
                "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
                "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:docker: network plugin is not ready: cni config uninitialized",
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to create pod network sandbox k8s_web: No CNI configuration file in /etc/kubernetes/cni/net.d/. Has your network provider started?",
            ],
        );
        let missing = format!("{CONTAINERD}failed to find plugin \"calico\" in path [/opt/cni/bin]");
        assert_eq!(
            (classify(&missing).why, classify(&missing).plugin),
            (Why::PluginMissing, Some("calico"))
        );
    }

    #[test]
    fn a_plugin_whose_own_pod_is_down() {
        plugin_says(
            "plugin type=\"flannel\" failed (add): loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory",
            Why::PluginNotRunning,
            Some("/run/flannel/subnet.env"),
        );
        plugin_says(
            "plugin type=\"calico\" failed (add): stat /var/lib/calico/nodename: no such file or directory: check that the calico/node container is running and has mounted /var/lib/calico/",
            Why::PluginNotRunning,
            Some("/var/lib/calico/nodename"),
        );
        plugin_says(
            "plugin type=\"cilium-cni\" failed (add): unable to connect to Cilium agent: failed to create cilium agent client: Get \"http://localhost/v1/config\": dial unix /var/run/cilium/cilium.sock: connect: no such file or directory",
            Why::PluginNotRunning,
            Some("/var/run/cilium/cilium.sock"),
        );
        plugin_says(
            "plugin type=\"aws-cni\" name=\"aws-cni\" failed (add): add cmd: Error received from AddNetwork gRPC call: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:50051: connect: connection refused\"",
            Why::PluginNotRunning,
            None,
        );
    }

    #[test]
    fn no_address_is_left() {
        plugin_says(
            "plugin type=\"bridge\" failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.244.0.1-10.244.0.254",
            Why::NoAddresses,
            Some("10.244.0.1-10.244.0.254"),
        );
        for text in [
            "plugin type=\"aws-cni\" name=\"aws-cni\" failed (add): add cmd: failed to assign an IP address to container",
            "plugin type=\"cilium-cni\" failed (add): unable to allocate IP via local cilium agent: [POST /ipam][502] postIpamFailure \"No more IPs available\"",
            "plugin type=\"cilium-cni\" failed (add): unable to allocate IP via local cilium agent: [POST /ipam][502] postIpamFailure range is full",
        ] {
            plugin_says(text, Why::NoAddresses, None);
        }
    }

    #[test]
    fn a_plugin_that_does_not_get_through_to_the_api_server() {
        plugin_says(
            "plugin type=\"calico\" failed (add): error getting ClusterInformation: Get \"https://10.96.0.1:443/apis/crd.projectcalico.org/v1/clusterinformations/default\": dial tcp 10.96.0.1:443: i/o timeout",
            Why::ApiUnreachable,
            Some("10.96.0.1:443"),
        );
        plugin_says(
            "plugin type=\"calico\" failed (add): error getting ClusterInformation: connection is unauthorized: Unauthorized",
            Why::PluginUnauthorised,
            None,
        );
    }

    #[test]
    fn other_failures_of_a_plugin_name_it() {
        let crio = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to create pod network sandbox k8s_web_shop(0a1b): error adding pod shop_web to CNI network \"k8s-pod-network\": plugin type=\"calico\" failed (add): netns is gone";
        assert_eq!(
            (classify(crio).why, classify(crio).plugin),
            (Why::Plugin, Some("calico"))
        );
        all_are(
            Why::Plugin,
            &["networkPlugin cni failed to set up pod \"web_shop\" network: netns is gone"],
        );
    }

    #[test]
    fn a_runtime_or_node_at_fault() {
        all_are(
            Why::RuntimeDown,
            &[
                "Failed to create pod sandbox: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused\"",
                "Failed to create pod sandbox: rpc error: code = Unavailable desc = error reading from server: EOF",
            ],
        );
        let pause = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image \"registry.example/pause:3.9\": failed to pull image \"registry.example/pause:3.9\": dial tcp: lookup registry.example: no such host";
        assert_eq!(
            (classify(pause).why, classify(pause).detail),
            (Why::PauseImage, Some("registry.example/pause:3.9"))
        );
        let class = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for \"gvisor\" is configured";
        assert_eq!(
            (classify(class).why, classify(class).detail),
            (Why::RuntimeClass, Some("gvisor"))
        );
        all_are(
            Why::NameReserved,
            &[
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to reserve sandbox name \"web_shop_u_0\": name \"web_shop_u_0\" is reserved for \"0a1b\"",
            ],
        );
        all_are(
            Why::NodeExhausted,
            &[
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to start sandbox: fork/exec /usr/bin/containerd-shim-runc-v2: resource temporarily unavailable",
            ],
        );
        all_are(
            Why::TimedOut,
            &["Failed to create pod sandbox: rpc error: code = DeadlineExceeded desc = context deadline exceeded"],
        );
        all_are(
            Why::Unknown,
            &["Failed to create pod sandbox: the moon is in the wrong phase", ""],
        );
    }
}
