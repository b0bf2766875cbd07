// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Resident memory of every process, read at once. The hook is the task
 * iterator: nothing runs until user space reads, and one read walks all tasks,
 * far cheaper than opening a file of /proc for each. One record a process with
 * memory of its own, written to the reader in one piece. A record that does not
 * fit is written by the kernel in the next read, so none is lost.
 */
#include "record.h"

struct resident_record {
	struct record_header header;
	__u64 resident;		/* anonymous, file and shared memory, bytes */
};
RECORD_LAYOUT(resident_record);

/*
 * The task of an iterator is a pointer the verifier knows, so its fields are
 * read in place. That is a third of the price of task.h's copies, which count
 * here: this runs for every task of the node, many times a second.
 */
static __always_inline __u64 resident_in_place(struct mm_struct *mm)
{
	__s64 file, anon, shmem;
	__s64 old[4] = {};

	if (bpf_core_type_exists(struct mm_rss_stat)) {
		/* One copy of all four: verifiers before 6.2 refuse to look into an array of atomic_long_t. */
		bpf_probe_read_kernel(old, sizeof(old), (void *)mm +
				      bpf_core_field_offset(struct mm_struct___atomic, rss_stat) +
				      bpf_core_field_offset(struct mm_rss_stat, count));
		file = old[MM_FILEPAGES];
		anon = old[MM_ANONPAGES];
		shmem = old[MM_SHMEMPAGES];
	} else {
		file = mm->rss_stat[MM_FILEPAGES].count;
		anon = mm->rss_stat[MM_ANONPAGES].count;
		shmem = mm->rss_stat[MM_SHMEMPAGES].count;
	}
	/* Each may be a little below zero for a moment. */
	return ((file > 0 ? file : 0) + (anon > 0 ? anon : 0) + (shmem > 0 ? shmem : 0)) * page_size;
}

static __always_inline __u64 memory_id_in_place(struct css_set *cgroups)
{
	struct cgroup_subsys_state *css;
	struct cgroup *cgroup;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return 0;
	css = cgroups->subsys[bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)];
	if (!css)
		return 0;
	cgroup = css->cgroup;
	return cgroup->root->hierarchy_id ? cgroup->kn->id : 0;
}

SEC("iter/task")
int resident_memory(struct bpf_iter__task *ctx)
{
	struct resident_record record = {};
	struct task_struct *task = ctx->task;
	struct css_set *cgroups;
	struct mm_struct *mm;

	if (!task || task->pid != task->tgid)
		return 0;
	mm = task->mm;
	if (!mm)
		return 0;
	cgroups = task->cgroups;
	start_record(&record.header, RECORD_RESIDENT, sizeof(record));
	record.header.unified = cgroups->dfl_cgrp->kn->id;
	record.header.memory = memory_id_in_place(cgroups);
	record.header.pid = task->tgid;
	BPF_CORE_READ_INTO(&record.header.comm, task, comm);
	record.resident = resident_in_place(mm);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

char _license[] SEC("license") = "GPL";
