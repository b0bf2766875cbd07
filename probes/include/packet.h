/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Packets as cgroup_skb programs see them: they start at the network header.
 * The contexts are uapi (include/uapi/linux/bpf.h), the same on all kernels,
 * so their offsets are fixed here and not looked up.
 */
#ifndef TAPIO_PACKET_H
#define TAPIO_PACKET_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>

struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 mark;
	__u32 priority;
	__u32 src_ip4;
	__u32 src_ip6[4];
	__u32 src_port;		/* host byte order */
	__be16 dst_port;	/* 0 while the socket is not connected */
	__u16 zero;
	__u32 dst_ip4;
	__u32 dst_ip6[4];
};

struct __sk_buff {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
	__u32 queue_mapping;
	__u32 protocol;		/* network byte order */
	__u32 vlan[3];
	__u32 priority;
	__u32 ingress_ifindex;
	__u32 ifindex;
	__u32 tc_index;
	__u32 cb[5];
	__u32 hash;
	__u32 tc_classid;
	__u32 data;
	__u32 data_end;
	__u32 napi_id;
	__u32 sk_skb[12];
	__u32 data_meta;
	__u64 flow_keys;
	__u64 tstamp;
	__u32 wire_len;
	__u32 gso_segs;
	struct bpf_sock *sk;
};

struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port;	/* network byte order */
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 msg_src_ip4;
	__u32 msg_src_ip6[4];
	struct bpf_sock *sk;
};

/* Known to the verifier by its name. */
struct bpf_spin_lock {
	__u32 val;
};

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define net16(constant) ((__be16)__builtin_bswap16(constant))

/* RFC 791 */
struct ipv4_header {
	__u8 version_and_words;
	__u8 service;
	__be16 len;
	__be16 id;
	__be16 fragment;
	__u8 hops;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

/* RFC 8200 */
struct ipv6_header {
	__be32 version_and_flow;
	__be16 payload_len;
	__u8 next;
	__u8 hops;
	__u8 source[16];
	__u8 destination[16];
};

enum {
	IPV6_HOP_BY_HOP = 0,
	IPV6_ROUTING = 43,
	IPV6_DESTINATION = 60,
};

/* Extension headers that are passed over; a packet with more is left alone. */
#define MOST_EXTENSIONS 4

/* Where a packet's transport header is, and the first four bytes of it. */
struct transport {
	__u32 at;
	__u8 protocol;
	__be16 source;
	__be16 destination;
};

static __always_inline bool read_ports(struct transport *found, void *data, void *end)
{
	__be16 *ports = data + found->at;

	if ((void *)(ports + 2) > end)
		return false;
	found->source = ports[0];
	found->destination = ports[1];
	return true;
}

static __always_inline bool pass_extensions(struct transport *found, void *data, void *end)
{
	int i;

	for (i = 0; i < MOST_EXTENSIONS; i++) {
		__u8 *extension = data + found->at;

		if (found->protocol != IPV6_HOP_BY_HOP && found->protocol != IPV6_ROUTING &&
		    found->protocol != IPV6_DESTINATION)
			break;
		if ((void *)(extension + 2) > end)
			return false;
		found->protocol = extension[0];
		found->at += (extension[1] + 1) * 8;
	}
	return true;
}

/*
 * False for what is neither TCP nor UDP, for all fragments but the first, and
 * for headers that the kernel does not hold in one piece, which those of TCP
 * and UDP are when a socket sees them.
 */
static __always_inline bool find_transport(struct transport *found, struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (skb->protocol == net16(ETH_P_IP)) {
		struct ipv4_header *ip = data;

		if ((void *)(ip + 1) > end || ip->fragment & net16(0x1fff))
			return false;
		found->protocol = ip->protocol;
		found->at = (ip->version_and_words & 0xf) * 4;
	} else if (skb->protocol == net16(ETH_P_IPV6)) {
		struct ipv6_header *ip = data;

		if ((void *)(ip + 1) > end)
			return false;
		found->protocol = ip->next;
		found->at = sizeof(*ip);
		if (found->protocol != IPPROTO_UDP && found->protocol != IPPROTO_TCP &&
		    !pass_extensions(found, data, end))
			return false;
	} else {
		return false;
	}
	if (found->protocol != IPPROTO_UDP && found->protocol != IPPROTO_TCP)
		return false;
	return read_ports(found, data, end);
}

#endif
