"""Hosts of their own, as far as the network goes: namespaces, joined by a bridge inside one more.

None of their addresses is one of this machine. From outside, the balancer and the database are
reached by Unix sockets, as files are shared.
"""

import csv
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

IP = shutil.which("ip") or "/usr/sbin/ip"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
PREFIX = "activity"
BALANCER = "10.213.0.1"
DATABASE_PORT = 5432
SERVICE_PORT = 8000
START_SECONDS = 10.0
STILL_SECONDS = 0.3  # the balancer does not give a host up so soon

CONFIG = """
global
    log stderr format raw daemon warning
    stats socket {folder}/stats.sock
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option redispatch
    retries 2

frontend clients
    bind unix@{folder}/balancer.sock
    default_backend hosts

backend hosts
    balance leastconn
    option httpchk
    http-check send meth GET uri /health/ready ver HTTP/1.1 hdr Host balancer
    http-check expect status 200
    default-server check inter 500ms fall 2 rise 1
{servers}

listen database
    mode tcp
    timeout client 1h
    timeout server 1h
    bind {balancer}:{database_port}
    server embedded unix@{database}
"""


def why_not() -> str | None:
    """What is missing here, if something is."""
    if os.geteuid() != 0:
        return "only root makes network namespaces"
    missing = [
        package
        for program, package in ((IP, "iproute2"), (HAPROXY, "haproxy"))
        if not Path(program).exists()
    ]
    return f"not installed (Debian: apt-get install {' '.join(missing)})" if missing else None


def may_make_namespaces() -> bool:
    name = f"{PREFIX}-{os.getpid()}-probe"
    try:
        _ip("netns", "add", name)
        _ip("-n", name, "link", "add", "probe", "type", "bridge")
    except subprocess.CalledProcessError:
        return False
    finally:
        subprocess.run([IP, "netns", "delete", name], capture_output=True, check=False)
    return True


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace, and its address on the bridge."""

    name: str
    address: str

    @property
    def inside(self) -> list[str]:
        """What runs another program there, in its place."""
        return [IP, "netns", "exec", self.name]

    def kill(self) -> None:
        """SIGKILL of all that runs there, while it is at some requests: they come to it, and it
        stands still, for a moment before."""
        found = subprocess.run(
            [IP, "netns", "pids", self.name], capture_output=True, text=True, check=False
        ).stdout
        processes = [psutil.Process(pid) for pid in map(int, found.split())]
        for process in processes:
            process.suspend()
        time.sleep(STILL_SECONDS)
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, 10)


@contextmanager
def hosts(count: int) -> Iterator[tuple[Host, list[Host]]]:
    """The balancer's host and `count` others, joined; gone at the end with all that runs there."""
    sweep()
    made = [
        Host(f"{PREFIX}-{os.getpid()}-{number}", f"10.213.0.{number + 1}")
        for number in range(count + 1)
    ]
    balancer, others = made[0], made[1:]
    with ExitStack() as stack:
        for host in made:
            _ip("netns", "add", host.name)
            stack.callback(_remove, host)
            _ip("-n", host.name, "link", "set", "lo", "up")
        _ip("-n", balancer.name, "link", "add", "bridge", "type", "bridge")
        _ip("-n", balancer.name, "address", "add", f"{BALANCER}/24", "dev", "bridge")
        _ip("-n", balancer.name, "link", "set", "bridge", "up")
        for number, host in enumerate(others):
            near = ("-n", balancer.name, "link")
            _ip(*near, "add", f"to{number}", "type", "veth",
                "peer", "name", "eth0", "netns", host.name)  # fmt: skip
            _ip(*near, "set", f"to{number}", "master", "bridge", "up")
            _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", host.name, "link", "set", "eth0", "up")
        yield balancer, others


def answered_by(folder: Path, number: int) -> int:
    """How many requests the balancer has had answered with 2xx by this host; -1 while it sends
    none there."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / "stats.sock"))
        connection.sendall(b"show stat\n")
        table = b"".join(iter(lambda: connection.recv(65536), b"")).decode().removeprefix("# ")
    row = next(
        row for row in csv.DictReader(table.splitlines()) if row["svname"] == f"host{number}"
    )
    return int(row["hrsp_2xx"]) if row["status"] == "UP" else -1


@contextmanager
def balancing(balancer: Host, others: list[Host], folder: Path, database: Path) -> Iterator[Path]:
    """haproxy before the hosts, and before the database for them; the socket to reach it by.

    Args:
        database: the socket of PostgreSQL.
    """
    servers = "\n".join(
        f"    server host{number} {host.address}:{SERVICE_PORT}"
        for number, host in enumerate(others)
    )
    config = folder / "haproxy.cfg"
    config.write_text(
        CONFIG.format(
            folder=folder,
            servers=servers,
            balancer=BALANCER,
            database_port=DATABASE_PORT,
            database=database,
        )
    )
    with (folder / "haproxy.log").open("w") as log:
        process = subprocess.Popen(
            [*balancer.inside, HAPROXY, "-db", "-f", config],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            place = folder / "balancer.sock"
            give_up_at = time.monotonic() + START_SECONDS
            while not place.exists():
                said = (folder / "haproxy.log").read_text()
                assert process.poll() is None, said
                assert time.monotonic() < give_up_at, said
                time.sleep(0.05)
            yield place
        finally:
            process.kill()
            process.wait()


def sweep() -> None:
    """Removes what a run that was killed left behind."""
    listed = subprocess.run([IP, "netns", "list"], capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        name = line.split()[0]
        prefix, _, rest = name.partition("-")
        pid = rest.partition("-")[0]
        if prefix == PREFIX and pid.isdigit() and not psutil.pid_exists(int(pid)):
            _remove(Host(name, ""))


def _remove(host: Host) -> None:
    host.kill()
    subprocess.run([IP, "netns", "delete", host.name], capture_output=True, check=False)


def _ip(*args: str) -> None:
    subprocess.run([IP, *args], check=True, capture_output=True, timeout=10)
