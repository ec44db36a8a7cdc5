# SPDX-License-Identifier: MIT
"""How does the rate follow from the number of workers, and from the number of
partitions that hold the orders?

1, 2 and 4 processes on the 12 partitions that the product declares; and one
process on a topic `orders` of fewer partitions. With as many cores as these
need, the rate grows; on fewer, it shows what sharing them costs.
"""
from drain import chillybin, turns
from report import Goal

WORKERS = (1, 2, 4)
PARTITIONS = (1, 4)


def run(bench, result):
    n = bench.settings["N"]
    systems = {f"{k} workers, 12 partitions": lambda i, k=k: chillybin(
        bench, f"work{k}_{i}", n, k) for k in WORKERS}
    systems.update({f"1 workers, {p} partitions": lambda i, p=p: chillybin(
        bench, f"part{p}_{i}", n, partitions=p) for p in PARTITIONS})
    result.measure({name: turns(bench, turn)
                    for name, turn in systems.items()},
                   bench.settings["ROUNDS"])
    one, rate = ("1 workers, 12 partitions", "per_second"), "per_second"
    goals = [Goal(f"{k} workers, of one", (f"{k} workers, 12 partitions", rate),
                  one) for k in WORKERS[1:]]
    goals += [Goal(f"{p} partitions, of 12", (f"1 workers, {p} partitions",
                                              rate), one) for p in PARTITIONS]
    return goals
