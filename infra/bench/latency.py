# SPDX-License-Identifier: MIT
"""How long does it take from the time at which an order should have been sent
until its pick can be read, at a low rate?

The probe sends at fixed times whatever happens (open loop), so an order that
waits because the system stalls counts with all of its waiting. The floor is an
echo of two hops: it reads each order and publishes it again, at once.
"""
import json
import select

from drain import finish, turns
from report import Goal
from servers import HERE, READY_S, Void, peers_built

WARM_S = 3  # as the probe has it


def measured(bench, tag, worker):
    """The probe's numbers, and the CPU of the worker and of the servers."""
    rate, seconds = bench.settings["RATE"], bench.settings["SECONDS"]
    n = rate * (seconds + WARM_S)
    worker.look()
    own, before = worker.cpu_s, bench.servers_cpu_s()
    said = json.loads(bench.run(
        "the probe", bench.program("probe"), "latency", f"orders.{tag}",
        f"picks.{tag}", "12", str(rate), str(seconds)))
    worker.look()
    if said.pop("missing"):
        raise Void("some orders have no fact")
    said.pop("orders")
    said["worker_us"] = (worker.cpu_s - own) / n * 1e6
    for name, after, was in zip(("postgres_us", "broker_us"),
                                bench.servers_cpu_s(), before):
        said[name] = (after - was) / n * 1e6
    return n, said


def wait_line(worker):
    """Until it says that it is ready."""
    there, _, _ = select.select([worker.popen.stdout], [], [], READY_S)
    if not there or not worker.popen.stdout.readline():
        raise Void(f"it did not begin: {worker.last_words()}")


def echo(bench, i):
    tag = f"echo{i}"
    bench.topics(f".{tag}")
    worker = bench.spawn("echo", [
        bench.program("probe"), "echo", f"orders.{tag}", f"picks.{tag}", "12"],
        read=True)
    wait_line(worker)
    _, numbers = measured(bench, tag, worker)
    bench.forget(worker)
    bench.forget_topics(f".{tag}")
    return numbers


def chillybin(bench, i):
    tag = f"own{i}"
    bench.topics(f".{tag}")
    url = bench.fresh(f"bench_{tag}", 10 ** 6)
    worker = bench.spawn("chillybin", [bench.program("chillybin")])
    worker.wait_ready()
    n, numbers = measured(bench, tag, worker)
    if not bench.forget(worker):
        raise Void("chillybin did not end well")
    finish(bench, tag, url, n, 0)
    return numbers


def peer(bench, name, i):
    tag = f"{name}{i}"
    bench.topics(f".{tag}")
    url = bench.fresh(f"bench_{tag}", 10 ** 6)
    rate, seconds = bench.settings["RATE"], bench.settings["SECONDS"]
    worker = bench.spawn(
        "peer", [f"{HERE}/peers/peers.sh", "run", name], read=True,
        MODE="tuned", WORKERS=1, BATCH=2000, LINGER_MS=0,
        N=rate * (seconds + WARM_S))
    wait_line(worker)
    n, numbers = measured(bench, tag, worker)
    worker.wait_end(30)
    bench.forget(worker)
    finish(bench, tag, url, n, None)
    return numbers


def run(bench, result):
    systems = {"echo of two hops": lambda i: echo(bench, i),
               "chillybin": lambda i: chillybin(bench, i)}
    for name in peers_built(bench):
        systems[f"{name} tuned, linger 0"] = (
            lambda i, name=name: peer(bench, name, i))
    result.measure({name: turns(bench, turn)
                    for name, turn in systems.items()},
                   bench.settings["ROUNDS"])
    own, floor, go = "chillybin", "echo of two hops", "go tuned, linger 0"
    return [
        Goal("p50 of the echo's", (own, "p50_ms"), (floor, "p50_ms"), 2, 3,
             most=True),
        Goal("p99 of the echo's", (own, "p99_ms"), (floor, "p99_ms"), 2, 2,
             most=True),
        Goal("p99.9 of the echo's", (own, "p999_ms"), (floor, "p999_ms"), 4,
             most=True),
        Goal("p50 of tuned Go's", (own, "p50_ms"), (go, "p50_ms"), 1,
             most=True),
        Goal("worker's CPU an order, of tuned Go's", (own, "worker_us"),
             (go, "worker_us"), 0.5, most=True),
    ]
