"""The squashfs writer, beside mksquashfs and tar2sqfs, on the product's root file system."""

import json
import os
import pathlib
import statistics
import subprocess
import time

from .common import ENVIRONMENT, ROOT, Trouble, definition, run, say, seconds, table
from .reference import Tools

PRODUCT_IMAGE = ["--image", str(ROOT / "images/debian.toml")]
# The default of a release, that of a trial, and the highest one that still pays.
LEVELS = [3, 15, 19]


def writer(bench):
    run(["cargo", "build", "--quiet", "--release", "-p", "anklume-squashfs-writer", "--example",
         "mkfs_bench"], cwd=ROOT)
    metadata = json.loads(run(["cargo", "metadata", "--format-version=1", "--no-deps"], cwd=ROOT))
    program = pathlib.Path(metadata["target_directory"]) / "release/examples/mkfs_bench"
    bench.prepare_cache()
    tools = Tools(bench)
    bench.build([*PRODUCT_IMAGE, "--dev"])
    stream = tools.stream(bench.output, bench.work / "product.tar")
    block = int(definition("debian")["compression"]["block"].removesuffix("KiB")) << 10
    threads, target = len(os.sched_getaffinity(0)), bench.work / "packed"
    rows = []
    for level in LEVELS:
        commands = {
            "anklume": [program, stream, target, str(level), str(threads), str(block >> 10)],
            "mksquashfs": tools.mksquashfs(target, level, block, threads),
            "tar2sqfs": tools.tar2sqfs(target, level, block, threads),
        }
        samples = {name: [] for name in commands}
        # The highest level takes minutes a run.
        for number in range(bench.runs if level < 15 else 1):
            for name, command in commands.items():
                say(f"writer level {level}, {name} {number + 1}")
                target.unlink(missing_ok=True)
                samples[name].append(measured(command, stream, target))
        rows += level_rows(level, samples)
    stream.unlink()
    return ("## Squashfs writer\n\nThe OS of `debian` as a tar stream in the page cache, zstd, blocks of "
            f"{block >> 10} KiB, {threads} threads; {bench.runs} runs in turns at level {LEVELS[0]}, one "
            "at the others. Times and sizes relative to mksquashfs; the memory is the peak of the whole "
            "process.\n\n"
            + table(["level", "program", "s", "CPU s", "memory, MB", "size, MB", "time", "size"], rows))


def level_rows(level, samples):
    median = statistics.median
    reference = samples["mksquashfs"]
    rows = []
    for name, values in samples.items():
        wall, cpu, memory, size = ([value[i] for value in values] for i in range(4))
        time_ratio = median(wall) / median(value[0] for value in reference)
        rows.append([level, name, seconds(wall), f"{median(cpu):.1f}", f"{max(memory):.0f}",
                     f"{size[0] / 1e6:.1f}", f"{time_ratio:.2f}", f"{size[0] / reference[0][3]:.3f}"])
    return rows


def measured(command, stream, target):
    """Wall and CPU seconds, peak memory in MB, bytes written."""
    os.sync()
    start = time.monotonic()
    with stream.open("rb") as source:
        process = subprocess.Popen([str(word) for word in command], stdin=source, env=ENVIRONMENT,
                                   stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Trouble(f"{command[0]} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, target.stat().st_size
