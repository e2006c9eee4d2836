"""Running and timing programs, building images, Markdown."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEST_IMAGE = ["--image", str(ROOT / "images/debian-test.toml")]
# cryptsetup lies in sbin, which ordinary users do not search.
ENVIRONMENT = dict(os.environ, LC_ALL="C.UTF-8", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
# Folder of the cache that holds compressed blocks.
BLOCKS = "blocks-v1"
# Of a tree: starts its programs.
LOADER = "usr/lib64/ld-linux-x86-64.so.2"


class Trouble(Exception):
    """Something that keeps the measuring from going on."""


def definition(name):
    """An image definition of this repository."""
    import tomllib  # Python 3.11
    return tomllib.loads((ROOT / f"images/{name}.toml").read_text())


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    """Runs `command` to its end and returns its standard output."""
    options.setdefault("env", ENVIRONMENT)
    options.setdefault("stdout", subprocess.PIPE)
    command = [str(word) for word in command]
    try:
        ended = subprocess.run(command, text=True, **options)
    except FileNotFoundError as error:
        raise Trouble(f"{command[0]}: {error.strerror}; ci/setup installs what is needed") from error
    if ended.returncode != 0:
        raise Trouble(f"{command[0]} ended with {ended.returncode}: {' '.join(command)}")
    return ended.stdout


def timed(command, **options):
    """Wall and CPU seconds of `command`, and its standard output."""
    # What earlier runs wrote must not be flushed at this one's cost.
    os.sync()
    before, start = os.times(), time.monotonic()
    output = run(command, **options)
    wall, after = time.monotonic() - start, os.times()
    cpu = after.children_user + after.children_system
    return wall, cpu - before.children_user - before.children_system, output


def seconds(values):
    """Median and range of `values`."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.2f} ({low:.2f}-{high:.2f})"


def ratio(values, others):
    return statistics.median(values) / statistics.median(others)


def table(head, rows):
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def verdict(met):
    return "met" if met else "MISSED"


class Sample:
    """One build: when its steps began and ended, and the memory that the builder took."""

    def __init__(self, builder, arguments, poll=False):
        os.sync()
        command = [str(word) for word in [builder, *arguments, "--json", "--force"]]
        self.starts, self.steps, self.built, self.peak_kib = {}, {}, None, 0
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        if poll:
            # Ends with the process, which is not reaped before its output has been read.
            threading.Thread(target=self._poll, args=[process.pid], daemon=True).start()
        try:
            for line in process.stdout:
                self._take(json.loads(line), time.monotonic() - start)
            code = process.wait()
        finally:
            if process.poll() is None:
                # It removes its own files, and ends the programs that it runs.
                process.terminate()
                process.wait()
        self.total = time.monotonic() - start
        if code != 0:
            raise Trouble(f"a build ended with {code}: {' '.join(command)}")
        # Everything after the trees are there.
        self.pack = self.total - self.starts["reading the tree"]

    def _take(self, event, now):
        if event["event"] == "started":
            self.starts[event["step"]] = now
        elif event["event"] == "finished":
            self.steps[event["step"]] = event["seconds"]
        elif event["event"] == "built":
            self.built = event

    def _poll(self, pid):
        # The high-water mark of this process alone; what wait4(2) tells counts its children, too.
        while True:
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return
            marks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
            if not marks:
                return
            self.peak_kib = max(self.peak_kib, int(marks[0]))
            time.sleep(0.01)


class Bench:
    """Programs, folders and numbers of runs."""

    def __init__(self, options, work):
        self.runs, self.build_runs = options.runs, options.build_runs
        self.mib, self.work, self.folder = options.mib, work, options.work
        self.cache = work / "cache"
        dist = os.environ.get("ANKLUME_DIST") or run(["cargo", "xtask", "build"], cwd=ROOT).strip()
        self.builder = pathlib.Path(dist).resolve() / "anklume-build"
        self.output = work / "bench.iso"
        # Of the programs, for the table; asked here, so that what is missing ends no long run.
        self.versions = {"anklume-build": run([self.builder, "--version"]).split()[-1],
                         "mmdebstrap": run(["mmdebstrap", "--version"]).split()[-1]}

    def build(self, arguments, poll=False):
        arguments = [*arguments, "-o", self.output, "--cache", self.cache]
        return Sample(self.builder, arguments, poll)

    def prepare_cache(self):
        """A cache of our own, filled from the user's: runs remove trees from it."""
        if self.cache.is_dir():
            return
        (self.cache / "trees").mkdir(parents=True)
        theirs = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        theirs /= "anklume-build"
        for source in [theirs / "archive", theirs / "debs"]:
            if source.is_dir():
                say(f"copying {source}")
                run(["cp", "-a", "--reflink=auto", source, self.cache])
        # With the digests beside them, without which they would be made again.
        for source in (theirs / "trees").glob("*.tar*"):
            try:
                os.link(source, self.cache / "trees" / source.name)
            except OSError:
                shutil.copy2(source, self.cache / "trees")
        say("filling the cache")
        for profile in ["--dev", "--release"]:
            self.build([*TEST_IMAGE, profile])

    def forget_blocks(self):
        """Leaves nothing that was compressed before but the initramfs."""
        shutil.rmtree(self.cache / BLOCKS, ignore_errors=True)

    def forget_initramfs(self):
        shutil.rmtree(self.cache / "initramfs", ignore_errors=True)


def has_grub(tree):
    """Whether a tree is that of the tools."""
    command = ["tar", "-t", "-f", tree, "./usr/bin/grub-mkimage"]
    return subprocess.run(command, capture_output=True).returncode == 0


def forget_root_tree(bench):
    """Leaves packages and the tool tree, as a builder has its tools installed; the rest goes."""
    for path in (bench.cache / "trees").glob("*.tar"):
        if not has_grub(path):
            path.unlink()
    bench.forget_initramfs()
    bench.forget_blocks()


def step_medians(samples, names):
    median = statistics.median
    return [f"{median(sample.steps.get(name, 0) for sample in samples):.2f}" for name in names]
