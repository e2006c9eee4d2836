"""The squashfs writer, beside mksquashfs and tar2sqfs, on the product's root tree."""

import os
import statistics
import subprocess
import time

from .common import (ENVIRONMENT, Trouble, definition, example, product_tree, ratio, run, say, seconds,
                     table, verdict)
from .reference import Tools

THREADS = 2
# From this level on a run takes minutes, and fewer of them must do.
SLOW_LEVEL = 19
SLOW_RUNS = 3
OURS = "anklume"
UNPACKED = "mksquashfs, unpacked tree"


class Writers:
    """The programs that are compared, and what they read."""

    def __init__(self, bench):
        self.program = example("anklume-squashfs-writer", "mkfs_bench")
        self.tools = Tools(bench)
        self.tar, self.target = product_tree(bench), bench.work / "packed"
        self.block = int(definition("debian")["compression"]["block"].removesuffix("KiB")) << 10
        self.folder = None
        if os.geteuid() == 0:
            # Owners, devices and capabilities need root.
            self.folder = bench.work / "unpacked"
            self.folder.mkdir()
            run(["tar", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", self.tar, "-C",
                 self.folder], stderr=subprocess.DEVNULL)
        else:
            say("writer: without root there is no unpacked tree for mksquashfs")

    def commands(self, level, unpacked):
        """What is run at `level`; mksquashfs also with an unpacked tree if it is asked for."""
        tools, target, block = self.tools, self.target, self.block
        commands = {
            OURS: [self.program, self.tar, target, str(level), str(THREADS), str(block >> 10)],
            "mksquashfs": tools.mksquashfs(target, level, block, THREADS),
            "tar2sqfs": tools.tar2sqfs(target, level, block, THREADS),
        }
        if unpacked and self.folder:
            commands[UNPACKED] = tools.mksquashfs(target, level, block, THREADS, self.folder)
        return commands

    def measured(self, command):
        """Wall and CPU seconds, peak memory in MB, bytes written."""
        self.target.unlink(missing_ok=True)
        # Into the page cache: the programs before this one wrote images.
        run(["cksum", self.tar])
        os.sync()
        start = time.monotonic()
        with self.tar.open("rb") as source:
            process = subprocess.Popen([str(word) for word in command], stdin=source, env=ENVIRONMENT,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            words = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.stderr.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise Trouble(f"{command[0]} ended with {process.returncode}: {words.strip()[-300:]}")
        cpu = usage.ru_utime + usage.ru_stime
        return wall, cpu, usage.ru_maxrss * 1024 / 1e6, self.target.stat().st_size


def writer(bench):
    writers = Writers(bench)
    rows, goals = [], []
    for level in bench.levels:
        runs = min(bench.runs, SLOW_RUNS) if level >= SLOW_LEVEL else bench.runs
        samples = level_samples(writers, level, runs, level == min(bench.levels))
        rows += level_rows(level, runs, samples)
        goals.append(level_goals(level, samples))
    size = writers.tar.stat().st_size / 1e6
    return (f"## Squashfs writer\n\nThe root tree of `debian`, a tar file of {size:.0f} MB in the page "
            f"cache, to squashfs with zstd, blocks of {writers.block >> 10} KiB, {THREADS} threads, tails "
            "packed, export table. Runs in turns, median and range; memory is the largest of the runs. "
            "Every image of a level was read back with sqfs2tar: the same paths, modes, owners, times, "
            "attributes and bytes.\n\n"
            + table(["level", "program", "n", "s", "CPU s", "memory, MB", "size, MB"], rows)
            + "\n" + table(["level", "s / faster reference", "goal: at most 0.95",
                            "size / mksquashfs", "goal: at most 1.00", "memory, MB",
                            "goal: at most 200"], goals))


def level_samples(writers, level, runs, unpacked):
    commands = writers.commands(level, unpacked)
    samples = {name: [] for name in commands}
    contents = {}
    for number in range(runs):
        for name, command in commands.items():
            say(f"writer level {level}, {name} {number + 1}/{runs}")
            samples[name].append(writers.measured(command))
            if number == 0:
                contents[name] = writers.tools.content(writers.target)
    odd = [name for name, content in contents.items() if content != contents[OURS]]
    if odd:
        raise Trouble(f"level {level}: what {', '.join(odd)} packed is not what {OURS} packed")
    return samples


def columns(values):
    """Wall seconds, CPU seconds, memory and sizes of some runs."""
    return [[value[at] for value in values] for at in range(4)]


def level_rows(level, runs, samples):
    rows = []
    for name, values in samples.items():
        wall, cpu, memory, size = columns(values)
        rows.append([level, name, runs, seconds(wall), f"{statistics.median(cpu):.1f}",
                     f"{max(memory):.0f}", f"{statistics.median(size) / 1e6:.2f}"])
    return rows


def level_goals(level, samples):
    wall, _, memory, size = columns(samples[OURS])
    references = {name: columns(values)[0] for name, values in samples.items() if name != OURS}
    fastest = min(references, key=lambda name: statistics.median(references[name]))
    against = ratio(wall, references[fastest])
    larger = ratio(size, columns(samples["mksquashfs"])[3])
    return [level, f"{against:.2f} ({fastest})", verdict(against <= 0.95), f"{larger:.4f}",
            verdict(larger <= 1), f"{max(memory):.0f}", verdict(max(memory) <= 200)]
