# SPDX-License-Identifier: MIT
"""How many orders a second does it decide, with every effect exactly once, when
the topic is full; and what does an order cost each process?

A system is started on a topic that was filled before, and works until all facts
are on `picks`. The floor writes the rows that such a drain has left once more,
with psql: COPY, the summed stock and the positions in one transaction; over one
connection with 1000 rows a transaction, and over two with 5000.
"""
import os
import time

from report import Goal
from servers import DRAIN_S, HERE, Void, peers_built

# Of each floor: connections, rows a transaction.
FLOORS = {"floor, 1 connection": (1, 1000), "floor, 2 connections": (2, 5000)}
# Of ours: processes, MEMORY_MAX_MIB of each. Larger batches need more memory.
ONE, ONE_64 = "chillybin, 1 process", "chillybin, 1 process of 64 MiB"
OWN = ((ONE, 1, 24), ("chillybin, 2 processes", 2, 24), (ONE_64, 1, 64),
       ("chillybin, 2 processes of 64 MiB", 2, 64))
PEERS = {
    "{} tuned, 3 workers": {"MODE": "tuned", "WORKERS": 3, "BATCH": 5000},
    "{} tuned, 1 worker": {"MODE": "tuned", "WORKERS": 1, "BATCH": 2000},
    "{} idiomatic": {"MODE": "idiomatic", "WORKERS": 1, "BATCH": 500},
}


def middle_rate(looks, n):
    """Orders a second from a tenth to nine tenths of them, by looks (time, how
    many)."""
    first = next((look for look in looks if look[1] > n / 10), None)
    last = next((look for look in looks if look[1] >= n / 10 * 9), None)
    if not first or not last or last[0] - first[0] < 0.1:
        raise Void("the middle is too short to be measured, N is too small")
    return (last[1] - first[1]) / (last[0] - first[0])


def begin_to_look(bench, topic, n):
    return bench.spawn("looker", [bench.program("probe"), "ends", topic,
                                  str(bench.partitions), str(n)], read=True)


def looks_at(bench, topic, n, workers, looker=None, seconds=DRAIN_S):
    """The looks, until all n facts are there. Ends early when no worker
    lives."""
    looker = looker or begin_to_look(bench, topic, n)
    looks = []
    end = time.monotonic() + seconds
    for line in looker.popen.stdout:
        at, count = line.split()
        looks.append((float(at), int(count)))
        for worker in workers:
            worker.look()
        if time.monotonic() > end:
            break
        if not any(worker.alive() for worker in workers):
            break
    bench.forget(looker)
    return looks


def numbers_of(bench, n, before, workers, rate, facts=True):
    postgres, broker = (after - was for after, was
                        in zip(bench.servers_cpu_s(), before))
    numbers = {
        "per_second": rate,
        "worker_us": sum(worker.cpu_s for worker in workers) / n * 1e6,
        "postgres_us": postgres / n * 1e6,
    }
    if facts:
        numbers["broker_us"] = broker / n * 1e6
    numbers["resident_max_mib"] = sum(
        worker.resident_kb for worker in workers) / 1024
    return numbers


def work(bench, tag, n, n_workers=1, program=None, rate=True, memory_mib=24):
    """The database and the topics are there: what the drain costs."""
    before = bench.servers_cpu_s()
    workers = [bench.spawn(f"chillybin{i}",
                           [program or bench.program("chillybin")],
                           MEMORY_MAX_MIB=memory_mib)
               for i in range(n_workers)]
    # Of several, the first may be ready when half of it is done.
    looker = begin_to_look(bench, f"picks.{tag}", n)
    ready_ms = workers[0].wait_ready()
    looks = looks_at(bench, f"picks.{tag}", n, workers, looker)
    numbers = numbers_of(bench, n, before, workers,
                         middle_rate(looks, n) if rate else 0)
    numbers["ready_ms"] = ready_ms
    if not all([bench.forget(worker) for worker in workers]):
        raise Void("chillybin did not end well")
    return numbers


def chillybin(bench, tag, n, n_workers=1, program=None, positions=True,
              rate=True, after=True, stalls=1, memory_mib=24):
    """One turn: n orders by so many processes; its numbers. Without `rate` it
    is not measured, without `after` database and topics stay, without
    `positions` nobody moves them."""
    bench.topics(f".{tag}")
    bench.fill(n, STALLS=stalls)
    url = bench.fresh(f"bench_{tag}", n, stalls)
    numbers = work(bench, tag, n, n_workers, program, rate, memory_mib)
    finish(bench, tag, url, n, 0, positions, after)
    return numbers


def finish(bench, tag, url, n, unpublished, positions=True, after=True,
           drop=True, **expected):
    """Is everything as it should be? Then it may go."""
    facts = bench.n_records(f"picks.{tag}")
    if facts != n:
        raise Void(f"facts on picks: {facts}, expected {n}")
    bench.check(url, **{"rows": n, "picked": n,
                        "decided": n if positions else None,
                        "unpublished": unpublished, **expected})
    if after:
        bench.forget_topics(f".{tag}")
        if drop:
            bench.drop(f"bench_{tag}")


