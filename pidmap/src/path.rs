//! Reads a cgroup path: which container or pod lives there, or that it is the host's own.
//!
//! The kubelet makes `kubepods[/<qos>]/pod<uid>` (cgroupfs driver) or `kubepods[-<qos>]-pod<uid>.slice` (systemd driver,
//! dashes of the uid as underscores); the runtime puts its container below. Prefixes (kind, minikube, rootless k3s) are
//! ignored: the innermost pod wins. Inside a pod the first container wins, so that what the container nests in itself
//! (crun's `container`, a systemd, Docker in Docker) stays with it.
//! The shapes that are known are in `corpus/paths.txt`. Sources: kubernetes `pkg/kubelet/cm/{cgroup_manager_linux,pod_container_manager_linux}.go`, runc and crun
//! `cgroups/systemd`, containerd `internal/cri/server/podsandbox`, cri-o `internal/config/cgmgr`.

/// Who a cgroup belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CgroupOwner<'a> {
    /// A container, or a cgroup that a container made below its own.
    Container {
        /// Pod uid with dashes (32 hex digits for a static pod); `None` for a container that no pod owns.
        pod_uid: Option<String>,
        /// The full id, 64 lower-case hex digits.
        container_id: &'a str,
        /// `None` where the path does not tell (cgroupfs driver: a bare id).
        runtime: Option<Runtime>,
        /// `None` for a container that no pod owns, and where the path does not tell.
        qos: Option<Qos>,
    },
    /// A pod's own cgroup, or something in it that is no container (CRI-O's conmon, a sandbox overhead).
    Pod {
        /// Pod uid with dashes (32 hex digits for a static pod).
        uid: String,
        /// Quality of service class; `None` where the path does not tell.
        qos: Option<Qos>,
    },
    /// Everything else, by its path: units, slices, the root, and whatever looks like a container only half.
    Host(&'a str),
}

/// Who made the container, as far as the path tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// containerd, through CRI or nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Docker, also below cri-dockerd.
    Docker,
    /// Podman.
    Podman,
}

/// Quality of service class of a pod. Guaranteed pods have no segment of their own in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// Requests equal limits.
    Guaranteed,
    /// Some requests.
    Burstable,
    /// No requests.
    BestEffort,
}

/// Who the cgroup at `path` belongs to; `path` is relative to its hierarchy's root, as `/proc/<pid>/cgroup` gives it.
/// Takes anything, and never guesses: an id that is not whole is the host's.
#[must_use]
pub fn parse(path: &str) -> CgroupOwner<'_> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    (0..segments.len())
        .rev()
        .find_map(|at| pod_at(&segments, at))
        .or_else(|| plain_container(&segments))
        .unwrap_or(CgroupOwner::Host(path))
}

/// The pod whose own segment is `segments[at]`, or the container right below it.
fn pod_at<'a>(segments: &[&'a str], at: usize) -> Option<CgroupOwner<'a>> {
    let segment = segments[at];
    if let Some((slice, name)) = colon_form(segment) {
        let (uid, qos) = pod_slice(slice)?;
        return Some(in_pod(uid, Some(qos), named_container(name)));
    }
    let (uid, qos) = pod_slice(segment)
        .map(|(uid, qos)| (uid, Some(qos)))
        .or_else(|| pod_directory(&segments[..at], segment))?;
    let container = segments
        .get(at + 1)
        .and_then(|below| bare_id(below).or_else(|| named_container(below)));
    Some(in_pod(uid, qos, container))
}

fn in_pod(uid: String, qos: Option<Qos>, container: Option<(&str, Option<Runtime>)>) -> CgroupOwner<'_> {
    match container {
        Some((container_id, runtime)) => CgroupOwner::Container {
            pod_uid: Some(uid),
            container_id,
            runtime,
            qos,
        },
        None => CgroupOwner::Pod { uid, qos },
    }
}

/// `kubepods-burstable-pod<uid>.slice`, also below another root (`kubelet-kubepods-...`).
fn pod_slice(segment: &str) -> Option<(String, Qos)> {
    let name = segment.strip_suffix(".slice")?;
    let (root, uid) = name.rsplit_once("-pod")?;
    let (root, qos) = if let Some(root) = root.strip_suffix("-burstable") {
        (root, Qos::Burstable)
    } else if let Some(root) = root.strip_suffix("-besteffort") {
        (root, Qos::BestEffort)
    } else {
        (root, Qos::Guaranteed)
    };
    let is_kubelets = root == "kubepods" || root.ends_with("-kubepods");
    if is_kubelets { Some((pod_uid(uid)?, qos)) } else { None }
}

