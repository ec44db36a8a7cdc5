# SPDX-License-Identifier: MIT
"""How much memory and CPU does a worker need that has nothing to do, and how
soon after its start does it work?

Each program starts on topics that hold one order. `first_fact_ms` is the time
from the start of chillybin until the fact of that order is on `picks`; memory
and CPU are looked at after SETTLE_S of quiet, over QUIET_S.
"""
import time

import proc
from drain import looks_at, turns
from latency import wait_line
from report import Goal
from servers import HERE, Void, peers_built

SETTLE_S, QUIET_S = 1, 4


def quiet(worker):
    """Memory and CPU of a worker that has nothing to do."""
    time.sleep(SETTLE_S)
    pids = proc.tree(worker.pid)
    before = proc.cpu_s(pids)
    time.sleep(QUIET_S)
    if not worker.alive():
        raise Void(f"it ended: {worker.last_words()}")
    return {"resident_mib": proc.resident_kb(pids) / 1024,
            "cpu_percent": (proc.cpu_s(pids) - before) / QUIET_S * 100}


def own(bench, program, i):
    tag = f"{program}{i}"
    bench.topics(f".{tag}")
    bench.fill(1)
    bench.fresh(f"bench_{tag}", 1)
    worker = bench.spawn(program, [bench.program(program)])
    numbers = {"ready_ms": worker.wait_ready()}
    if program == "chillybin":
        looks = looks_at(bench, f"picks.{tag}", 1, [worker], seconds=30)
        if not looks or looks[-1][1] < 1:
            raise Void("there is no fact")
        numbers["first_fact_ms"] = (looks[-1][0] - worker.started) * 1000
    numbers.update(quiet(worker))
    if not bench.forget(worker):
        raise Void(f"{program} did not end well")
    bench.drop(f"bench_{tag}")
    bench.forget_topics(f".{tag}")
    return numbers


def peer(bench, name, i):
    tag = f"{name}{i}"
    bench.topics(f".{tag}")
    bench.fill(1)
    bench.fresh(f"bench_{tag}", 1)
    worker = bench.spawn("peer", [f"{HERE}/peers/peers.sh", "run", name],
                         read=True, MODE="tuned", WORKERS=1, BATCH=2000,
                         LINGER_MS=0, N=1000)
    wait_line(worker)
    numbers = {"ready_ms": (time.monotonic() - worker.started) * 1000}
    numbers.update(quiet(worker))
    bench.forget(worker)
    bench.drop(f"bench_{tag}")
    bench.forget_topics(f".{tag}")
    return numbers


def run(bench, result):
    systems = {name: lambda i, name=name: own(bench, name, i)
               for name in ("chillybin", "jafflr")}
    for name in peers_built(bench):
        systems[f"{name} tuned"] = lambda i, name=name: peer(bench, name, i)
    result.measure({name: turns(bench, turn)
                    for name, turn in systems.items()},
                   bench.settings["ROUNDS"])
    goals = [Goal(f"idle memory of {name}, MiB", (name, "resident_mib"), None,
                  12, 12, most=True) for name in ("chillybin", "jafflr")]
    goals += [Goal(f"idle memory, of tuned {name}'s",
                   ("chillybin", "resident_mib"),
                   (f"{name} tuned", "resident_mib"), mark, most=True)
              for name, mark in (("java", 0.1), ("node", 0.2))]
    return goals
