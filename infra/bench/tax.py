# SPDX-License-Identifier: MIT
"""What does exactly-once cost, against a build of the same sources that moves
no position in its transactions?

That build (MODE=at-least-once, a switch in workers/runtime/database/positions.h)
exists for this alone: after a kill it decides again what it had decided.
"""
from drain import chillybin, turns
from report import Goal


def run(bench, result):
    n = bench.settings["N"]
    loose = bench.build("at-least-once", "chillybin") + "/chillybin"
    systems = {
        "exactly once": lambda i: chillybin(bench, f"once{i}", n),
        "at least once": lambda i: chillybin(bench, f"least{i}", n,
                                             program=loose, positions=False),
    }
    result.measure({name: turns(bench, turn)
                    for name, turn in systems.items()},
                   bench.settings["ROUNDS"])
    once, least = "exactly once", "at least once"
    return [
        Goal("exactly once, of at least once", (once, "per_second"),
             (least, "per_second"), 0.9, 0.8),
        Goal("Postgres' CPU an order, of at least once's",
             (once, "postgres_us"), (least, "postgres_us"), most=True),
    ]
