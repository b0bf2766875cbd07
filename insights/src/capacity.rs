//! What nodes have left to promise, and what a pod asks for: the sums that the scheduler makes
//! (`kubernetes/pkg/scheduler/framework/plugins/noderesources`, `resource helpers` of the API).

use std::collections::BTreeMap;

use correlator::{ContainerRole, ContainerState, NodeState, PodState, World};

use crate::phrase::{bytes, count, escape};

/// Nodes that are named.
const NAMED: usize = 5;

/// CPU in thousandths of a core, memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) cpu: u64,
    pub(crate) memory: u64,
}

/// What a node has left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Room<'a> {
    pub(crate) node: &'a str,
    pub(crate) state: &'a NodeState,
    /// What pods on it ask for.
    pub(crate) asked: Amount,
    pub(crate) pods: u64,
}

impl Room<'_> {
    /// What is left, as far as the node says what it has.
    pub(crate) fn free(&self) -> Amount {
        Amount {
            cpu: self
                .state
                .allocatable_cpu_millis
                .unwrap_or_default()
                .saturating_sub(self.asked.cpu),
            memory: self
                .state
                .allocatable_memory
                .unwrap_or_default()
                .saturating_sub(self.asked.memory),
        }
    }

    /// What is missing for this much more.
    pub(crate) fn missing(&self, ask: Amount) -> Amount {
        let free = self.free();
        Amount {
            cpu: ask.cpu.saturating_sub(free.cpu),
            memory: ask.memory.saturating_sub(free.memory),
        }
    }

    /// Whether it takes pods without a toleration, and has places left.
    pub(crate) fn is_open(&self) -> bool {
        let keeps_off = |taint: &str| taint.ends_with(":NoSchedule") || taint.ends_with(":NoExecute");
        let has_place = self.state.allocatable_pods.is_none_or(|most| self.pods < most);
        !self.state.unschedulable && has_place && !self.state.taints.iter().any(|taint| keeps_off(taint))
    }
}

/// What a pod asks for: its containers together, or its largest init container where that is more; sidecars count in both.
pub(crate) fn ask(pod: &PodState) -> Amount {
    let of = |container: &ContainerState| Amount {
        cpu: container.cpu_request_millis.unwrap_or_default(),
        memory: container.memory_request.unwrap_or_default(),
    };
    let (mut main, mut init, mut sidecars) = (Amount::default(), Amount::default(), Amount::default());
    for container in &pod.containers {
        let one = of(container);
        match container.role {
            ContainerRole::Main => main = plus(main, one),
            ContainerRole::Sidecar => sidecars = plus(sidecars, one),
            ContainerRole::Init => init = most(init, one),
            ContainerRole::Ephemeral => {}
        }
    }
    plus(most(main, init), sidecars)
}

/// What every node has left, by name, from the pods that the API server told of.
pub(crate) fn rooms(world: &World) -> Vec<Room<'_>> {
    let mut rooms: BTreeMap<&str, Room<'_>> = world
        .nodes()
        .map(|(node, state)| {
            let room = Room {
                node,
                state: &state.state,
                asked: Amount::default(),
                pods: 0,
            };
            (&**node, room)
        })
        .collect();
    for pod in world.pods() {
        let is_over = !pod.exists() || matches!(&*pod.state.phase, "Succeeded" | "Failed");
        if let Some(room) = pod
            .identity
            .node
            .as_deref()
            .and_then(|node| rooms.get_mut(node))
            .filter(|_| !is_over)
        {
            room.asked = plus(room.asked, ask(&pod.state));
            room.pods += 1;
        }
    }
    rooms.into_values().collect()
}

/// The open node that lacks the least, in parts of what is asked for; none when one lacks nothing: then something else
/// keeps the pod off it.
pub(crate) fn nearest<'a>(rooms: &[Room<'a>], ask: Amount) -> Option<(Room<'a>, Amount)> {
    let open = rooms
        .iter()
        .filter(|room| room.is_open())
        .map(|room| (*room, room.missing(ask)));
    let part = |missing: &Amount| {
        let of = |lacks: u64, asked: u64| if asked == 0 { 0.0 } else { lacks as f64 / asked as f64 };
        of(missing.cpu, ask.cpu).max(of(missing.memory, ask.memory))
    };
    let least = open.min_by(|(_, a), (_, b)| part(a).total_cmp(&part(b)));
    least.filter(|(_, missing)| *missing != Amount::default())
}

