"""Where the processes of a Slurm job or of a training meet: an address, and a port that nobody uses there.

`python -m srdist.cluster.rendezvous`, on the first node of a job, prints both.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
import struct
import sys

from srdist.cluster.slurm import call
from srdist.errors import UserError

INTERFACE = "SRDIST_INTERFACE"
"""Environment variable with the network interface between nodes; empty: the one that the node's name leads to."""
FIRST_PORT, PORTS, STEP = 20000, 12000, 4
"""Ports of jobs and trainings: below those that the kernel hands out itself (from 32768), which it might give to
somebody else before they are used."""


def node_address() -> str:
    """Return the address by which other nodes reach this one.

    Raises:
        UserError: this node lacks the configured interface, or it has no address.
    """
    interface = os.environ.get(INTERFACE)
    return interface_address(interface) if interface else named_address(os.environ["SLURMD_NODENAME"])


def interface_address(interface: str) -> str:
    """Return the IPv4 address of one of this machine's network interfaces.

    Raises:
        UserError: there is no such interface, or it has no address.
    """
    get_address = 0x8915  # SIOCGIFADDR
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            request = fcntl.ioctl(probe, get_address, struct.pack("256s", interface[:15].encode()))
        except OSError as error:
            known = ", ".join(name for _, name in socket.if_nameindex())
            what = f"network interface {interface} has no address on node {socket.gethostname()} ({error.strerror})"
            raise UserError(what, cure=f"set INTERFACE in site.env; known here: {known}") from None
    return socket.inet_ntoa(request[20:24])


def named_address(node: str) -> str:
    """Return the address that this node's name leads to; where it leads nowhere, the one that Slurm uses for it.

    Raises:
        UserError: neither is known.
    """
    try:
        address = socket.gethostbyname(node)
    except OSError:
        return _slurm_address(node)
    return _outgoing_address() or address if address.startswith("127.") else address


def _slurm_address(node: str) -> str:
    try:
        found = re.search(r"\bNodeAddr=(\S+)", call("scontrol", "show", "node", node))
    except UserError:
        found = None
    if not found:
        raise UserError(f"the name of node {node} leads to no address", cure="set INTERFACE in site.env")
    return found[1]


def _outgoing_address() -> str | None:
    """Return the address that packets to other machines carry: some give their own name a loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


def free_ports(number: int, count: int) -> int:
    """Return the first of `count` consecutive TCP ports that nobody uses on this machine.

    The search starts at a port that follows from a number, a job's id for instance, so that jobs on one machine do not
    meet.

    Raises:
        UserError: all are taken.
    """
    for attempt in range(PORTS // STEP):
        first = FIRST_PORT + (number + attempt) * STEP % PORTS
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise UserError(f"no {count} free ports from {FIRST_PORT} to {FIRST_PORT + PORTS} on {socket.gethostname()}")


def free_port() -> int:
    """Return a TCP port that nobody uses on this machine; those of trainings that begin together hardly ever meet.

    Raises:
        UserError: all are taken.
    """
    return free_ports(secrets.randbelow(PORTS), 1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def main() -> int:
    """Print address and port for `MASTER_ADDR` and `MASTER_PORT`."""
    try:
        print(node_address(), free_ports(int(os.environ["SLURM_JOB_ID"]), 1))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
