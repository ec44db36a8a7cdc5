# SPDX-License-Identifier: MIT
"""Rounds, statistics, JSON and the table on the terminal.

In each round every system has one turn, and the order of the turns changes
from round to round. A turn that raises Void is left out, and said to be.
Ratios are taken within a round, so that what slows the machine slows both.
"""
import json
import os
import platform
import re
import statistics
import time

import proc
from servers import Void, say


class Goal:
    """A ratio of two numbers of one round (or a number, without `of`), beside
    what it should be. `most`: smaller is better."""

    def __init__(self, what, number, of=None, goal=None, least=None,
                 most=False, scale=1):
        self.what, self.number, self.of = what, number, of
        self.goal, self.least, self.most, self.scale = goal, least, most, scale

    def reached(self, value, mark):
        return value <= mark if self.most else value >= mark

    def verdict(self, value):
        if self.goal is None:
            return ""
        if self.reached(value, self.goal):
            return "goal"
        if self.least is None or not self.reached(value, self.least):
            return "not reached"
        return "at least"


class Result:
    """What a scenario has measured."""

    def __init__(self, name, question, settings):
        self.name, self.question, self.settings = name, question, settings
        self.rounds = []  # of each: system -> number -> value
        self.void = {}
        self.load = []

    def measure(self, systems, n_rounds):
        """`systems`: name -> function of the round that gives numbers."""
        names = [name for name in systems
                 if re.search(self.settings["SYSTEMS"], name)]
        for i in range(1, n_rounds + 1):
            numbers = {}
            for name in names:
                try:
                    numbers[name] = systems[name](i)
                except Void as void:
                    self.void[name] = self.void.get(name, 0) + 1
                    say(f"{self.name}: round {i}: {name} is void: {void}")
                else:
                    say(f"{self.name}: round {i} of {n_rounds}: {name}: " +
                        ", ".join(f"{key} {short(value)}" for key, value
                                  in list(numbers[name].items())[:6]))
            self.rounds.append(numbers)
            self.load.append(proc.load_average())
            names = names[1:] + names[:1]

    def merge(self, n_rounds):
        """What was measured one after the other counts as the same rounds."""
        merged = [{} for _ in range(n_rounds)]
        for i, numbers in enumerate(self.rounds):
            merged[i % n_rounds].update(numbers)
        self.rounds = merged

    def values(self, system, number):
        return [numbers[system][number] for numbers in self.rounds
                if number in numbers.get(system, {})]

    def systems(self):
        found = {}
        for numbers in self.rounds:
            for system in numbers:
                found.setdefault(system, []).extend(
                    n for n in numbers[system] if n not in found[system])
        return found

    def goal_values(self, goal):
        found = []
        for numbers in self.rounds:
            try:
                value = numbers[goal.number[0]][goal.number[1]] * goal.scale
                if goal.of:
                    value /= numbers[goal.of[0]][goal.of[1]]
                found.append(value)
            except (KeyError, ZeroDivisionError):
                pass
        return found

    def as_json(self, goals, version):
        return {
            "bench": self.name, "question": self.question,
            "version": version, "date": time.strftime("%Y-%m-%d"),
            "cpus": os.cpu_count(), "machine": machine(),
            "load": spread(self.load), "settings": self.settings,
            "rounds": len(self.rounds), "void": self.void,
            "systems": {
                system: {number: spread(self.values(system, number))
                         for number in numbers}
                for system, numbers in self.systems().items()},
            "goals": [{"what": goal.what, "goal": goal.goal,
                       "at_least": goal.least, "smaller_is_better": goal.most,
                       "verdict": goal.verdict(
                           statistics.median(self.goal_values(goal))),
                       **spread(self.goal_values(goal))}
                      for goal in goals if self.goal_values(goal)],
        }


def spread(values):
    if not values:
        return {}
    return {"median": rounded(statistics.median(values)),
            "min": rounded(min(values)), "max": rounded(max(values))}


def rounded(value):
    return float(f"{value:.4g}") if abs(value) < 1000 else round(value)


def short(value):
    return f"{rounded(value):,g}"


def machine():
    model = ""
    try:
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines
                          if line.startswith("model name")), "")
    except OSError:
        pass
    return f"{model or platform.machine()}, Linux {platform.release()}"


def write(result, folder):
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/{result['bench']}.json"
    with open(path + ".new", "w") as out:
        json.dump(result, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)
    return path


def show(result):
    """The table on the terminal."""
    print(f"\n{result['bench']}: {result['question']}")
    print(f"{result['rounds']} rounds, {sum(result['void'].values())} void "
          f"turns, {result['cpus']} CPUs, load "
          f"{result['load'].get('median', 0)}, {result['version']}\n")
    for system, numbers in result["systems"].items():
        print(f"  {system}")
        for number, of in numbers.items():
            print(f"    {number:30} {of['median']:>12,g}   "
                  f"({of['min']:,g} to {of['max']:,g})")
    if result["goals"]:
        print(f"\n  {'goal':62} {'median':>8} {'least':>8} {'most':>8} "
              f"{'goal':>6} {'or':>6}")
    for goal in result["goals"]:
        sign = "<=" if goal["smaller_is_better"] else ">="
        marks = [f"{sign}{mark:g}" if mark is not None else ""
                 for mark in (goal["goal"], goal["at_least"])]
        print(f"  {goal['what']:62} {goal['median']:>8,g} {goal['min']:>8,g} "
              f"{goal['max']:>8,g} {marks[0]:>6} {marks[1]:>6}  "
              f"{goal['verdict']}")
    print(flush=True)