/// What the nodes with the most room have left, a line each.
pub(crate) fn lines(rooms: &[Room<'_>], ask: Amount) -> Vec<String> {
    let mut rooms: Vec<&Room<'_>> = rooms.iter().collect();
    rooms.sort_by_key(|room| (!room.is_open(), room.missing(ask).cpu, room.missing(ask).memory));
    let mut lines: Vec<String> = rooms
        .iter()
        .take(NAMED)
        .map(|room| {
            let all = Amount {
                cpu: room.state.allocatable_cpu_millis.unwrap_or_default(),
                memory: room.state.allocatable_memory.unwrap_or_default(),
            };
            format!(
                "{}: {} left of {}{}",
                room.node,
                amount(room.free()),
                amount(all),
                shut(room.state)
            )
        })
        .collect();
    if rooms.len() > NAMED {
        lines.push(format!("and {} with less room", count(rooms.len() - NAMED, "node")));
    }
    lines
}

fn shut(node: &NodeState) -> String {
    let taints: Vec<&str> = node.taints.iter().map(|taint| &**taint).collect();
    let cordoned = if node.unschedulable { ", cordoned" } else { "" };
    let tainted = if taints.is_empty() {
        String::new()
    } else {
        format!(", taints {}", escape(&taints.join(" "), 160))
    };
    format!("{cordoned}{tainted}")
}

/// `500m CPU and 2 GiB`; a part that is nothing is left out.
pub(crate) fn amount(amount: Amount) -> String {
    let cpu = (amount.cpu > 0).then(|| format!("{}m CPU", amount.cpu));
    let memory = (amount.memory > 0).then(|| format!("{} memory", bytes(amount.memory as f64)));
    let parts: Vec<String> = cpu.into_iter().chain(memory).collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join(" and ")
    }
}

fn plus(a: Amount, b: Amount) -> Amount {
    Amount {
        cpu: a.cpu.saturating_add(b.cpu),
        memory: a.memory.saturating_add(b.memory),
    }
}

fn most(a: Amount, b: Amount) -> Amount {
    Amount {
        cpu: a.cpu.max(b.cpu),
        memory: a.memory.max(b.memory),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(role: ContainerRole, cpu: u64, memory: u64) -> ContainerState {
        ContainerState {
            role,
            cpu_request_millis: Some(cpu),
            memory_request: Some(memory),
            ..ContainerState::default()
        }
    }

    #[test]
    fn an_init_container_counts_only_where_it_needs_more() {
        let pod = PodState {
            containers: vec![
                container(ContainerRole::Main, 100, 1000),
                container(ContainerRole::Main, 200, 1000),
                container(ContainerRole::Init, 500, 10),
                container(ContainerRole::Sidecar, 50, 5),
                container(ContainerRole::Ephemeral, 900, 900),
            ],
            ..PodState::default()
        };
        assert_eq!(ask(&pod), Amount { cpu: 550, memory: 2005 });
    }

    #[test]
    fn a_node_lacks_what_it_does_not_have_left() {
        let state = NodeState {
            allocatable_cpu_millis: Some(4000),
            allocatable_memory: Some(1000),
            ..NodeState::default()
        };
        let asked = Amount { cpu: 3800, memory: 100 };
        let room = Room {
            node: "n1",
            state: &state,
            asked,
            pods: 3,
        };
        assert_eq!(room.free(), Amount { cpu: 200, memory: 900 });
        assert_eq!(
            room.missing(Amount { cpu: 500, memory: 800 }),
            Amount { cpu: 300, memory: 0 }
        );
        assert!(room.is_open());
    }

    #[test]
    fn a_node_that_is_cordoned_tainted_or_full_takes_no_pods() {
        let shut = [
            NodeState {
                unschedulable: true,
                ..NodeState::default()
            },
            NodeState {
                taints: vec!["gpu=yes:NoSchedule".into()],
                ..NodeState::default()
            },
            NodeState {
                allocatable_pods: Some(1),
                ..NodeState::default()
            },
        ];
        for state in &shut {
            let room = Room {
                node: "n1",
                state,
                asked: Amount::default(),
                pods: 1,
            };
            assert!(!room.is_open(), "{state:?}");
        }
    }
}
