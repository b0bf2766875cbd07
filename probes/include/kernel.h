/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * The few kernel types the probes read, cut by hand. Only names and types
 * count here: preserve_access_index makes the loader look up every offset in
 * the running kernel's BTF, so order, padding and the fields left out do not
 * matter. Names ending in ___<flavour> are other shapes of the same kernel
 * type; the suffix is cut off before the look-up.
 */
#ifndef TAPIO_KERNEL_H
#define TAPIO_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0

/* include/uapi/linux/bpf.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};
enum {
	BPF_RB_NO_WAKEUP = 1,
};
enum {
	BPF_RB_AVAIL_DATA = 0,
	BPF_RB_RING_SIZE = 1,
};

/* Only asked for whether the kernel has them: 5.11. */
enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/kernfs.h; id is a plain u64 since 5.5 */
struct kernfs_node {
	__u64 id;
};

/* include/linux/cgroup-defs.h */
struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

/* include/linux/cgroup_subsys.h; the value depends on the kernel's config */
enum cgroup_subsys_id {
	memory_cgrp_id = 4,
};

/* A pointer of its own since 5.15, before that a tagged word. */
struct sock_cgroup_data {
	struct cgroup *cgroup;
};

struct sock_cgroup_data___tagged {
	__u64 val;
};

typedef struct {
	long counter;
} atomic_long_t;

typedef struct {
	int counter;
} atomic_t;

/* include/linux/page_counter.h, mm/memcontrol.c */
struct page_counter {
	atomic_long_t usage;
	unsigned long max;
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	struct page_counter memsw;
};

/* include/linux/mm_types.h: per-CPU counters since 6.2, atomics before */
struct percpu_counter {
	__s64 count;
};

struct mm_struct {
	struct percpu_counter rss_stat[4];
};

struct mm_rss_stat {
	atomic_long_t count[4];
};

struct mm_struct___atomic {
	struct mm_rss_stat rss_stat;
};

/* include/linux/pid.h */
struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

/* include/linux/sched/signal.h */
struct signal_struct {
	atomic_t live;
	int nr_threads;
	int group_exit_code;
	unsigned int flags;
};

/* arch/(x86,arm64)/include/asm/thread_info.h; status is x86's */
struct thread_info {
	unsigned long flags;
	__u32 status;
};

/* arch/(x86,arm64)/include/asm/ptrace.h */
struct pt_regs {
	unsigned long orig_ax;
	unsigned long di;
};

struct pt_regs___arm64 {
	int syscallno;
	__u64 orig_x0;
};

/* include/linux/fs.h, include/linux/fdtable.h */
struct super_block {
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

/* include/linux/sched.h */
struct task_struct {
	struct thread_info thread_info;
	int pid;
	int tgid;
	int exit_code;
	__u64 start_time;
	char comm[16];
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct mm_struct *mm;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct files_struct *files;
	unsigned int __state;
};

/* Before 5.14. */
struct task_struct___state {
	long state;
};

/* include/linux/binfmts.h */
struct linux_binprm {
	const char *filename;
};

/* include/net/sock.h, include/net/inet_sock.h */
struct in6_addr {
	__u8 in6_u[16];
};

struct net;

struct sock_common {
	volatile unsigned char skc_state;
	struct {
		struct net *net;
	} skc_net;
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	__u16 sk_protocol;
	atomic_t sk_drops;
	struct sock_cgroup_data sk_cgrp_data;
};

struct inet_sock {
	__be16 inet_sport;
};

/* include/linux/tcp.h, include/net/tcp.h, include/net/request_sock.h */
struct tcp_sock {
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 snd_una;
	__u32 write_seq;
	__u32 srtt_us;
};

struct tcp_skb_cb {
	__u16 tcp_gso_segs;
};

struct sk_buff {
	char cb[48];
};

struct request_sock {
	struct sock *rsk_listener;
};

/* include/linux/net.h, include/linux/fs.h */
struct socket {
	struct sock *sk;
};

/* include/linux/bpf.h, kernel/bpf/task_iter.c */
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

#pragma clang attribute pop

/* Members of rss_stat; include/linux/mm_types_task.h */
enum {
	MM_FILEPAGES = 0,
	MM_ANONPAGES = 1,
	MM_SHMEMPAGES = 3,
};

#endif
