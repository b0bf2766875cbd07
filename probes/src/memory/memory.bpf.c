// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * OOM kills. The hook is the BTF tracepoint oom:mark_victim, where every kill
 * by the OOM killer passes, be it for a cgroup or for the node. It runs in the
 * context of whoever ran out of memory, so everything is read from the victim
 * it is given. One record a kill: the victim, what it kept in memory, its
 * cgroups, and the nearest memory cgroup above it that stands at its limit,
 * which is the one that ran out. Kernels before 6.8 give a process id only;
 * then the cgroups searched are those of the task that ran out, and the victim
 * is left to be looked up by its id.
 */
#include "task.h"

#define MAX_DEPTH 32
#define SLACK_PAGES 256

enum {
	LOST_RING_FULL = 0,
};

struct oom_kill_record {
	struct record_header header;
	__u64 anon;
	__u64 file;
	__u64 shmem;
	__u64 limit;		/* 0: no cgroup was at its limit */
	__u64 usage;
	__u32 own_limit;	/* the limit is that of the victim's own cgroup */
	__u32 unused;
};
RECORD_LAYOUT(oom_kill_record);

RECORD_RING(64 << 10);

/*
 * A failed charge is taken back before the killer runs, and CPUs keep batches
 * of 64 pages in stock, so a full counter stands a little below its maximum.
 */
static __always_inline bool is_full(__u64 usage, __u64 max)
{
	__u64 slack = max / 32;

	if (slack < SLACK_PAGES)
		slack = SLACK_PAGES;
	return usage + slack >= max;
}

static __always_inline bool take_if_full(struct oom_kill_record *record, struct page_counter *counter)
{
	__u64 usage = BPF_CORE_READ(counter, usage.counter);
	__u64 max = BPF_CORE_READ(counter, max);

	if (!is_full(usage, max))
		return false;
	record->limit = max * page_size;
	record->usage = usage * page_size;
	return true;
}

/* v1 also limits memory and swap together; v2 keeps another counter there. */
static __always_inline bool is_out_of_memory(struct oom_kill_record *record, struct cgroup_subsys_state *css)
{
	struct mem_cgroup *memcg = (void *)css - bpf_core_field_offset(struct mem_cgroup, css);

	if (take_if_full(record, &memcg->memory))
		return true;
	if (!bpf_core_field_exists(memcg->memsw))
		return false;
	return is_legacy(BPF_CORE_READ(css, cgroup)) && take_if_full(record, &memcg->memsw);
}

static __always_inline void find_limit(struct oom_kill_record *record, struct task_struct *task)
{
	struct cgroup_subsys_state *css = memory_css(task);
	int depth;

	for (depth = 0; depth < MAX_DEPTH; depth++) {
		if (!css)
			return;
		if (is_out_of_memory(record, css)) {
			record->own_limit = depth == 0;
			return;
		}
		css = BPF_CORE_READ(css, parent);
	}
}

static __always_inline void describe_victim(struct oom_kill_record *record, struct task_struct *victim)
{
	struct mm_struct *mm = BPF_CORE_READ(victim, mm);

	name_task(&record->header, victim);
	find_limit(record, victim);
	if (!mm)
		return;
	record->anon = resident(mm, MM_ANONPAGES);
	record->file = resident(mm, MM_FILEPAGES);
	record->shmem = resident(mm, MM_SHMEMPAGES);
}

/* (struct task_struct *task, uid_t uid), before 6.8 (int pid) */
SEC("tp_btf/mark_victim")
int oom_kill(__u64 *ctx)
{
	struct oom_kill_record *record;
	__u64 victim = 0;

	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		count_lost(LOST_RING_FULL);
		return 0;
	}
	__builtin_memset(record, 0, sizeof(*record));
	start_record(&record->header, RECORD_OOM_KILL, sizeof(*record));
	/* Read as a plain number, since its type differs between kernels. */
	bpf_probe_read_kernel(&victim, sizeof(victim), ctx);
	if (victim >> 32) {
		describe_victim(record, (struct task_struct *)victim);
	} else {
		record->header.pid = victim;
		find_limit(record, (struct task_struct *)bpf_get_current_task());
		record->own_limit = 0;
	}
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

char _license[] SEC("license") = "GPL";
