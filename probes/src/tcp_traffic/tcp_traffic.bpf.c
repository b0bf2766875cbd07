// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Bytes, round-trip times and lifetimes of TCP connections, by owner. Nothing
 * runs per packet: the kernel counts bytes in every socket, and they are read
 * when it closes (BTF tracepoint sock:inet_sock_set_state) and, for those that
 * live long, by a walk over the open files of all processes, the only iterator
 * that sees the sockets of every network namespace. What a walk has counted is
 * noted, so that the close counts the rest.
 */
#include "owner.h"

/* Bit of skc_flags: the other side's FIN has come. include/net/sock.h */
#define SOCK_DONE 1

enum {
	LOST_TOO_MANY = 0,
	LOST_TABLE_FULL = 1,
};

/* Values of sub[0] in `times`. */
enum {
	TIMES_RTT = 0,
	TIMES_LIFE = 1,
};

TABLE(traffic, four_counts, 2048, LOST_TABLE_FULL);
TABLE(times, log2_histogram, 2048, LOST_TABLE_FULL);

struct connection {
	struct table_key owner;
	__u64 since_ns;		/* ESTABLISHED; 0 when that was before this was loaded */
	__u64 sent;		/* already counted */
	__u64 received;		/* already counted */
	__u64 ours;		/* made by connect() */
};

/*
 * Live connections, by socket. Not LRU: forgetting what was counted would count
 * it twice. One that finds no room is counted at its close alone.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct connection);
} connections SEC(".maps");

/* What a socket says. */
struct reading {
	__u64 acked;
	__u64 received;
	__u64 flags;
	__u32 unacked;		/* sequence number of the first byte that is not */
	__u32 end;		/* sequence number after the last byte written */
	__u32 srtt_us;		/* times 8 */
	__u32 state;
};

static volatile __u32 has_walked;

static __always_inline void note(struct sock *sk, const struct connection *connection, __u64 how)
{
	__u64 key = (__u64)sk;

	if (bpf_map_update_elem(&connections, &key, connection, how) && how == BPF_ANY)
		count_lost(LOST_TOO_MANY);
}

static __always_inline bool has_sent_fin(__u32 state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING || state == TCP_LAST_ACK;
}

/* bytes_acked counts the SYN of a connect() and an acknowledged FIN as well. */
static __always_inline __u64 sent(const struct reading *reading, bool ours)
{
	__u64 flags = ours;

	if (has_sent_fin(reading->state) && reading->unacked == reading->end)
		flags += 1;
	return reading->acked > flags ? reading->acked - flags : 0;
}

/* bytes_received counts the FIN as well. */
static __always_inline __u64 received(const struct reading *reading)
{
	__u64 flags = reading->flags >> SOCK_DONE & 1;

	return reading->received > flags ? reading->received - flags : 0;
}

static __always_inline void add_time(struct table_key *owner, __u32 which, __u64 ns)
{
	struct log2_histogram *row;

	owner->sub[0] = which;
	row = times_row(owner);
	if (row)
		histogram_add(row, ns);
	owner->sub[0] = 0;
}

/* Counts what was not yet counted; true when that is anything. Atomic: a close in softirq may interrupt a walk. */
static __always_inline bool settle(struct connection *connection, const struct reading *reading)
{
	__u64 now_sent = sent(reading, connection->ours), now_received = received(reading);
	__s64 more_sent = now_sent - connection->sent, more_received = now_received - connection->received;
	struct four_counts *row;

	if (more_sent <= 0 && more_received <= 0)
		return false;
	if (more_sent > 0)
		connection->sent = now_sent;
	if (more_received > 0)
		connection->received = now_received;
	row = traffic_row(&connection->owner);
	if (!row)
		return true;
	if (more_sent > 0)
		__sync_fetch_and_add(&row->counts[0], more_sent);
	if (more_received > 0)
		__sync_fetch_and_add(&row->counts[1], more_received);
	return true;
}

/* SYN_SENT, in connect(): what the socket will not say later. */
static __always_inline int connecting(struct sock *sk)
{
	struct connection connection = { .ours = 1 };

	if (note_caller(&connection.owner, sk))
		note(sk, &connection, BPF_ANY);
	return 0;
}

static __always_inline int connected(struct sock *sk)
{
	struct connection connection = { .ours = 1 }, *noted;
	__u64 key = (__u64)sk;

	noted = bpf_map_lookup_elem(&connections, &key);
	if (noted) {
		noted->since_ns = bpf_ktime_get_ns();
		return 0;
	}
	key_of_socket(&connection.owner, sk);
	connection.since_ns = bpf_ktime_get_ns();
	note(sk, &connection, BPF_ANY);
	return 0;
}

