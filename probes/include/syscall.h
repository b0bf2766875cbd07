/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Which system call this is, and what kind of call. The numbers differ between
 * architectures, so src/calls.rs fills the table of kinds before the programs
 * are loaded.
 */
#ifndef TAPIO_SYSCALL_H
#define TAPIO_SYSCALL_H

#include "stamp.h"

/* Numbers at and above this are none of ours: 32-bit callers, and calls made up by a program. */
#define SYSCALLS 512
#define SYSCALL_32_BIT 512
#define SYSCALL_UNKNOWN 513

#define SYSCALL_TIMED 1		/* its latency is asked for */
#define SYSCALL_WAITS 2		/* ETIMEDOUT is its ordinary end */
#define SYSCALL_MAKES_TASKS 4	/* EAGAIN says that a limit is reached */
#define SYSCALL_READS 8		/* a file, by its descriptor */
#define SYSCALL_WRITES 16
#define SYSCALL_SYNCS 32

const volatile __u8 syscall_classes[SYSCALLS] = {};

#define TS_COMPAT 2		/* x86: thread_info.status */
#define TIF_32BIT 22		/* arm64: thread_info.flags */

static __always_inline bool is_32_bit(struct task_struct *task)
{
	if (bpf_core_field_exists(task->thread_info.status))
		return READ_TASK(task, thread_info.status) & TS_COMPAT;
	return READ_TASK(task, thread_info.flags) & (1UL << TIF_32BIT);
}

/* Of the call that `task` is at the end of. */
static __always_inline __u32 syscall_number(struct task_struct *task, struct pt_regs *regs)
{
	struct pt_regs___arm64 *arm64 = (void *)regs;
	__u32 number;

	if (is_32_bit(task))
		return SYSCALL_32_BIT;
	if (bpf_core_field_exists(regs->orig_ax))
		number = regs->orig_ax;
	else
		number = arm64->syscallno;
	return number < SYSCALLS ? number : SYSCALL_UNKNOWN;
}

/* Its first argument, at its end: the register itself may hold the result by then. */
static __always_inline unsigned long first_argument(struct pt_regs *regs)
{
	struct pt_regs___arm64 *arm64 = (void *)regs;

	if (bpf_core_field_exists(regs->orig_ax))
		return regs->di;
	return arm64->orig_x0;
}

static __always_inline __u8 syscall_class(__u32 number)
{
	/* Keeps the compiler from testing another register than the one that is used. */
	barrier_var(number);
	return number < SYSCALLS ? syscall_classes[number] : 0;
}

#endif
