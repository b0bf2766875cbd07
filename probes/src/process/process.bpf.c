// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Programs that start and processes that end. Two BTF tracepoints:
 * sched:sched_process_exec, after the new program is in place, and
 * sched:sched_process_exit, in the context of each thread that ends, while its
 * cgroups can still be read. Both run in the process's own context. One record
 * an exec: the file. One record a process that ends, not one a thread: its exit
 * code or signal and how long it lived.
 */
#include "task.h"

#define FILE_LEN 128
#define SIGNAL_GROUP_EXIT 4

enum {
	LOST_EXEC = 0,
	LOST_EXIT = 1,
	LOST_EXEC_THINNED = 2,
};

struct exec_record {
	struct record_header header;
	char file[FILE_LEN];	/* ends with NUL, cut at 127 bytes */
};
RECORD_LAYOUT(exec_record);

struct exit_record {
	struct record_header header;
	__u64 lived_ns;
	__u8 code;
	__u8 signal;
	__u8 unused[6];
};
RECORD_LAYOUT(exit_record);

RECORD_RING(512 << 10);

struct process_key {
	__u64 start_time;
	__u64 pid;
};

/* Processes with threads that were told of: two last threads may end at once. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct process_key);
	__type(value, __u8);
} ended SEC(".maps");

/* (struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm) */
SEC("tp_btf/sched_process_exec")
int process_exec(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct linux_binprm *bprm = (struct linux_binprm *)ctx[2];
	struct exec_record *record;

	if (is_thinned(&records, LOST_EXEC_THINNED))
		return 0;
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		count_lost(LOST_EXEC);
		return 0;
	}
	start_record(&record->header, RECORD_EXEC, sizeof(*record));
	name_task(&record->header, task);
	record->file[0] = 0;
	bpf_probe_read_kernel_str(record->file, sizeof(record->file), BPF_CORE_READ(bprm, filename));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline bool is_told(struct task_struct *leader, struct signal_struct *signal)
{
	struct process_key key = {};
	__u8 yes = 1;

	if (BPF_CORE_READ(signal, nr_threads) <= 1)
		return false;
	key.start_time = BPF_CORE_READ(leader, start_time);
	key.pid = BPF_CORE_READ(leader, tgid);
	return bpf_map_update_elem(&ended, &key, &yes, BPF_NOEXIST) != 0;
}

/* As wait(2) gives it: the group's when all were ended together, else the leader's. */
static __always_inline int wait_status(struct task_struct *leader, struct signal_struct *signal)
{
	if (BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(signal, group_exit_code);
	return BPF_CORE_READ(leader, exit_code);
}

/* (struct task_struct *task), since 6.16 also (bool group_dead) */
SEC("tp_btf/sched_process_exit")
int process_exit(__u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct exit_record *record;
	int status;

	if (BPF_CORE_READ(signal, live.counter) != 0 || is_told(leader, signal))
		return 0;
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		count_lost(LOST_EXIT);
		return 0;
	}
	start_record(&record->header, RECORD_EXIT, sizeof(*record));
	name_task(&record->header, task);
	record->lived_ns = record->header.ktime_ns - BPF_CORE_READ(leader, start_time);
	status = wait_status(leader, signal);
	record->code = (status >> 8) & 0xff;
	record->signal = status & 0x7f;
	__builtin_memset(record->unused, 0, sizeof(record->unused));
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

char _license[] SEC("license") = "GPL";
