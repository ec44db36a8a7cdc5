# SPDX-License-Identifier: MIT
"""What does exactly-once cost, against a build of the same sources that moves
no position in its transactions?

That build (MODE=at-least-once, a switch in workers/runtime/database/positions.c)
exists for this alone: after a kill it decides again what it had decided.
"""
import os
import subprocess

from drain import chillybin, turns
from report import Goal
from servers import Void

MODE = "at-least-once"


def build(bench):
    """The path of that build's chillybin."""
    program = os.path.join(os.path.dirname(bench.settings["OUT"]), MODE,
                           "bin/chillybin")
    make = subprocess.run(["make", "-s", f"-j{os.cpu_count()}",
                           f"MODE={MODE}", program], check=False,
                          stdin=subprocess.DEVNULL)
    if make.returncode:
        raise Void(f"'{program}' cannot be built")
    return program


def run(bench, result):
    n, loose = bench.settings["N"], build(bench)
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
