"""From the root tree to the image, beside the squashfs tool alone."""

import shutil
import struct

from .common import (ENVIRONMENT, LOADER, TEST_IMAGE, Trouble, ratio, say, seconds, step_medians,
                     table, timed, verdict)


class Recorded:
    """The tar stream and the command line that the builder gives to its squashfs tool."""

    def __init__(self, bench, profile):
        self.stream = bench.work / f"stream{profile}.tar"
        self.target = bench.work / f"alone{profile}.squashfs"
        words, epoch = bench.work / "words", bench.work / "epoch"
        loader = bench.tool_tree() / LOADER
        real = loader.with_name("loader.real")
        loader.rename(real)
        try:
            # Runs in place of the tool tree's dynamic loader, which starts every tool.
            loader.write_text(
                "#!/bin/sh\ncase $* in\n*/tar2sqfs\\ *) ;;\n"
                f"*) exec '{real}' \"$@\" ;;\nesac\n"
                f"printf '%s\\n' \"$@\" >'{words}'\necho \"$SOURCE_DATE_EPOCH\" >'{epoch}'\n"
                f"tee '{self.stream}' | '{real}' \"$@\"\n")
            loader.chmod(0o755)
            bench.build([*TEST_IMAGE, profile])
        finally:
            real.rename(loader)
        self.environment = dict(ENVIRONMENT, SOURCE_DATE_EPOCH=epoch.read_text().strip())
        self.command = [loader, *words.read_text().splitlines()[:-1], self.target]
        # Whether the tool alone does the same work; also brings the stream into the page cache.
        self.run()
        if not self._is_in(bench.output):
            raise Trouble("the squashfs tool alone does not write what is in the image")

    def run(self):
        with self.stream.open("rb") as stream:
            return timed(self.command, stdin=stream, env=self.environment)[0]

    def _is_in(self, image):
        """Whether the fourth partition of `image` begins with what the tool wrote."""
        alone = self.target.read_bytes()
        with image.open("rb") as file:
            # UEFI 2.10 section 5.3.3: entries of 128 bytes from LBA 2 on, StartingLBA at 32.
            file.seek(1024 + 3 * 128 + 32)
            file.seek(struct.unpack("<Q", file.read(8))[0] * 512)
            return file.read(len(alone)) == alone


def pack(bench):
    bench.prepare_cache()
    text = "## From the root tree to the image\n\n"
    rows, steps = [], []
    for profile in ["--dev", "--release"]:
        recorded = Recorded(bench, profile)
        alone, cached, fresh = [], [], []
        for number in range(bench.runs):
            say(f"pack {profile} {number + 1}/{bench.runs}")
            alone.append(recorded.run())
            cached.append(bench.build([*TEST_IMAGE, profile]))
            if number < bench.build_runs:
                shutil.rmtree(bench.cache / "initramfs")
                fresh.append(bench.build([*TEST_IMAGE, profile]))
        rows += pack_rows(profile, alone, cached, fresh)
        steps.append([f"`{profile}`", *step_medians(cached, PACK_STEPS)])
        recorded.stream.unlink()
    return (text + f"`debian-test`; {bench.runs} runs in turns ({bench.build_runs} where the initramfs "
            "is made anew), median and range. \"The squashfs tool alone\" is the builder's own tar2sqfs "
            "with the builder's own arguments, on the recorded tar stream in the page cache; its output "
            "is the same, byte for byte. The builder's time runs until it ends, which includes flushing "
            "the image to the disk.\n\n"
            + table(["", "s", "against the tool", "goal: at most 1.10"], rows)
            + "\nSteps with the initramfs in the cache, medians in seconds:\n\n"
            + table(["", *PACK_STEPS], steps))


PACK_STEPS = ["reading the tree", "root file system", "hash tree", "boot loader", "image file"]


def pack_rows(profile, alone, cached, fresh):
    rows = [[f"`{profile}`: the squashfs tool alone", seconds(alone), "1", ""]]
    for samples, name in [(cached, "in the cache"), (fresh, "made anew")]:
        times = [sample.pack for sample in samples]
        against = ratio(times, alone)
        rows.append([f"`{profile}`: anklume-build, initramfs {name}", seconds(times),
                     f"{against:.2f}", verdict(against <= 1.1)])
    return rows
