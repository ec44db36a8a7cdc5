# SPDX-License-Identifier: MIT
"""How does the rate follow from the number of workers, and from the number of
partitions?

1, 2 and 4 processes on the 12 partitions that the product declares; and one
process of a build that declares 1 or 64 (MODE=partitions-64). With as many
cores as these need, the rate grows; on fewer, it shows what sharing them costs.
"""
from drain import chillybin, turns
from report import Goal

WORKERS = (1, 2, 4)
PARTITIONS = (1, 64)


def other_partitions(bench, folder, partitions, n, i):
    was = bench.bin
    bench.bin, bench.partitions = folder, partitions
    try:
        return chillybin(bench, f"part{partitions}_{i}", n)
    finally:
        bench.bin, bench.partitions = was, 12


def run(bench, result):
    n = bench.settings["N"]
    systems = {f"{k} workers, 12 partitions": lambda i, k=k: chillybin(
        bench, f"work{k}_{i}", n, k) for k in WORKERS}
    for p in PARTITIONS:
        folder = bench.build(f"partitions-{p}", "chillybin", "overlord",
                             "probe", "stampede")
        systems[f"1 workers, {p} partitions"] = (
            lambda i, p=p, folder=folder: other_partitions(
                bench, folder, p, n, i))
    result.measure({name: turns(bench, turn)
                    for name, turn in systems.items()},
                   bench.settings["ROUNDS"])
    rate = "per_second"
    one = ("1 workers, 12 partitions", rate)
    goals = [Goal(f"{k} workers, of one", (f"{k} workers, 12 partitions", rate),
                  one) for k in WORKERS[1:]]
    goals += [Goal(f"{p} partitions, of 12", (f"1 workers, {p} partitions",
                                              rate), one) for p in PARTITIONS]
    return goals
