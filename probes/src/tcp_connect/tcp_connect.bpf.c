// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * TCP connects as the client sees them. The one hook is the BTF tracepoint
 * sock:inet_sock_set_state, which fires on every change of state and on all
 * kernels since 4.16: no function to patch, nothing per packet. The change to
 * SYN_SENT happens inside connect(), in the caller's context: there the socket
 * is stamped with the time and with who calls. The change away from SYN_SENT,
 * often in softirq in somebody else's context, gives one record: how long the
 * handshake took, how it ended, both ends, and the stamped owner.
 */
#include "socket.h"

enum {
	LOST_RING_FULL = 0,
	LOST_NOT_STAMPED = 1,
	LOST_THINNED = 2,
};

struct tcp_connect_record {
	struct record_header header;
	__u64 took_ns;
	__u8 local[16];		/* IPv4 as ::ffff:a.b.c.d */
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u16 error;		/* errno of the failure, 0 when our side closed it */
	__u8 established;
	__u8 unused;
};
RECORD_LAYOUT(tcp_connect_record);

RECORD_RING(1 << 20);

/* Handshakes on their way, by socket. */
struct handshake {
	__u64 started_ns;
	__u64 unified;
	__u64 memory;
	__u64 pid;
	char comm[COMM_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct handshake);
} handshakes SEC(".maps");

static __always_inline int stamp(struct sock *sk)
{
	struct handshake handshake;
	struct table_key owner;
	__u64 key = (__u64)sk;

	key_of_caller(&owner, sk);
	handshake.unified = owner.unified;
	handshake.memory = owner.memory;
	handshake.pid = bpf_get_current_pid_tgid() >> 32;
	name_caller(handshake.comm);
	handshake.started_ns = bpf_ktime_get_ns();
	bpf_map_update_elem(&handshakes, &key, &handshake, BPF_ANY);
	return 0;
}

static __always_inline void fill(struct tcp_connect_record *record, const struct handshake *handshake)
{
	start_record(&record->header, RECORD_TCP_CONNECT, sizeof(*record));
	record->header.unified = handshake->unified;
	record->header.memory = handshake->memory;
	record->header.pid = handshake->pid;
	record->header.ns_pid = 0;
	__builtin_memcpy(record->header.comm, handshake->comm, COMM_LEN);
	record->took_ns = record->header.ktime_ns - handshake->started_ns;
}

/* skc_num is cleared before the change to CLOSE is told; inet_sport stays. */
static __always_inline __u16 local_port(struct sock *sk, bool established)
{
	struct inet_sock *inet = (void *)sk;

	return established ? sk->__sk_common.skc_num : __builtin_bswap16(BPF_CORE_READ(inet, inet_sport));
}

static __always_inline int finish(struct sock *sk, bool established)
{
	struct tcp_connect_record *record;
	struct handshake *handshake;
	__u64 key = (__u64)sk;

	handshake = bpf_map_lookup_elem(&handshakes, &key);
	if (!handshake) {
		count_lost(LOST_NOT_STAMPED);
		return 0;
	}
	/* A connect that failed is never left out. */
	if (established && is_thinned(&records, LOST_THINNED)) {
		bpf_map_delete_elem(&handshakes, &key);
		return 0;
	}
	record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record) {
		count_lost(LOST_RING_FULL);
		bpf_map_delete_elem(&handshakes, &key);
		return 0;
	}
	fill(record, handshake);
	bpf_map_delete_elem(&handshakes, &key);
	read_addresses(sk, record->local, record->remote);
	record->local_port = local_port(sk, established);
	record->remote_port = __builtin_bswap16(sk->__sk_common.skc_dport);
	record->established = established;
	record->error = established ? 0 : sk->sk_err;
	record->unused = 0;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

/* (const struct sock *sk, const int oldstate, const int newstate) */
SEC("tp_btf/inet_sock_set_state")
int tcp_connect(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int oldstate = (int)ctx[1];
	int newstate = (int)ctx[2];

	if (newstate != TCP_SYN_SENT && oldstate != TCP_SYN_SENT)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (newstate == TCP_SYN_SENT)
		return stamp(sk);
	if (newstate == TCP_ESTABLISHED || newstate == TCP_CLOSE)
		return finish(sk, newstate == TCP_ESTABLISHED);
	return 0;
}

char _license[] SEC("license") = "GPL";
