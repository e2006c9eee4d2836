"""Whole builds, beside mkosi and live-build."""

import statistics

from .common import TEST_IMAGE, Trouble, definition, forget_root_tree, ratio, say, seconds, table, verdict
from .live_build import LiveBuild
from .mkosi import Mkosi
from .trixie import Trixie

COLD, WARM = "packages in the cache", "built before; one file changed"


class Ours:
    """The builder, called as the others are."""

    name = "anklume-build --release"

    def __init__(self, bench):
        self.bench, self.extra = bench, bench.work / "ours-extra"
        (self.extra / "etc").mkdir(parents=True)

    def build(self, number, cold):
        """Wall and CPU seconds of one build, and the MB of its image."""
        if cold:
            forget_root_tree(self.bench)
        (self.extra / "etc/bench").write_text(f"{number:08}\n")
        sample = self.bench.build([*TEST_IMAGE, "--release", "--overlay", self.extra])
        return sample.total, sample.cpu, sample.built["bytes"] / 1e6


class Contest:
    """Builders that take turns. One that cannot go on is left out from then on."""

    def __init__(self, bench):
        self.bench = bench
        bench.prepare_cache()
        self.builders, self.out = [Ours(bench)], {}
        initrds = sorted((bench.cache / "initramfs").glob("*.img"), key=lambda p: p.stat().st_mtime)
        try:
            trixie = Trixie(bench)
        except Trouble as error:
            self.out["mkosi and live-build"] = str(error)
            return
        self.enter("mkosi, given our initramfs", lambda: Mkosi(trixie, initrds[-1]))
        self.enter("mkosi, with its own initrd", lambda: Mkosi(trixie))
        self.enter("live-build", lambda: LiveBuild(trixie))

    def enter(self, name, make):
        """Takes a builder in once it has filled its caches."""
        try:
            say(f"{name}: filling its caches")
            builder = make()
            builder.build(0, cold=False)
            self.builders.append(builder)
        except Trouble as error:
            self.leave(name, error)

    def leave(self, name, error):
        say(f"{name}: not measured: {error}")
        self.out[name] = str(error)

    def turn(self, number, samples):
        for builder in [builder for builder in self.builders if builder.name not in self.out]:
            try:
                for what in samples:
                    say(f"builders {number}/{self.bench.build_runs}: {builder.name}, {what}")
                    # Other bytes each time: a file that changed is what a warm build is for.
                    serial = 2 * number + (what == WARM)
                    samples[what].setdefault(builder.name, []).append(
                        builder.build(serial, what == COLD))
            except Trouble as error:
                if builder.name == Ours.name:
                    raise
                self.leave(builder.name, error)


def builders(bench):
    contest = Contest(bench)
    samples = {COLD: {}, WARM: {}}
    for number in range(bench.build_runs):
        contest.turn(number + 1, samples)
    level = definition("debian-test")["compression"]["release"]
    rows = [row for what, values in samples.items() for row in case_rows(what, values, contest.out)]
    return (f"## Beside other builders\n\nThe packages of `debian-test`, squashfs with zstd level {level}; "
            f"{bench.build_runs} runs in turns, median and range. \"{COLD}\": trees, initramfs and "
            f"compressed blocks are made anew. \"{WARM}\": each has what it keeps by itself, mkosi "
            "with `Incremental=yes`.\n\n"
            + table(["", "program", "n", "s", "CPU s", "image, MB", "ours / its time", "goal", ""],
                    rows))


def case_rows(what, values, out):
    ours = [sample[0] for sample in values[Ours.name]]
    rows = []
    for name, runs in values.items():
        if name in out:
            continue
        wall = [run[0] for run in runs]
        cpu, size = (statistics.median(run[at] for run in runs) for at in (1, 2))
        against = ratio(ours, wall)
        limit = 1 if what == COLD else 0.5
        goal = ["", ""]
        if name.startswith("mkosi"):
            goal = [f"at most {limit}", verdict(against <= limit)]
        rows.append([what, name, len(runs), seconds(wall), f"{cpu:.1f}", f"{size:.0f}",
                     f"{against:.2f}", *goal])
    return rows + [[what, name, 0, f"not measured: {reason}", *[""] * 5]
                   for name, reason in out.items()]
