#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bench: measurements that anybody can repeat.

    bench.py                every scenario, then the picture
    bench.py NAME...        those
    bench.py picture FILE   the picture of the results in OUT

Each scenario has servers of its own and writes OUT/NAME.json. Settings come
from the environment: see SETTINGS. Ctrl-C ends everything that was started.
"""
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import picture  # noqa: E402 (the path above)
import report  # noqa: E402
from servers import ROOT, Bench, Void, say  # noqa: E402

SCENARIOS = ("drain", "latency", "plates", "idle", "tax", "scale", "growth")
SETTINGS = {
    "BIN": "build/rel/bin",   # the folder of the programs
    "OUT": "build/bench",     # the folder of the results
    "N": 400000,              # orders that a quick system drains
    "N_SLOW": 5000,           # orders that a slow one drains
    "ROUNDS": 5,
    "SECONDS": 10,            # of a latency that count
    "RATE": 500,              # orders a second, for latency
    "GROWTH_MAX": 10000000,   # rows
    "SEED": 42,
    "PEERS": "yes",           # no: leave them out
    "SYSTEMS": ".",           # a regular expression: which of them
}


def settings():
    found = {}
    for name, fallback in SETTINGS.items():
        value = os.environ.get(name) or fallback
        if isinstance(fallback, int) and not re.fullmatch(
                "[1-9][0-9]{0,8}", str(value)):
            sys.exit(f"bench: error: setting '{name}' is '{value}', which is "
                     "no whole number from 1 on")
        found[name] = int(value) if isinstance(fallback, int) else value
    return found


def run(name, found, version):
    scenario = importlib.import_module(name)
    question = scenario.__doc__.split("\n\n")[0].replace("\n", " ")
    result = report.Result(name, question, {
        key: value for key, value in found.items() if key not in
        ("BIN", "OUT")})
    with Bench(found) as bench:
        goals = scenario.run(bench, result)
    if not any(result.rounds):
        say(f"{name}: every round is void")
        return False
    answer = result.as_json(goals, version)
    path = report.write(answer, found["OUT"])
    report.show(answer)
    say(f"the numbers are in '{path}'")
    return True


def main(words):
    os.chdir(ROOT)
    found = settings()
    if len(words) == 2 and words[0] == "picture":
        picture.write(found["OUT"], words[1])
        return 0
    names = words or SCENARIOS
    if not set(names) <= set(SCENARIOS):
        print(f"usage: bench.py [{'|'.join(SCENARIOS)}]... | picture FILE",
              file=sys.stderr)
        return 2
    if not shutil.which("psql"):
        sys.exit("bench: error: there is no psql")
    version = subprocess.run(
        [f"{found['BIN']}/chillybin", "--version"], check=True, text=True,
        stdout=subprocess.PIPE).stdout.strip()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    good = True
    for name in names:
        try:
            good = run(name, found, version) and good
        except Void as void:
            say(f"{name} cannot be measured: {void}")
            good = False
    picture.write(found["OUT"], f"{found['OUT']}/bench.svg")
    say(f"the picture is '{found['OUT']}/bench.svg'")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