def peer(bench, name, tag, n, env):
    suffix = f".{tag}"
    bench.topics(suffix)
    bench.fill(n)
    url = bench.fresh(f"bench_{tag}", n)
    before = bench.servers_cpu_s()
    worker = bench.spawn("peer", [f"{HERE}/peers/peers.sh", "run", name],
                         N=n, LINGER_MS=5, **env)
    looks = looks_at(bench, "picks" + suffix, n, [worker])
    status = worker.wait_end(60)
    if status:
        raise Void(f"it ended with {status}: {worker.last_words()}")
    numbers = numbers_of(bench, n, before, [worker], middle_rate(looks, n))
    bench.forget(worker)
    finish(bench, tag, url, n, None)
    return numbers


# ---- the floor ----

def floor_scripts(bench, url, name):
    """Makes them from a drained database; their paths."""
    parts, batch = FLOORS[name]
    scripts = []
    for part in range(parts):
        folder = f"{bench.dir}/floor-{parts}-{part}"
        os.makedirs(folder)
        bench.sql(url, "-f", f"{HERE}/floor.sql", dir=folder, batch=batch,
                  parts=parts, part=part)
        scripts.append(f"{folder}/floor.sql")
    return scripts


def floor(bench, tag, n, scripts):
    url = bench.fresh(f"bench_{tag}", n)
    before = bench.servers_cpu_s()
    writers = [bench.spawn(f"floor{i}", ["psql", "-X", "-q", "-A", "-t", "-v",
                                         "ON_ERROR_STOP=1", "-d", url, "-f",
                                         script], read=True)
               for i, script in enumerate(scripts)]
    rate = 0
    for writer in writers:
        if writer.wait_end(DRAIN_S):
            raise Void(f"the floor failed: {writer.last_words()}")
        rate += float(writer.popen.stdout.read())
    numbers = numbers_of(bench, n, before, writers, rate, facts=False)
    for writer in writers:
        bench.forget(writer)
    bench.check(url, rows=n, picked=n, decided=n, unpublished=None)
    bench.drop(f"bench_{tag}")
    return numbers


def all_floors(bench, n):
    """Turns of all floors. Drains once for their rows: a warm-up, too."""
    bench.topics(".warm")
    bench.fill(n)
    url = bench.fresh("bench_warm", n)
    worker = bench.spawn("warm-up", [bench.program("chillybin")])
    looks_at(bench, "picks.warm", n, [worker])
    bench.forget(worker)
    scripts = {name: floor_scripts(bench, url, name) for name in FLOORS}
    bench.drop("bench_warm")
    bench.forget_topics(".warm")
    return {name: lambda i, name=name: floor(
        bench, f"floor{FLOORS[name][0]}_{i}", n, scripts[name])
        for name in FLOORS}


# ---- the whole ----

def turns(bench, turn):
    """A turn whose processes have gone at its end, however it ended."""
    def taken(i):
        try:
            return turn(i)
        finally:
            bench.end_all()
    return taken


def run(bench, result):
    n, n_slow = bench.settings["N"], bench.settings["N_SLOW"]
    systems = all_floors(bench, n)
    for name, k, memory_mib in OWN:
        systems[name] = lambda i, k=k, memory_mib=memory_mib: chillybin(
            bench, f"own{k}_{memory_mib}_{i}", n, k, memory_mib=memory_mib)
    for name in peers_built(bench):
        for title, env in PEERS.items():
            many = n if env["MODE"] == "tuned" else n_slow
            systems[title.format(name)] = (
                lambda i, name=name, env=env, many=many: peer(
                    bench, name, f"{name}{env['BATCH']}_{i}", many, env))
    result.measure({name: turns(bench, turn)
                    for name, turn in systems.items()},
                   bench.settings["ROUNDS"])
    return goals(result)


def best(result, systems):
    """Of the systems the one with the highest median rate."""
    rates = {}
    for system in systems:
        values = sorted(result.values(system, "per_second"))
        if values:
            rates[system] = values[len(values) // 2]
    return max(rates, key=rates.get, default=systems[0])


def goals(result):
    own = best(result, [name for name, _, _ in OWN])
    go, java, node = (best(result, [f"{name} tuned, 1 worker",
                                    f"{name} tuned, 3 workers"])
                      for name in ("go", "java", "node"))
    rate = "per_second"
    found = [
        Goal("one process, of the one-connection floor", (ONE, rate),
             ("floor, 1 connection", rate), 0.85, 0.7),
        Goal("all cores, of the two-connection floor", (own, rate),
             ("floor, 2 connections", rate)),
        Goal("all cores, of the best tuned Go", (own, rate), (go, rate),
             1.3, 1.1),
        Goal("one process of 64 MiB, of that floor", (ONE_64, rate),
             ("floor, 1 connection", rate), 0.85, 0.7),
        Goal("one process, of itself with 64 MiB", (ONE, rate),
             (ONE_64, rate), 0.9),
        Goal("worker's CPU an order, of tuned Go's", (ONE, "worker_us"),
             (go, "worker_us"), 0.55, 0.8, most=True),
        Goal("all cores, of the best tuned Java", (own, rate), (java, rate),
             1.9, 1.5),
        Goal("all cores, of tuned Node", (own, rate), (node, rate), 6, 4),
        Goal("memory under full drain, MiB", (ONE, "resident_max_mib"), None,
             24, 32, most=True),
    ]
    found += [Goal(f"all cores, of idiomatic {name}", (own, rate),
                   (f"{name} idiomatic", rate), 100, 30)
              for name in ("go", "java", "node")]
    return found
