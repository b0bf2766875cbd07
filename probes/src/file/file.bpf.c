// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Reads, writes and syncs of files that take long, by cgroup. The hooks are the
 * BTF tracepoints of system calls: sys_enter stamps the calls of these kinds,
 * sys_exit compares. What the descriptor stands for is looked up for the slow
 * ones alone: a pipe, a socket or a terminal that makes its reader wait is not
 * slow. One row a cgroup and kind, nothing per call leaves the kernel.
 */
#include "syscall.h"

#define FILE_CALLS (SYSCALL_READS | SYSCALL_WRITES | SYSCALL_SYNCS)

/* include/uapi/linux/stat.h */
#define S_IFMT 0170000
#define S_IFBLK 0060000
#define S_IFREG 0100000

/* include/uapi/linux/magic.h */
#define PROC_SUPER_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP_SUPER_MAGIC 0x27e0eb
#define CGROUP2_SUPER_MAGIC 0x63677270

enum {
	LOST_NO_STORAGE = 0,
	LOST_TABLE_FULL = 1,
};

/* A call that takes less is not slow. */
const volatile __u64 slow_ns = 10000000;

/* When the task entered a call of these kinds; 0 outside. */
STAMPS(entered);

/* sub: the one of FILE_CALLS. */
TABLE(slow, log2_histogram, 4096, LOST_TABLE_FULL);

/* Switches of the kernel look like files: joining a cgroup is a write that often takes long. */
static __always_inline bool is_made_up(unsigned long magic)
{
	return magic == PROC_SUPER_MAGIC || magic == SYSFS_MAGIC || magic == CGROUP_SUPER_MAGIC ||
	       magic == CGROUP2_SUPER_MAGIC;
}

/* NULL where there is none, such as after another thread closed it. */
static __always_inline struct inode *inode_of(struct task_struct *task, unsigned int descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **open = BPF_CORE_READ(table, fd), *file = 0;

	if (descriptor >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), open + descriptor);
	return file ? BPF_CORE_READ(file, f_inode) : 0;
}

/* True for regular files and block devices, whatever keeps them. */
static __always_inline bool is_file(struct inode *inode)
{
	unsigned short type;

	if (!inode)
		return false;
	type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type == S_IFREG)
		return !is_made_up(BPF_CORE_READ(inode, i_sb, s_magic));
	return type == S_IFBLK;
}

static __always_inline void count_slow(__u8 kind, __u64 took_ns)
{
	struct table_key key = {};
	struct log2_histogram *row;

	key_of_current(&key);
	key.sub[0] = kind;
	row = slow_row(&key);
	if (row)
		histogram_add(row, took_ns);
}

/* (struct pt_regs *regs, long id) */
SEC("tp_btf/sys_enter")
int file_enter(__u64 *ctx)
{
	__u64 *since;

	if (!(syscall_class(ctx[1]) & FILE_CALLS))
		return 0;
	since = entered_of(current_task(), STAMP_CREATE);
	if (since)
		*since = bpf_ktime_get_ns();
	else
		count_lost(LOST_NO_STORAGE);
	return 0;
}

/* (struct pt_regs *regs, long ret) */
SEC("tp_btf/sys_exit")
int file_exit(__u64 *ctx)
{
	struct task_struct *task = current_task();
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	__u8 kind = syscall_class(syscall_number(task, regs)) & FILE_CALLS;
	__u64 *since, took_ns;

	if (!kind)
		return 0;
	since = entered_of(task, 0);
	if (!since || !*since)
		return 0;
	took_ns = bpf_ktime_get_ns() - *since;
	*since = 0;
	if (took_ns >= slow_ns && is_file(inode_of(task, first_argument(regs))))
		count_slow(kind, took_ns);
	return 0;
}

char _license[] SEC("license") = "GPL";