static __always_inline int accepted(struct sock *sk)
{
	struct connection connection = { .since_ns = bpf_ktime_get_ns() };
	struct four_counts *row;

	key_of_socket(&connection.owner, sk);
	note(sk, &connection, BPF_ANY);
	row = traffic_row(&connection.owner);
	if (row)
		__sync_fetch_and_add(&row->counts[2], 1);
	return 0;
}

static __always_inline int closed(struct sock *sk, __u32 state)
{
	struct connection connection = {}, *noted;
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct reading reading = { .state = state };
	__u64 key = (__u64)sk;

	if (!tcp)
		return 0;
	noted = bpf_map_lookup_elem(&connections, &key);
	if (noted)
		connection = *noted;
	else
		key_of_socket(&connection.owner, sk);
	reading.acked = tcp->bytes_acked;
	reading.received = tcp->bytes_received;
	reading.unacked = tcp->snd_una;
	reading.end = tcp->write_seq;
	reading.srtt_us = tcp->srtt_us;
	reading.flags = sk->__sk_common.skc_flags;
	settle(&connection, &reading);
	if (reading.srtt_us)
		add_time(&connection.owner, TIMES_RTT, reading.srtt_us * 125ULL);
	if (connection.since_ns)
		add_time(&connection.owner, TIMES_LIFE, bpf_ktime_get_ns() - connection.since_ns);
	if (noted)
		bpf_map_delete_elem(&connections, &key);
	return 0;
}

/* (const struct sock *sk, const int oldstate, const int newstate) */
SEC("tp_btf/inet_sock_set_state")
int tcp_traffic(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int oldstate = (int)ctx[1];
	int newstate = (int)ctx[2];
	__u64 key = (__u64)sk;

	if (newstate != TCP_ESTABLISHED && newstate != TCP_CLOSE && newstate != TCP_SYN_SENT && newstate != TCP_LISTEN)
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (newstate == TCP_SYN_SENT)
		return connecting(sk);
	if (newstate == TCP_LISTEN) {
		note_listen_call(sk);
		return 0;
	}
	if (newstate == TCP_ESTABLISHED)
		return oldstate == TCP_SYN_SENT ? connected(sk) : accepted(sk);
	if (oldstate == TCP_CLOSE || oldstate == TCP_LISTEN)
		return 0;
	if (oldstate == TCP_SYN_SENT) {
		bpf_map_delete_elem(&connections, &key);
		return 0;
	}
	return closed(sk, oldstate);
}

static __always_inline void read_copied(struct reading *reading, struct sock *sk)
{
	struct tcp_sock *tcp = (void *)sk;

	reading->acked = BPF_CORE_READ(tcp, bytes_acked);
	reading->received = BPF_CORE_READ(tcp, bytes_received);
	reading->unacked = BPF_CORE_READ(tcp, snd_una);
	reading->end = BPF_CORE_READ(tcp, write_seq);
	reading->srtt_us = BPF_CORE_READ(tcp, srtt_us);
	reading->flags = BPF_CORE_READ(sk, __sk_common.skc_flags);
}

/* The first walk finds what was there before: what it sent until now is not counted. */
static __always_inline void take_in(struct sock *sk, struct task_struct *task, const struct reading *reading)
{
	struct connection connection = {};

	key_of_open(&connection.owner, sk, task);
	connection.sent = sent(reading, false);
	connection.received = received(reading);
	note(sk, &connection, BPF_NOEXIST);
}

static __always_inline void take_in_listener(struct sock *sk, struct task_struct *task)
{
	__u64 said = socket_cgroup_copied(sk);
	struct port_key port = {};
	struct table_key owner = {};

	key_of_open(&owner, sk, task);
	if (!owner.memory && said > 1)
		return;
	note_companion(said, owner.memory);
	port.net = (__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net);
	port.port = BPF_CORE_READ(sk, __sk_common.skc_num);
	note_listener(&port, said, &owner);
}

SEC("iter/task_file")
int tcp_traffic_walk(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct connection *connection;
	struct reading reading = {};
	struct sock *sk;
	__u64 key;

	if (!task || !file) {
		has_walked = 1;
		return 0;
	}
	sk = tcp_socket_of(file);
	if (!sk)
		return 0;
	reading.state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (reading.state == TCP_LISTEN && !has_walked)
		take_in_listener(sk, task);
	if (reading.state == TCP_LISTEN || reading.state == TCP_CLOSE || reading.state == TCP_SYN_SENT)
		return 0;
	key = (__u64)sk;
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection && has_walked)
		return 0;
	read_copied(&reading, sk);
	if (!connection)
		take_in(sk, task, &reading);
	else if (settle(connection, &reading) && reading.srtt_us)
		add_time(&connection->owner, TIMES_RTT, reading.srtt_us * 125ULL);
	return 0;
}

char _license[] SEC("license") = "GPL";
