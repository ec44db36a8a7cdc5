# SPDX-License-Identifier: MIT
"""The picture: one SVG of the results that are in a folder, a panel a number,
a bar a system with its median, and a line from least to most."""
import json
import math
import os
from xml.sax.saxutils import escape

# Bench, number, title, whether the scale is logarithmic.
PANELS = (
    ("drain", "per_second", "drain: orders a second", True),
    ("drain", "worker_us", "drain: CPU of the worker, us an order", True),
    ("drain", "resident_max_mib", "drain: memory at the most, MiB", True),
    ("latency", "p50_ms", "latency at the median, ms", True),
    ("latency", "p99_ms", "latency, 99 of 100, ms", True),
    ("plates", "per_second", "plates: toasties a second", True),
    ("idle", "resident_mib", "idle: memory, MiB", True),
    ("tax", "per_second", "exactly once and at least once, orders a second",
     False),
    ("scale", "per_second", "workers and partitions, orders a second", False),
    ("growth", "per_second", "rows, stalls: orders a second", False),
)
WIDTH, ROW, LABEL, BAR = 860, 22, 300, 420
COLOURS = {"own": "#c2410c", "floor": "#57534e", "peer": "#0369a1"}


def kind(system):
    if system.startswith(("floor", "echo", "bare")):
        return "floor"
    if system.startswith(("go", "java", "node")):
        return "peer"
    return "own"


def share(value, most, logarithmic):
    """Of the bar's length. A logarithmic one has five decades."""
    if value <= 0 or most <= 0:
        return 0
    if logarithmic:
        return max(0.01, 1 + math.log10(value / most) / 4)
    return value / most


def text(x, y, words, more=""):
    return f'<text x="{x}" y="{y}" {more}>{escape(words)}</text>'


def panel(systems, number, title, logarithmic, y):
    """Its lines, and where the next one begins."""
    of = {system: numbers[number] for system, numbers in systems.items()
          if number in numbers}
    if not of:
        return [], y
    most = max(spread["max"] for spread in of.values())
    lines = [text(10, y + 14, title + (" (log)" if logarithmic else ""),
                  'font-weight="bold"')]
    y += ROW
    for system, spread in of.items():
        left, right, middle = (
            LABEL + BAR * share(spread[key], most, logarithmic)
            for key in ("min", "max", "median"))
        lines += [
            text(LABEL - 8, y + 14, system, 'text-anchor="end"'),
            f'<rect x="{LABEL}" y="{y + 3}" width="{middle - LABEL:.1f}" '
            f'height="{ROW - 8}" fill="{COLOURS[kind(system)]}"/>',
            f'<path d="M{left:.1f} {y + 10}H{right:.1f}" stroke="#000"/>',
            text(LABEL + BAR + 12, y + 14, f"{spread['median']:,g}"),
        ]
        y += ROW
    return lines, y + ROW // 2


def write(folder, path):
    results = {}
    for bench in {panel[0] for panel in PANELS}:
        try:
            with open(f"{folder}/{bench}.json") as f:
                results[bench] = json.load(f)
        except OSError:
            pass
    lines, y = [], 50
    for bench, number, title, logarithmic in PANELS:
        if bench in results:
            more, y = panel(results[bench]["systems"], number, title,
                            logarithmic, y)
            lines += more
    about = next(iter(results.values()), None)
    if about:
        load = max(of["load"].get("max", 0) for of in results.values())
        about = (f"{about['version']}, {about['date']}, {about['cpus']} CPUs, "
                 f"{about['machine']}",
                 f"load up to {load:.0f}; medians, and a line from least to "
                 "most")
        lines = [text(10, 20 + 18 * i, words)
                 for i, words in enumerate(about)] + lines
    with open(path + ".new", "w") as out:
        out.write(f'<svg xmlns="http://www.w3.org/2000/svg" '
                  f'viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" '
                  'font-size="13"><rect width="100%" height="100%" '
                  'fill="#fff"/>\n' + "\n".join(lines) + "\n</svg>\n")
    os.replace(path + ".new", path)
