# SPDX-License-Identifier: MIT
"""Numbers from /proc: CPU time and memory of processes."""
import os

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The fields behind the name; nothing when it has gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(") ", 1)[1].split()
    except (OSError, IndexError):
        return []


def alive(pid):
    fields = stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def children(pid):
    try:
        found = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                found += [int(word) for word in f.read().split()]
        return found
    except OSError:
        return []


def tree(pid):
    """The process and all below it."""
    pids = [pid]
    for one in pids:
        pids += children(one)
    return pids


def cpu_s(pids):
    """User and system time, and that of children that have ended."""
    ticks = 0
    for pid in pids:
        ticks += sum(int(field) for field in stat(pid)[11:15])
    return ticks * TICK_S


def postgres_cpu_s(postmaster):
    """The server and all its processes, the ended ones too. One that ends
    while it is looked for is counted by the next look."""
    before = None
    while True:
        now = children(postmaster)
        if now == before:
            return used
        before = now
        used = cpu_s([postmaster] + now)


def status_kb(pid, field):
    try:
        with open(f"/proc/{pid}/status") as lines:
            for line in lines:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def resident_max_kb(pids):
    """Of the largest: a script that started the worker does not count."""
    return max((status_kb(pid, "VmHWM") for pid in pids), default=0)


def resident_kb(pids):
    return max((status_kb(pid, "VmRSS") for pid in pids), default=0)


def load_average():
    return os.getloadavg()[0]
