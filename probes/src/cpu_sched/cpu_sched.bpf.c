// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * How long runnable tasks wait for a CPU, and how often they get one. The hooks
 * are the BTF tracepoints of the scheduler. A task starts to wait when it is
 * woken, and when it is switched out while it could run on; the wait ends when
 * it is switched in and belongs to its cgroup. The start is kept in the task's
 * own storage, so every wait is exact. One row a cgroup, nothing per switch
 * leaves the kernel.
 */
#include "stamp.h"

enum {
	LOST_NO_STORAGE = 0,
	LOST_TABLE_FULL = 1,
};

/* When the task started to wait; 0 while it does not. */
STAMPS(waiting);

TABLE(switches, counted_histogram, 4096, LOST_TABLE_FULL);

static __always_inline __u64 *stamp_of(struct task_struct *task)
{
	__u64 *since = waiting_of(task, STAMP_CREATE);

	if (!since)
		count_lost(LOST_NO_STORAGE);
	return since;
}

/* A task that already waits, or runs and was about to sleep, may be woken too. */
static __always_inline int woken(struct task_struct *task)
{
	__u64 *since = stamp_of(task);

	if (since && !*since)
		*since = bpf_ktime_get_ns();
	return 0;
}

static __always_inline bool could_run_on(struct task_struct *task)
{
	struct task_struct___state *old = (void *)task;

	if (bpf_core_field_exists(task->__state))
		return task->__state == 0;
	return old->state == 0;
}

static __always_inline void switched_out(struct task_struct *task, bool preempted, __u64 now)
{
	__u64 *since;

	if (preempted || could_run_on(task)) {
		since = stamp_of(task);
		if (since)
			*since = now;
		return;
	}
	/* Woken while it ran: that was no wait. */
	since = waiting_of(task, 0);
	if (since)
		*since = 0;
}

static __always_inline void switched_in(struct task_struct *task, __u64 now)
{
	__u64 *since = waiting_of(task, 0);
	struct table_key key = {};
	struct counted_histogram *row;

	key_in_place(&key, task);
	row = switches_row(&key);
	if (row) {
		row->count += 1;
		if (since && *since)
			histogram_add(&row->histogram, now - *since);
	}
	if (since)
		*since = 0;
}

/* (struct task_struct *p) */
SEC("tp_btf/sched_wakeup")
int cpu_wakeup(__u64 *ctx)
{
	return woken((struct task_struct *)ctx[0]);
}

/* (struct task_struct *p) */
SEC("tp_btf/sched_wakeup_new")
int cpu_wakeup_new(__u64 *ctx)
{
	return woken((struct task_struct *)ctx[0]);
}

/* (bool preempt, struct task_struct *prev, struct task_struct *next, ...) */
SEC("tp_btf/sched_switch")
int cpu_switch(__u64 *ctx)
{
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	__u64 now = bpf_ktime_get_ns();

	/* Process id 0 is the idle task: it never waits. */
	if (prev->pid)
		switched_out(prev, ctx[0], now);
	if (next->pid)
		switched_in(next, now);
	return 0;
}

char _license[] SEC("license") = "GPL";
