"""Addresses and ports of a job."""

import socket

import pytest

from srdist.cluster import rendezvous
from srdist.cluster.rendezvous import (
    FIRST_PORT,
    PORTS,
    free_port,
    free_ports,
    interface_address,
    named_address,
    node_address,
)
from srdist.errors import UserError


def test_jobs_that_follow_each_other_do_not_meet():
    firsts = [free_ports(job, 2) for job in range(7000, 7010)]
    assert len({port for first in firsts for port in (first, first + 1)}) == 20
    assert all(FIRST_PORT <= first < FIRST_PORT + PORTS for first in firsts)


def test_a_taken_port_is_passed_over():
    first = free_ports(4242, 2)
    with socket.socket() as other:
        other.bind(("", first + 1))
        other.listen()
        assert free_ports(4242, 2) > first + 1


def test_trainings_that_begin_together_hardly_ever_meet():
    ports = [free_port() for _ in range(20)]
    assert all(FIRST_PORT <= port < FIRST_PORT + PORTS for port in ports)
    assert len(set(ports)) > 15


def test_no_port_is_left(monkeypatch):
    monkeypatch.setattr(rendezvous, "_is_free", lambda port: False)
    with pytest.raises(UserError, match="no 2 free ports from 20000 to 32000"):
        free_ports(1, 2)


def test_the_address_of_an_interface():
    assert interface_address("lo") == "127.0.0.1"


def test_an_unknown_interface_names_those_that_exist():
    with pytest.raises(UserError, match=r"interface ib7 has no address .*set INTERFACE in site.env; known here: .*lo"):
        interface_address("ib7")


def test_the_configured_interface_decides(monkeypatch):
    monkeypatch.setenv("SRDIST_INTERFACE", "lo")
    assert node_address() == "127.0.0.1"


def test_a_name_that_leads_nowhere_takes_the_address_that_slurm_uses(slurm):
    assert named_address("no-such-node.invalid") == "192.0.2.77"


def test_a_name_that_leads_nowhere_and_no_slurm(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="no-such-node.invalid leads to no address -- set INTERFACE"):
        named_address("no-such-node.invalid")
