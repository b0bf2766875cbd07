"""The agent runs under runc as the chart's DaemonSet says: that user, those capabilities, no more."""

import re
import unittest

from container import Container, Sandbox, missing, status
from rendering import render, skip_or_fail


class InAContainer(unittest.TestCase):
    def setUp(self):
        reason = missing()
        if reason:
            skip_or_fail(self, reason)

    def start(self, values=None):
        sandbox = Sandbox()
        self.addCleanup(sandbox.remove)
        container = Container(render(values), sandbox)
        self.addCleanup(container.remove)
        container.until(container.pid)
        return container

    def metrics(self, container, *signs):
        """The metrics, once these are among them."""
        def found():
            _, text = container.get("/metrics")
            return text if all(sign in text for sign in signs) else None

        return container.until(found)

    def test_with_the_default_values_it_watches_everything_as_nobody_and_keeps_no_capability(self):
        container = self.start()
        up = 'tapio_sniffer_up{sniffer="%s"} 1'
        text = self.metrics(container, up % "cgroup", up % "ebpf", 'tapio_probe_attached{probe="dns"')
        attached = re.findall(r'tapio_probe_attached\{probe="(\w+)",kind="\w+"\} (\d)', text)
        self.assertIn(("dns", "1"), attached)
        self.assertGreaterEqual(len({probe for probe, _ in attached}), 9)
        self.assertEqual({state for _, state in attached}, {"1"})

        own = status(container.pid())
        self.assertEqual(set(own["Uid"].split()), {"65532"})
        self.assertEqual({own[name] for name in ["CapEff", "CapPrm", "CapInh", "CapAmb"]}, {"0" * 16})
        self.assertEqual((own["NoNewPrivs"], own["Seccomp"]), ("1", "2"))
        self.assertEqual(container.stop(), 0, container.said())

    def test_without_net_admin_all_but_the_probes_of_packets_are_attached(self):
        container = self.start("agent-only")
        text = self.metrics(container, 'tapio_sniffer_up{sniffer="ebpf"} 1')
        self.assertRegex(text, r'tapio_probe_attached\{probe="memory",kind="\w+"\} 1')
        self.assertEqual(container.stop(), 0, container.said())

    def test_as_root_it_has_the_same_capabilities_and_no_others(self):
        container = self.start("as-root")
        self.metrics(container, 'tapio_sniffer_up{sniffer="ebpf"} 1')
        own = status(container.pid())
        self.assertEqual(set(own["Uid"].split()), {"0"})
        # NET_ADMIN, PERFMON and BPF (include/uapi/linux/capability.h).
        self.assertEqual(int(own["CapBnd"], 16), 1 << 12 | 1 << 38 | 1 << 39)
        self.assertEqual(int(own["CapEff"], 16), 0)
        self.assertEqual(container.stop(), 0, container.said())
