// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
/*
 * Bytes and packets by cgroup, and with how many others it talks. The hooks are
 * the packets of sockets at the root of the cgroup2 hierarchy: there the socket,
 * and so the owner, is known whatever task happens to run. Each packet is added
 * to its cgroup's row. A flow, which is a peer's address and port and a protocol,
 * adds one to the flows of its cgroup when it is first seen in an epoch. No
 * packet is ever dropped here: the programs return 1.
 */
#include "packet.h"
#include "table.h"

#define PASS 1

enum {
	LOST_TABLE_FULL = 0,
	LOST_FLOW = 1,
};

/* Places in a row of `traffic`. */
enum {
	BYTES_SENT = 0,
	BYTES_RECEIVED = 1,
	PACKETS_SENT = 2,
	PACKETS_RECEIVED = 3,
};

TABLE(traffic, four_counts, 4096, LOST_TABLE_FULL);
/* sub: epoch. */
TABLE(active, one_count, 4096, LOST_TABLE_FULL);

struct flow {
	__u64 unified;
	__u8 peer[16];		/* IPv4 as ::ffff:a.b.c.d */
	__be16 port;
	__u8 protocol;
	__u8 unused[5];
};

/* The epoch in which a flow was last seen. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct flow);
	__type(value, __u32);
} flows SEC(".maps");

/* Softirqs come in between the steps of a plain addition. */
static __always_inline void add(__u64 *to, __u64 count)
{
	__sync_fetch_and_add(to, count);
}

static __always_inline bool read_peer(struct flow *flow, struct __sk_buff *skb, bool sent)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct transport transport = {};

	if (!find_transport(&transport, skb))
		return false;
	flow->protocol = transport.protocol;
	flow->port = sent ? transport.destination : transport.source;
	if (skb->protocol == net16(ETH_P_IP)) {
		struct ipv4_header *ip = data;

		if ((void *)(ip + 1) > end)
			return false;
		flow->peer[10] = 0xff;
		flow->peer[11] = 0xff;
		__builtin_memcpy(flow->peer + 12, sent ? &ip->destination : &ip->source, 4);
	} else {
		struct ipv6_header *ip = data;

		if ((void *)(ip + 1) > end)
			return false;
		__builtin_memcpy(flow->peer, sent ? ip->destination : ip->source, 16);
	}
	return true;
}

/* Two CPUs that see a flow's first packets at once may both count it. */
static __always_inline bool is_first_in(const struct flow *flow, __u32 epoch)
{
	__u32 *seen = bpf_map_lookup_elem(&flows, flow);

	if (seen && *seen == epoch)
		return false;
	if (seen)
		*seen = epoch;
	else if (bpf_map_update_elem(&flows, flow, &epoch, BPF_ANY))
		count_lost(LOST_FLOW);
	return true;
}

static __always_inline void count_flow(struct table_key *key, struct __sk_buff *skb, bool sent)
{
	struct flow flow = {};
	struct one_count *row;
	__u32 epoch = epoch_now();

	if (!read_peer(&flow, skb, sent))
		return;
	flow.unified = key->unified;
	if (!is_first_in(&flow, epoch))
		return;
	key->sub[0] = epoch;
	row = active_row(key);
	if (row)
		add(&row->count, 1);
}

static __always_inline int count_packet(struct __sk_buff *skb, bool sent)
{
	struct table_key key = {};
	struct four_counts *row;

	key.unified = bpf_skb_cgroup_id(skb);
	/* A socket that is not whole yet (a handshake), or is on its way out. */
	if (!key.unified)
		return PASS;
	row = traffic_row(&key);
	if (row) {
		add(&row->counts[sent ? BYTES_SENT : BYTES_RECEIVED], skb->len);
		/* One buffer may stand for many packets that the network card cuts or has joined. */
		add(&row->counts[sent ? PACKETS_SENT : PACKETS_RECEIVED], skb->gso_segs ? skb->gso_segs : 1);
	}
	count_flow(&key, skb, sent);
	return PASS;
}

SEC("cgroup_skb/egress")
int flow_sent(struct __sk_buff *skb)
{
	return count_packet(skb, true);
}

SEC("cgroup_skb/ingress")
int flow_received(struct __sk_buff *skb)
{
	return count_packet(skb, false);
}

char _license[] SEC("license") = "GPL";
