# SPDX-License-Identifier: MIT
"""Servers and processes: a private Kafka and Postgres (fsync on) in a folder
that goes with us, fresh databases and topics, and processes that end with us.

Every wait has a deadline. What fails in one round raises Void; what nothing
can be measured without raises SystemExit.
"""
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import proc

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
HERE = "infra/bench"
READY_S = 60
DRAIN_S = 120
RUN_S = 600  # a program that ends by itself


# Of a build with another number of partitions.
POSITIONS = """SET search_path = galore;
DELETE FROM positions WHERE partition >= {0};
SELECT add_positions('chillybin', topic, {0})
FROM unnest(ARRAY['orders', 'restocks', 'toasties']) AS topic"""


class Void(Exception):
    """This round does not count, and why."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def within(seconds, true, pause=0.005):
    """Until it is true; its answer. Void when it is not in time."""
    end = time.monotonic() + seconds
    while True:
        answer = true()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Void(f"{true.__doc__ or 'what was waited for'} did not come"
                       f" within {seconds} s")
        time.sleep(pause)


class Process:
    """A program in a group of its own, so that Ctrl-C reaches only us."""

    def __init__(self, bench, name, command, env, read):
        self.name = name
        self.port_file = f"{bench.dir}/{name}.port"
        self.log_file = f"{bench.dir}/{name}.log"
        self.cpu_s = self.resident_kb = 0
        if os.path.exists(self.port_file):
            os.remove(self.port_file)
        self.started = time.monotonic()
        with open(self.log_file, "w") as log:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if read else log, stderr=log,
                text=True, start_new_session=True,
                env={**os.environ, **bench.env, "PROBE_PORT_FILE":
                     self.port_file, **{k: str(v) for k, v in env.items()}})
        self.pid = self.popen.pid
        bench.processes.append(self)

    def alive(self):
        return self.popen.returncode is None and \
            proc.alive(self.pid)

    def look(self):
        """Its CPU time and the most memory that it has had, so far."""
        pids = proc.tree(self.pid)
        self.cpu_s = max(self.cpu_s, proc.cpu_s(pids))
        self.resident_kb = max(self.resident_kb, proc.resident_max_kb(pids))

    def last_words(self):
        with open(self.log_file, errors="replace") as log:
            return "".join(log.readlines()[-3:]).strip()

    def wait_ready(self):
        """Until /readyz says yes; in ms from the start."""
        def ready():
            """readiness"""
            if not self.alive():
                raise Void(f"{self.name} ended: {self.last_words()}")
            try:
                with open(self.port_file) as f:
                    port = int(f.readline().strip().split(":")[-1])
                to = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                to.request("GET", "/readyz")
                return to.getresponse().status == 200
            except (OSError, ValueError, http.client.HTTPException):
                return False
        within(READY_S, ready)
        return (time.monotonic() - self.started) * 1000

    def wait_end(self, seconds):
        """Its exit status. Its CPU time is then whole."""
        def ended():
            """the end of a process"""
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if not pid:
                self.look()
                return None
            self.popen.returncode = os.waitstatus_to_exitcode(status)
            self.cpu_s = used.ru_utime + used.ru_stime
            return (self.popen.returncode,)
        if self.popen.returncode is None:
            within(seconds, ended)
        return self.popen.returncode

    def end(self, seconds=30):
        """Asks it to end; whether it ended well. Kills it when it does not."""
        if self.popen.returncode is None:
            self.signal(signal.SIGTERM)
            try:
                self.wait_end(seconds)
            except Void:
                self.signal(signal.SIGKILL)
                self.wait_end(10)
        self.signal(signal.SIGKILL)  # what it has left
        if self.popen.stdout:
            self.popen.stdout.close()
        return self.popen.returncode == 0

    def signal(self, number):
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass


class Bench:
    """The servers. `with Bench() as bench`: they go with the block."""

    def __init__(self, settings):
        self.settings = settings
        self.bin = settings["BIN"]
        self.partitions = 12  # of each topic
        self.processes = []
        self.dir = None
        self.env = {}

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="galore-bench.", dir="/tmp")
        os.chmod(self.dir, 0o755)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # A second Ctrl-C does not leave half of it behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.end_all()
        for name in ("kafka", "postgres"):
            if os.path.isdir(f"{self.dir}/{name}"):
                subprocess.run([f"infra/{name}/{name}.sh", "remove",
                                f"{self.dir}/{name}"], check=False,
                               start_new_session=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        starts = [(name, subprocess.Popen(
            [f"infra/{name}/{name}.sh", "start", f"{self.dir}/{name}",
             "--watch-pid", str(os.getpid())], stdin=subprocess.DEVNULL))
            for name in ("kafka", "postgres")]
        for name, start in starts:
            if start.wait(timeout=600):
                sys.exit(f"bench: error: there is no {name} to measure with")
            with open(f"{self.dir}/{name}/{name}.env") as lines:
                self.env.update(line.rstrip("\n").split("=", 1)
                                for line in lines)
        self.base_url = self.env.pop("DATABASE_URL")
        self.env.pop("DATABASE_URL_TCP", None)
        # The superuser comes by the same socket.
        self.admin_url = self.base_url.replace("galore@", "postgres@").replace(
            "/galore?", "/postgres?")
        self.postmaster = self.pid_of("postgres")
        self.broker = self.pid_of("kafka")

    def pid_of(self, name):
        with open(f"{self.dir}/{name}/{name}.pid") as f:
            return int(f.readline())

    # ---- programs ----

    def build(self, mode, *programs):
        """Programs of another build; their folder."""
        folder = os.path.join(os.path.dirname(self.settings["OUT"]), mode,
                              "bin")
        make = subprocess.run(
            ["make", "-s", f"-j{os.cpu_count()}", f"MODE={mode}",
             *[f"{folder}/{name}" for name in programs]], check=False,
            stdin=subprocess.DEVNULL, stdout=sys.stderr)
        if make.returncode:
            raise Void(f"the programs of '{mode}' cannot be built")
        return folder

    def run(self, what, *command, **env):
        """A program that ends by itself; what it says on stdout."""
        process = self.spawn("run", list(command), read=True, **env)
        try:
            out, _ = process.popen.communicate(timeout=RUN_S)
        except subprocess.TimeoutExpired:
            self.forget(process)
            raise Void(f"{what}: no end within {RUN_S} s") from None
        status = process.popen.returncode
        words = process.last_words()
        self.forget(process)
        if status:
            raise Void(f"{what}: {words}")
        return out

    def spawn(self, name, command, read=False, **env):
        """`read`: somebody reads its stdout; else it goes into its log."""
        return Process(self, name, command, env, read)

    def program(self, name):
        return f"{self.bin}/{name}"

    def forget(self, process):
        well = process.end()
        self.processes.remove(process)
        return well

    def end_all(self):
        for process in list(self.processes):
            self.forget(process)

    # ---- databases ----

    def sql(self, url, *words, **variables):
        command = ["psql", "-X", "-q", "-A", "-t", "-F", " ", "-v",
                   "ON_ERROR_STOP=1", "-d", url]
        for name, value in variables.items():
            command += ["-v", f"{name}={'NULL' if value is None else value}"]
        return self.run("psql", *command, *words).strip()

    def url_of(self, name):
        return self.base_url.replace("/galore?", f"/{name}?")

    def fresh(self, name, n, stalls=1):
        """A database with its tables, and stock that covers n orders."""
        self.drop(name)
        self.sql(self.admin_url, "-c",
                 f"CREATE DATABASE {name} OWNER galore")
        self.env["DATABASE_URL"] = url = self.url_of(name)
        self.run("the tables cannot be made", self.program("overlord"),
                 "migrate", "up", "--execute", "--who", "bench")
        self.sql(url, "-f", f"{HERE}/stock.sql", n=n, stalls=stalls)
        if self.partitions != 12:
            self.sql(url, "-c", POSITIONS.format(self.partitions))
        self.checkpoint()
        return url

    def checkpoint(self):
        self.sql(self.admin_url, "-c", "CHECKPOINT")

    def drop(self, name):
        self.sql(self.admin_url, "-c",
                 f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def check(self, url, **expected):
        """Void when the database is not as it should be: see check.sql."""
        wrong = self.sql(url, "-f", f"{HERE}/check.sql", **expected)
        if wrong:
            raise Void(wrong.replace("\n", "; "))

    # ---- topics ----

    def topics(self, suffix):
        self.env["TOPIC_SUFFIX"] = suffix
        self.run("the topics cannot be made", self.program("overlord"),
                 "topics", "apply", "--execute", "--who", "bench")

    def forget_topics(self, suffix):
        names = ("orders", "restocks", "picks", "ledger", "toasties")
        self.run("topics cannot be deleted", self.program("probe"), "forget",
                 *[name + suffix for name in names],
                 *[name + ".dlq" + suffix for name in names
                   if name not in ("ledger",)])

    def fill(self, n, **env):
        self.run("the orders cannot be sent", self.program("stampede"),
                 **{"ORDERS": n, "SEED": self.settings["SEED"],
                    "LINGER_MS": 50, **env})

    def n_records(self, topic):
        return int(self.run("the topic's ends", self.program("probe"), "ends",
                            topic, str(self.partitions)))

    # ---- CPU of the servers ----

    def servers_cpu_s(self):
        return (proc.postgres_cpu_s(self.postmaster),
                proc.cpu_s([self.broker]))


def peers_built(bench):
    """Names of the peers that can be run; builds them, says which cannot be."""
    there = []
    script = f"{HERE}/peers/peers.sh"
    for name in ("go", "java", "node") if bench.settings["PEERS"] != "no" \
            else ():
        if not os.path.exists(script):
            say(f"the peer '{name}' is not there and is left out")
        elif subprocess.run([script, "build", name], check=False,
                            stdin=subprocess.DEVNULL).returncode:
            say(f"the peer '{name}' cannot be built and is left out")
        else:
            there.append(name)
    return there
