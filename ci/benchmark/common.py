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
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEST_IMAGE = ["--image", str(ROOT / "images/debian-test.toml")]
# Building ZFS's module would be most of a first build.
PRODUCT_IMAGE = ["--image", str(ROOT / "images/debian.toml"), "--without", "zfs"]
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
    before, start = children_cpu(), time.monotonic()
    output = run(command, **options)
    return time.monotonic() - start, children_cpu() - before, output


def children_cpu():
    """CPU seconds of all children that have ended, and of theirs."""
    now = os.times()
    return now.children_user + now.children_system


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


def example(package, name):
    """An example program of one of our crates, compiled for release."""
    run(["cargo", "build", "--quiet", "--release", "-p", package, "--example", name], cwd=ROOT)
    metadata = json.loads(run(["cargo", "metadata", "--format-version=1", "--no-deps"], cwd=ROOT))
    return pathlib.Path(metadata["target_directory"]) / "release/examples" / name


class Sample:
    """One build: when its steps began and ended, CPU, and the memory that the builder took."""

    def __init__(self, builder, arguments, poll=False):
        os.sync()
        command = [str(word) for word in [builder, *arguments, "--json", "--force"]]
        self.starts, self.steps, self.built, self.peak_kib = {}, {}, None, 0
        before, start = children_cpu(), time.monotonic()
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
        self.cpu = children_cpu() - before
        # Everything after the trees are there. A build that found its own image has not read one.
        self.pack = self.total - self.starts.get("reading the tree", self.total)

    def between_steps(self):
        """Seconds in which no step was under way; steps may run beside each other."""
        covered, end = 0, 0
        for name, begin in sorted(self.starts.items(), key=lambda item: item[1]):
            until = begin + self.steps.get(name, 0)
            covered += max(0, until - max(begin, end))
            end = max(end, until)
        return max(0, self.total - covered)

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
        self.runs, self.build_runs, self.levels = options.runs, options.build_runs, options.levels
        self.mib, self.work, self.folder = options.mib, work, options.work
        self.cache, self.filled = work / "cache", False
        dist = os.environ.get("ANKLUME_DIST") or run(["cargo", "xtask", "build"], cwd=ROOT).strip()
        self.builder = pathlib.Path(dist).resolve() / "anklume-build"
        self.output = work / "bench.iso"
        # Of the programs, for the table; asked here, so that what is missing ends no long run.
        self.versions = {"anklume-build": run([self.builder, "--version"]).split()[-1],
                         "mmdebstrap": run(["mmdebstrap", "--version"]).split()[-1]}

    def sources(self):
        """Lines of sources.list that a build takes, if this machine's apt has any."""
        plan = json.loads(run([self.builder, *TEST_IMAGE, "--dry-run", "--json"]))
        return [line for line in plan[0]["details"] if line.startswith("deb ")]

    def build(self, arguments, poll=False):
        """One build. The image of the one before goes: a build that would make the same one leaves
        it alone."""
        self.output.unlink(missing_ok=True)
        arguments = [*arguments, "-o", self.output, "--cache", self.cache]
        return Sample(self.builder, arguments, poll)

    def prepare_cache(self):
        """A cache of our own, filled from the user's: runs remove trees from it. It has what the
        test image needs."""
        if self.filled:
            return
        self.copy_cache()
        say("filling the cache")
        for profile in ["--dev", "--release"]:
            self.build([*TEST_IMAGE, profile])
        self.filled = True

    def copy_cache(self, blocks=False):
        """As much of the cache as the user has; compressed blocks where no build is timed."""
        if not self.cache.is_dir():
            theirs = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
            say(f"copying {theirs / 'anklume-build'}")
            copy_cache(theirs / "anklume-build", self.cache,
                       ["debs/*.deb", "trees/*.tar*"] + [f"{BLOCKS}/*"] * blocks)

    def forget_blocks(self):
        """Leaves nothing that was compressed before but the initramfs."""
        shutil.rmtree(self.cache / BLOCKS, ignore_errors=True)

    def forget_initramfs(self):
        shutil.rmtree(self.cache / "initramfs", ignore_errors=True)


def copy_cache(source, target, files):
    """What a cache knows of the package archive, and those of its `files` that match. These are
    linked where that works: nothing is ever written to one that has its name."""
    target.mkdir()
    if (source / "archive").is_dir():
        run(["cp", "-a", source / "archive", target])
    for path in (path for pattern in files for path in source.glob(pattern)):
        copied = target / path.relative_to(source)
        copied.parent.mkdir(exist_ok=True)
        try:
            os.link(path, copied)
        except OSError:
            shutil.copy2(path, copied)


def holds(tree, path):
    """Whether a tree has a file."""
    command = ["tar", "-t", "-f", tree, f"./{path}"]
    return subprocess.run(command, capture_output=True).returncode == 0


def product_tree(bench):
    """The newest root tree of the product, as a tar file; made if there is none."""
    bench.copy_cache()
    for made in [False, True]:
        if made:
            say("making the product's root tree")
            bench.build([*PRODUCT_IMAGE, "--dev"])
        trees = sorted((bench.cache / "trees").glob("*.tar"), key=lambda path: -path.stat().st_mtime)
        for tree in trees:
            if holds(tree, "usr/bin/incus"):
                return tree
    raise Trouble("no tree in the cache holds usr/bin/incus, not even after a build of the product")


def forget_root_tree(bench):
    """Leaves packages and the tool tree, as a builder has its tools installed; the rest goes."""
    for path in (bench.cache / "trees").glob("*.tar"):
        if not holds(path, "usr/bin/grub-mkimage"):
            path.unlink()
    bench.forget_initramfs()
    bench.forget_blocks()


def step_medians(samples, names):
    median = statistics.median
    return [f"{median(sample.steps.get(name, 0) for sample in samples):.2f}" for name in names]
