# SPDX-License-Identifier: MIT
"""Does an order cost more when the table holds ten million, or when there are
thousands of ingredients?

One database grows from 10^4 rows on, up to the setting GROWTH_MAX, and at each
size N_GROWTH orders are drained in each round. Beside it, stalls of eight
ingredients each: 1 to 1000, which is 8 to 8000 rows of stock.
"""
from drain import chillybin, finish, turns, work
from report import Goal

N_GROWTH = 50000
STALLS = (1, 10, 100, 1000)

# Orders that were refused long ago, at offsets that a topic no longer has.
# Their ids lie before those of the orders that will come.
GROW = """
INSERT INTO galore.orders (order_id, content_hash, "offset", decided_at,
	partition, order_version, pick_version, verdict, doneness, grill,
	stall, customer, items, missing, trace)
SELECT (lpad(to_hex(i), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8'
	|| substr(md5(i::text), 4, 15))::uuid, i, i / 12,
	now() - interval '1 day', i % 12, 2, 2, 'r', 'm', true, 'main',
	'customer-' || i % 1000, '2 bread;1 cheese;1 vegemite', '2/0 bread',
	decode(left(md5(i::text) || md5((-i)::text), 50), 'hex')
FROM generate_series(:since, :till - 1) AS i
"""
# A new topic begins at 0 again.
REWIND = """UPDATE galore.positions SET next_offset = 0, emitted_offset = 0
WHERE service = 'chillybin'"""


class Grown:
    """A database that keeps its orders."""

    def __init__(self, bench):
        self.bench = bench
        self.rows = self.picked = self.seed = 0
        self.url = bench.fresh("bench_grown", 10 ** 8)

    def grow(self, till):
        if till > self.rows - self.picked:
            path = f"{self.bench.dir}/grow.sql"
            with open(path, "w") as out:
                out.write(GROW + ";\nVACUUM ANALYZE galore.orders;\n")
            self.bench.sql(self.url, "-f", path,
                           since=self.rows - self.picked, till=till)
            self.rows = till + self.picked
            self.bench.checkpoint()

    def drain(self, size, i):
        self.grow(size)
        self.seed += 1
        tag = f"grown{size}_{i}"
        self.bench.env["DATABASE_URL"] = self.url
        self.bench.topics(f".{tag}")
        self.bench.fill(N_GROWTH, SEED=1000 + self.seed)
        self.bench.sql(self.url, "-c", REWIND)
        self.rows += N_GROWTH
        self.picked += N_GROWTH
        numbers = work(self.bench, tag, N_GROWTH)
        finish(self.bench, tag, self.url, N_GROWTH, 0, drop=False,
               rows=self.rows, picked=self.picked)
        return numbers


def run(bench, result):
    rounds = bench.settings["ROUNDS"]
    result.measure({f"{k} stalls": turns(bench, lambda i, k=k: chillybin(
        bench, f"stalls{k}_{i}", N_GROWTH, stalls=k)) for k in STALLS}, rounds)
    grown = Grown(bench)
    sizes = [10 ** k for k in range(4, 8)
             if 10 ** k <= bench.settings["GROWTH_MAX"]]
    for size in sizes:
        # A table does not shrink, so the sizes take no turns.
        result.measure({f"{size:,} rows": turns(
            bench, lambda i, size=size: grown.drain(size, i))}, rounds)
    first, last = f"{sizes[0]:,} rows", f"{sizes[-1]:,} rows"
    result.settings["N"] = N_GROWTH
    result.merge(rounds)
    return [
        Goal(f"Postgres' CPU an order: {last}, of {first}",
             (last, "postgres_us"), (first, "postgres_us"), most=True),
        Goal(f"rate: {last}, of {first}", (last, "per_second"),
             (first, "per_second")),
        Goal("rate: 1000 stalls, of 1", ("1000 stalls", "per_second"),
             ("1 stalls", "per_second")),
    ]
