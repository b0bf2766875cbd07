//! What holds of the parser whatever the path.

use proptest::prelude::*;

use super::tests::{ID, SLICE_UID};
use super::*;
use Qos::{BestEffort, Burstable, Guaranteed};
use Runtime::Containerd;

proptest! {
    #[test]
    fn no_path_makes_it_panic(path in ".{0,200}") {
        let _ = parse(&path);
    }

    #[test]
    fn no_mixture_of_known_parts_makes_it_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec!["kubepods", "pod", "-", ":", "/", ".slice", ".scope", "docker", "crio", "\\x2d", ID, SLICE_UID]),
            0..24,
        )
    ) {
        let _ = parse(&parts.concat());
    }

    #[test]
    fn a_valid_id_is_found_back(
        id in "[0-9a-f]{64}",
        uid in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        prefix in "(/[a-z]{1,8}(\\.slice)?){0,3}",
        suffix in "(/[a-z.]{1,9}){0,3}",
        systemd in any::<bool>(),
        qos in prop::sample::select(vec![Guaranteed, Burstable, BestEffort]),
    ) {
        let class = match qos { Guaranteed => "", Burstable => "burstable", BestEffort => "besteffort" };
        let path = if systemd {
            let dash = if class.is_empty() { String::new() } else { format!("-{class}") };
            let uid = uid.replace('-', "_");
            format!("{prefix}/kubepods.slice/kubepods{dash}-pod{uid}.slice/cri-containerd-{id}.scope{suffix}")
        } else {
            let class = if class.is_empty() { String::new() } else { format!("/{class}") };
            format!("{prefix}/kubepods{class}/pod{uid}/{id}{suffix}")
        };
        let runtime = systemd.then_some(Containerd);
        let expected = CgroupOwner::Container { pod_uid: Some(uid), container_id: &id, runtime, qos: Some(qos) };
        prop_assert_eq!(parse(&path), expected);
    }
}
