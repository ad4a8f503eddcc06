"""A network of its own for one person: a wire to this machine that carries so many bits a second, and no more."""

import os
import shutil
import subprocess

# Longest wait in the queue of the wire, as in the router of a house.
QUEUE = "300ms"


def why_not() -> str:
    """The reason why there can be no such network here; empty if there can."""
    if os.geteuid() != 0:
        return "only root can make a network of its own"
    missing = [tool for tool in ("ip", "tc", "unshare", "nsenter") if shutil.which(tool) is None]
    return f"without {', '.join(missing)}" if missing else ""


class Wire:
    """Nothing of it is left when the process that holds the network has ended."""

    def __init__(self, kbits: int):
        number = os.getpid() % 2**14
        # Four addresses for each.
        network = f"10.213.{number >> 6}."
        self.here, self.there = (network + str((number & 63) * 4 + last) for last in (1, 2))
        holder = ["unshare", "--net", "sh", "-c", "echo made; exec sleep infinity"]
        self._holder = subprocess.Popen(holder, stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        ours, theirs = f"chv{number}", "wire"
        self.inside = ["nsenter", "--net", "--target", str(self._holder.pid)]
        slow = f"root tbf rate {kbits}kbit burst 3000 latency {QUEUE}"
        try:
            self._do(f"ip link add {ours} type veth peer name {theirs} netns {self._holder.pid}")
            self._do(f"ip address add {self.here}/30 dev {ours}")
            self._do(f"ip link set {ours} up")
            self._do(f"ip address add {self.there}/30 dev {theirs}", *self.inside)
            self._do(f"ip link set {theirs} up", *self.inside)
            self._do("ip link set lo up", *self.inside)
            self._do(f"tc qdisc add dev {ours} {slow}")
            self._do(f"tc qdisc add dev {theirs} {slow}", *self.inside)
        except Exception:
            self.close()
            raise

    def _do(self, command: str, *before: str) -> None:
        done = subprocess.run([*before, *command.split()], capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()