/// `pod<uid>` below `kubepods`, `kubepods/burstable` or `kubepods/besteffort`; seen from the cgroup namespace of another
/// pod, the way up to what both have in common stands for the first part of that.
fn pod_directory(above: &[&str], segment: &str) -> Option<(String, Option<Qos>)> {
    let uid = segment.strip_prefix("pod")?;
    let qos = match above {
        [.., "kubepods"] => Some(Qos::Guaranteed),
        [.., "kubepods" | "..", "burstable"] => Some(Qos::Burstable),
        [.., "kubepods" | "..", "besteffort"] => Some(Qos::BestEffort),
        [.., ".."] => None,
        _ => return None,
    };
    Some((pod_uid(uid)?, qos))
}

/// A container outside every pod. What lies below a kubepods directory without a whole pod uid is not looked at.
fn plain_container<'a>(segments: &[&'a str]) -> Option<CgroupOwner<'a>> {
    let outside = segments
        .iter()
        .position(|segment| is_kubepods(segment))
        .unwrap_or(segments.len());
    let (container_id, runtime) = (0..outside).find_map(|at| plain_at(&segments[..outside], at))?;
    Some(CgroupOwner::Container {
        pod_uid: None,
        container_id,
        runtime,
        qos: None,
    })
}

fn plain_at<'a>(segments: &[&'a str], at: usize) -> Option<(&'a str, Option<Runtime>)> {
    let segment = segments[at];
    if let Some((_, name)) = colon_form(segment) {
        return named_container(name);
    }
    let runtime = match segment {
        "docker" => Runtime::Docker,
        // The names of containerd's own namespaces.
        "k8s.io" | "default" => Runtime::Containerd,
        _ => return named_container(segment),
    };
    let (id, _) = bare_id(segments.get(at + 1)?)?;
    Some((id, Some(runtime)))
}

fn is_kubepods(segment: &str) -> bool {
    let slice = colon_form(segment).map_or(segment, |(slice, _)| slice);
    let name = slice.strip_suffix(".slice").unwrap_or(slice);
    name.split('-').any(|part| part == "kubepods")
}

/// `<slice>:<runtime>:<id>`: a path meant for the systemd driver that runc's cgroupfs driver made a directory of.
/// Gives the slice and `<runtime>:<id>`.
fn colon_form(segment: &str) -> Option<(&str, &str)> {
    let (slice, name) = segment.split_once(':')?;
    name.contains(':').then_some((slice, name))
}

/// `cri-containerd-<id>.scope`, `crio-<id>`, `docker:<id>` and the like.
fn named_container(segment: &str) -> Option<(&str, Option<Runtime>)> {
    let name = segment.strip_suffix(".scope").unwrap_or(segment);
    let (runtime, id) = name.rsplit_once(['-', ':'])?;
    let runtime = match runtime {
        "cri-containerd" | "nerdctl" => Runtime::Containerd,
        "crio" => Runtime::CriO,
        "docker" => Runtime::Docker,
        "libpod" | "libpod-payload" => Runtime::Podman,
        _ => return None,
    };
    is_hex(id, 64).then_some((id, Some(runtime)))
}

fn bare_id(segment: &str) -> Option<(&str, Option<Runtime>)> {
    is_hex(segment, 64).then_some((segment, None))
}

/// A pod uid with dashes, from any of its spellings: dashes, underscores (systemd driver), `\x2d` (systemd escape), or a
/// static pod's hash without any.
fn pod_uid(text: &str) -> Option<String> {
    let mut uid = text.replace("\\x2d", "-");
    if !uid.contains('-') {
        uid = uid.replace('_', "-");
    }
    (is_hex(&uid, 32) || is_uuid(&uid)).then_some(uid)
}

fn is_uuid(text: &str) -> bool {
    let mut parts = text.split('-');
    [8, 4, 4, 4, 12]
        .iter()
        .all(|&length| parts.next().is_some_and(|part| is_hex(part, length)))
        && parts.next().is_none()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
