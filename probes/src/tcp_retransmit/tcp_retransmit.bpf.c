// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Retransmitted segments and resets of TCP, by owner. The hooks are the BTF
 * tracepoints that fire on just those (tcp:tcp_retransmit_skb, ...), mostly
 * from timers and softirq: the owner is the socket's. sock:inet_sock_set_state
 * is there to note, in connect() and listen(), the memory cgroup that a socket
 * does not say; where memory is on cgroup v2 that costs nothing but the call.
 */
#include "owner.h"

enum {
	LOST_TABLE_FULL = 0,
};

/* Places in a row. */
enum {
	RETRANSMITS = 0,
	RESETS_SENT = 1,
	RESETS_RECEIVED = 2,
};

TABLE(troubles, four_counts, 2048, LOST_TABLE_FULL);

/* The callers of connect(), by socket, where the socket will not lead to them. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct table_key);
} callers SEC(".maps");

/* Spares the look-ups where there is nothing to find. */
static volatile __u32 callers_noted;

static __always_inline void key_of_any(struct table_key *key, struct sock *sk)
{
	__u64 address = (__u64)sk;
	struct table_key *caller = 0;

	if (callers_noted)
		caller = bpf_map_lookup_elem(&callers, &address);
	if (caller)
		*key = *caller;
	else
		key_of_socket(key, sk);
}

static __always_inline int add(const struct table_key *key, __u32 place, __u64 count)
{
	struct four_counts *row = troubles_row(key);

	if (row)
		__sync_fetch_and_add(&row->counts[place], count);
	return 0;
}

/*
 * (const struct sock *sk, const struct sk_buff *skb, ...); newer kernels tell it
 * also when the device refused the packet. One call may be many segments.
 */
SEC("tp_btf/tcp_retransmit_skb")
int tcp_retransmit(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct sk_buff *packet = (struct sk_buff *)ctx[1];
	struct table_key key = {};
	struct tcp_skb_cb *control = (void *)packet + bpf_core_field_offset(packet->cb);
	__u16 segments = BPF_CORE_READ(control, tcp_gso_segs);

	key_of_any(&key, sk);
	return add(&key, RETRANSMITS, segments ? segments : 1);
}

/* The second and later answers to a SYN. (const struct sock *sk, const struct request_sock *req), sk listens */
SEC("tp_btf/tcp_retransmit_synack")
int tcp_retransmit_synack(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct table_key key = {};

	key_of_any(&key, sk);
	return add(&key, RETRANSMITS, 1);
}

/*
 * (const struct sock *sk, const struct sk_buff *skb, ...). Where no socket is
 * meant, or one that has been left to TIME_WAIT, nobody is the owner: the ids
 * are 0.
 */
SEC("tp_btf/tcp_send_reset")
int tcp_send_reset(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct table_key key = {};

	if (sk) {
		__u8 state = sk->__sk_common.skc_state;

		if (state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV)
			key_of_any(&key, sk);
	}
	return add(&key, RESETS_SENT, 1);
}

/* (struct sock *sk) */
SEC("tp_btf/tcp_receive_reset")
int tcp_receive_reset(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct table_key key = {};

	key_of_any(&key, sk);
	return add(&key, RESETS_RECEIVED, 1);
}

/* (const struct sock *sk, const int oldstate, const int newstate) */
SEC("tp_btf/inet_sock_set_state")
int tcp_retransmit_owner(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int newstate = (int)ctx[2];
	struct table_key owner = {};
	__u64 key = (__u64)sk;

	if (newstate != TCP_CLOSE && newstate != TCP_SYN_SENT && newstate != TCP_LISTEN)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (newstate == TCP_LISTEN) {
		note_listen_call(sk);
		return 0;
	}
	if (newstate == TCP_CLOSE) {
		if (callers_noted)
			bpf_map_delete_elem(&callers, &key);
		return 0;
	}
	if (note_caller(&owner, sk)) {
		bpf_map_update_elem(&callers, &key, &owner, BPF_ANY);
		callers_noted = 1;
	}
	return 0;
}

char _license[] SEC("license") = "GPL";
