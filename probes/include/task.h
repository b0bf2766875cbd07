/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Who a task is: its process, its pid namespace's view of it, its cgroups, and
 * what it keeps in memory.
 */
#ifndef TAPIO_TASK_H
#define TAPIO_TASK_H

#include "record.h"

/* The memory controller's state of a task's cgroup, NULL without the controller. */
static __always_inline struct cgroup_subsys_state *memory_css(struct task_struct *task)
{
	struct cgroup_subsys_state *css = 0;
	struct css_set *cgroups;
	int slot;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return 0;
	slot = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	cgroups = BPF_CORE_READ(task, cgroups);
	bpf_probe_read_kernel(&css, sizeof(css), (void *)cgroups +
			      bpf_core_field_offset(struct css_set, subsys) + slot * sizeof(css));
	return css;
}

/* True when the cgroup is in a v1 hierarchy: the v2 one is number 0. */
static __always_inline bool is_legacy(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, root, hierarchy_id) != 0;
}

static __always_inline __u64 unified_id(struct task_struct *task)
{
	return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
}

/* Id of the task's cgroup in a v1 memory hierarchy; 0 when memory is on v2. */
static __always_inline __u64 memory_id(struct task_struct *task)
{
	struct cgroup_subsys_state *css = memory_css(task);
	struct cgroup *cgroup;

	if (!css)
		return 0;
	cgroup = BPF_CORE_READ(css, cgroup);
	if (!is_legacy(cgroup))
		return 0;
	return BPF_CORE_READ(cgroup, kn, id);
}

/* The process id as the process itself sees it: the innermost namespace's. */
static __always_inline __u32 innermost_pid(struct task_struct *leader)
{
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	unsigned int level;
	int number = 0;

	if (!pid)
		return 0;
	level = BPF_CORE_READ(pid, level);
	bpf_probe_read_kernel(&number, sizeof(number), (void *)pid +
			      bpf_core_field_offset(struct pid, numbers) +
			      level * bpf_core_type_size(struct upid) +
			      bpf_core_field_offset(struct upid, nr));
	return number;
}

static __always_inline void name_task(struct record_header *header, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	header->unified = unified_id(task);
	header->memory = memory_id(task);
	header->pid = BPF_CORE_READ(task, tgid);
	header->ns_pid = innermost_pid(leader);
	BPF_CORE_READ_INTO(&header->comm, leader, comm);
}

/*
 * Bytes of one kind (MM_ANONPAGES, ...). From 6.2 on the counter is the part
 * that the CPUs have handed in; each may hold back a batch of max(32, 2 * CPUs)
 * pages.
 */
static __always_inline __u64 resident(struct mm_struct *mm, int kind)
{
	__s64 pages = 0;
	__u64 at;

	/* Indexed by hand: the compiler would step by the size of our cut-down element. */
	if (bpf_core_type_exists(struct mm_rss_stat))
		at = bpf_core_field_offset(struct mm_struct___atomic, rss_stat) +
		     bpf_core_field_offset(struct mm_rss_stat, count) + kind * sizeof(atomic_long_t);
	else
		at = bpf_core_field_offset(struct mm_struct, rss_stat) +
		     kind * bpf_core_type_size(struct percpu_counter) +
		     bpf_core_field_offset(struct percpu_counter, count);
	bpf_probe_read_kernel(&pages, sizeof(pages), (void *)mm + at);
	return pages > 0 ? pages * page_size : 0;
}

#endif
