# SPDX-License-Identifier: MIT
"""How long does a plate stand idle between two toasties while others wait, and
how many toasties does one jafflr make in a second?

chillybin has picked all orders before jafflr starts, so the queue is never
empty. The grill's own log says when each plate ended a toastie and when it
started the next one. The floor is a grill whose plates never stand idle. There
are no peers: none of them drives a grill.
"""
import statistics

from drain import chillybin, looks_at, turns
from report import Goal
from servers import Void, within

SPEED = 200
# Plates, and toasties that one turn makes.
GRILLS = {"8 plates": (8, 1000), "64 plates": (64, 5000),
          "256 plates": (256, 10000)}


def edges(path):
    """Of each plate, in order: (what, ms)."""
    plates = {}
    with open(path) as lines:
        for line in lines:
            what, *words = line.split()
            fields = dict(word.split("=", 1) for word in words)
            if what in ("START", "DONE"):
                plates.setdefault(fields["plate"], []).append(
                    (what, int(fields["at_ms"])))
    return plates


def numbers_of(plates, n_plates):
    """Of the middle 80 % of the time, while the queue is full."""
    starts = sorted(at for rows in plates.values() for what, at in rows
                    if what == "START")
    since = starts[len(starts) // 10]
    till = starts[len(starts) * 9 // 10]
    gaps, heats, done = [], [], 0
    for rows in plates.values():
        for (what, at), (after, then) in zip(rows, rows[1:]):
            if at < since or then > till:
                continue
            if (what, after) == ("DONE", "START"):
                gaps.append(then - at)
            elif (what, after) == ("START", "DONE"):
                heats.append(then - at)
                done += 1
    if till - since < 200 or len(gaps) < 20:
        raise Void("the middle is too short to be measured")
    gaps.sort()
    rate = done / (till - since) * 1000
    floor = n_plates / statistics.mean(heats) * 1000
    return {"per_second": rate, "of_floor": rate / floor,
            "turn_around_p50_ms": gaps[len(gaps) // 2],
            "turn_around_p99_ms": gaps[len(gaps) * 99 // 100]}


def grill(bench, tag, n_plates):
    log, address = (f"{bench.dir}/{tag}.{end}" for end in ("edges", "address"))
    bench.spawn("grillsim", [bench.program("grillsim")],
                ADDR="127.0.0.1:0", ADDR_FILE=address, GRILLSIM_LOG=log,
                GRILLSIM_PLATES=n_plates, GRILLSIM_SPEED=SPEED)

    def there():
        """the grill's address"""
        try:
            with open(address) as f:
                return f.read().strip()
        except OSError:
            return None
    bench.run("the grill cannot be added", bench.program("overlord"), "grill",
              "set", "grill-1", "--address", within(10, there), "--plates",
              str(n_plates), "--execute", "--who", "bench")
    return log


def turn(bench, name, i):
    n_plates, n = GRILLS[name]
    tag = f"grill{n_plates}_{i}"
    chillybin(bench, tag, n, after=False, rate=False)
    log = grill(bench, tag, n_plates)
    before = bench.servers_cpu_s()
    worker = bench.spawn("jafflr", [bench.program("jafflr")])
    worker.wait_ready()
    # Each toastie has at least three facts: queued, grilling, done.
    looks = looks_at(bench, f"toasties.{tag}", 3 * n, [worker])
    numbers = numbers_of(edges(log), n_plates)
    numbers["worker_us"] = worker.cpu_s / n * 1e6
    numbers["resident_max_mib"] = worker.resident_kb / 1024
    for number, after, was in zip(("postgres_us", "broker_us"),
                                  bench.servers_cpu_s(), before):
        numbers[number] = (after - was) / n * 1e6
    if not bench.forget(worker):
        raise Void("jafflr did not end well")
    rows = bench.sql(bench.url_of(f"bench_{tag}"), "-c",
                     "SELECT state, count(*) FROM galore.toasties GROUP BY 1")
    if not looks or rows != f"done {n}":
        raise Void(f"toasties: {rows}, expected: done {n}")
    starts = sum(what == "START" for of in edges(log).values() for what, _
                 in of)
    if starts != n:
        raise Void(f"the grill has started {starts} toasties, expected {n}")
    bench.end_all()
    bench.drop(f"bench_{tag}")
    bench.forget_topics(f".{tag}")
    return numbers


def run(bench, result):
    result.measure({name: turns(bench, lambda i, name=name: turn(
        bench, name, i)) for name in GRILLS}, bench.settings["ROUNDS"])
    return [
        Goal("8 plates: turn-around at the median, ms",
             ("8 plates", "turn_around_p50_ms"), None, 15, most=True),
        Goal("256 plates: toasties a second", ("256 plates", "per_second"),
             None, 2000),
    ]
