"""From the root tree to the image, beside the squashfs tools alone."""

import os

from .common import TEST_IMAGE, definition, ratio, say, seconds, step_medians, table, verdict
from .reference import Tools, run_with

PACK_STEPS = ["reading the tree", "root file system", "hash tree", "boot loader", "image file"]


class Profile:
    """The runs of one profile."""

    def __init__(self, bench, tools, profile):
        compression = definition("debian-test")["compression"]
        level = compression[profile.removeprefix("--")]
        block = int(compression["block"].removesuffix("KiB")) << 10
        self.bench, self.arguments = bench, [*TEST_IMAGE, profile]
        bench.build(self.arguments)
        self.stream = tools.stream(bench.output, bench.work / f"stream{profile}.tar")
        target, threads = bench.work / "alone.squashfs", len(os.sched_getaffinity(0))
        self.alone = {"tar2sqfs": tools.tar2sqfs(target, level, block, threads),
                      "mksquashfs": tools.mksquashfs(target, level, block, threads)}
        self.times = {name: [] for name in self.alone}
        self.anew, self.cached, self.first = [], [], []

    def turn(self, first):
        for name, command in self.alone.items():
            self.times[name].append(run_with(command, self.stream)[0])
        self.bench.forget_blocks()
        self.anew.append(self.bench.build(self.arguments))
        self.cached.append(self.bench.build(self.arguments))
        if first:
            self.bench.forget_blocks()
            self.bench.forget_initramfs()
            self.first.append(self.bench.build(self.arguments))

    def rows(self, profile):
        alone = self.times["tar2sqfs"]
        rows = [[f"`{profile}`: {name} alone", seconds(times), f"{ratio(times, alone):.2f}", ""]
                for name, times in self.times.items()]
        for samples, what in [(self.first, "nothing in the cache"),
                              (self.anew, "initramfs in the cache"),
                              (self.cached, "initramfs and blocks in the cache")]:
            times = [sample.pack for sample in samples]
            against = ratio(times, alone)
            rows.append([f"`{profile}`: anklume-build, {what}", seconds(times), f"{against:.2f}",
                         verdict(against <= 1.1)])
        return rows


def pack(bench):
    bench.prepare_cache()
    tools = Tools(bench)
    rows, steps = [], []
    for profile in ["--dev", "--release"]:
        runs = Profile(bench, tools, profile)
        for number in range(bench.runs):
            say(f"pack {profile} {number + 1}/{bench.runs}")
            runs.turn(number < bench.build_runs)
        rows += runs.rows(profile)
        for samples, what in [(runs.anew, "blocks made anew"), (runs.cached, "blocks in the cache")]:
            steps.append([f"`{profile}`, {what}", *step_medians(samples, PACK_STEPS)])
        runs.stream.unlink()
    return ("## From the root tree to the image\n\n"
            f"`debian-test`; {bench.runs} runs in turns ({bench.build_runs} with nothing in the cache), "
            "median and range. The tools alone read the OS of the same image as a tar stream from the "
            "page cache, with the image's block size and level. The builder's time begins when the "
            "trees are there and runs until it ends, which includes flushing the image to the disk.\n\n"
            + table(["", "s", "against tar2sqfs", "goal: at most 1.10"], rows)
            + "\nSteps, medians in seconds:\n\n" + table(["", *PACK_STEPS], steps))
