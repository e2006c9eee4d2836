"""The product once more: after nothing, a file of an overlay, or one package changed."""

import functools
import os
import shutil
import statistics
import tomllib

from .common import (PRODUCT_IMAGE, ROOT, Sample, Trouble, copy_cache, ratio, run, say, seconds, table,
                     verdict)

FULL, NOTHING, OVERLAY, PACKAGE = "everything", "nothing", "one file of an overlay", "one package"
ASKED = " (no lock: the archive is asked)"


class Locked:
    """The product with a lock, of which there are two: one package is older in the first."""

    def __init__(self, bench, packages):
        """Takes the newest packages from the cache `packages`."""
        self.bench, self.cache = bench, bench.work / "locked-cache"
        self.output = bench.work / "locked.iso"
        images = bench.work / "locked/images"
        images.mkdir(parents=True)
        shutil.copy2(ROOT / "images/debian.toml", images)
        (bench.work / "locked/overlays").symlink_to(ROOT / "overlays")
        self.image, self.lock = images / "debian.toml", images / "debian.lock"
        say("rebuild: locking the product")
        run([bench.builder, "lock", "--image", self.image, "--cache", packages, "--json"])
        self.newest = self.lock.read_text()
        apt, lock = Apt(packages), tomllib.loads(self.newest)
        self.change = apt.older(lock["root"])
        replaced = [(f"epoch = {lock['epoch']}", f"epoch = {lock['epoch'] - 86400}")]
        if self.change:
            apt.download(self.change[0], packages / "debs")
            replaced.append(tuple(entry(package) for package in reversed(self.change)))
        self.before = self.newest
        for old, new in replaced:
            if self.before.count(old) != 1:
                raise Trouble(f"{self.lock} does not hold once: {old}")
            self.before = self.before.replace(old, new)
        copy_cache(packages, self.cache, ["debs/*.deb"])

    def forget_all(self):
        """Leaves package files and nothing else."""
        for path in self.cache.iterdir():
            if path.name not in ["archive", "debs"]:
                shutil.rmtree(path)
        self.output.unlink(missing_ok=True)

    def build(self, lock, overlay):
        self.lock.write_text(lock)
        arguments = ["--image", self.image, "-o", self.output, "--cache", self.cache, "--overlay",
                     overlay]
        return Sample(self.bench.builder, arguments)

    def change_in_words(self):
        """Which package it is."""
        if not self.change:
            return "Today the archive has no older version of any package that could change alone."
        before, now = self.change
        return f"One package is {now['name']}, {before['version']} to {now['version']}."


class Apt:
    """What the archive has, as the builder's own apt verified it."""

    def __init__(self, cache):
        # The one that was asked a moment ago, if there are several.
        states = sorted(cache.glob("archive/*/state.json"), key=lambda path: path.stat().st_mtime)
        if not states:
            raise Trouble(f"{cache} knows no package archive")
        self.environment = dict(os.environ, LC_ALL="C.UTF-8",
                                APT_CONFIG=str(states[-1].parent / "etc/apt.conf"))

    def older(self, packages):
        """An older version of a package that the archive has besides the newest one, and that: both
        as a lock describes them. It is the largest such package of main. What shares its source with
        others is left out, since they would have to change together, and so is what needs packages
        that are not there. None if there is no such package."""
        names = {package["name"] for package in packages}
        text = run(["apt-cache", "show", *sorted(names)], env=self.environment)
        known = [fields(paragraph) for paragraph in text.split("\n\n") if paragraph.strip()]
        versions = {(package["name"], package["version"]) for package in packages}
        sources = [source(each) for each in known if (each["Package"], each["Version"]) in versions]
        pairs = []
        for package in packages:
            for other in (each for each in known if each["Package"] == package["name"]):
                if (sources.count(source(other)) == 1 and "/main/" in other["Filename"]
                        and other["Architecture"] == package["architecture"]
                        and older(other["Version"], package["version"])
                        and needs(other) <= names):
                    pairs.append((locked(other), package))
        return max(pairs, key=lambda pair: pair[1]["size"], default=None)

    def download(self, package, folder):
        """Fetches the file of `package`, which apt verifies."""
        words = f"{package['name']}={package['version']}"
        run(["apt-get", "-q", "-q", "download", words], cwd=folder, env=self.environment)


def fields(paragraph):
    """Fields of one line each."""
    lines = [line for line in paragraph.splitlines() if not line.startswith(" ")]
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def source(paragraph):
    return paragraph.get("Source", paragraph["Package"]).split()[0]


def needs(paragraph):
    """Names of packages that it depends on; of alternatives, the first."""
    text = ", ".join(paragraph.get(field, "") for field in ["Pre-Depends", "Depends"])
    return {clause.split("|")[0].split("(")[0].split(":")[0].strip()
            for clause in text.split(",") if clause.strip()}


def older(version, other):
    # An exit code says it, which is no trouble.
    return run(["sh", "-c", 'dpkg --compare-versions "$1" lt "$2" && echo yes || :', "sh", version,
                other]).strip() == "yes"


def locked(paragraph):
    """A package as a lock describes it."""
    path = paragraph["Filename"]
    archive = "security" if path.startswith("pool/updates/") else "main"
    return {"name": paragraph["Package"], "version": paragraph["Version"],
            "architecture": paragraph["Architecture"], "size": int(paragraph["Size"]),
            "sha256": paragraph["SHA256"], "path": path, "archive": archive}


def entry(package):
    """A package as it stands in a lock file."""
    lines = [f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"'
             for key, value in package.items()]
    return "\n".join(["[[root]]", *lines, ""])


class Rounds:
    """Builds in turns. All have one overlay more than the product, with one small file."""

    def __init__(self, bench):
        self.bench, self.output = bench, bench.work / "asked.iso"
        bench.copy_cache()
        self.locked = Locked(bench, bench.cache)
        self.extra = bench.work / "extra"
        (self.extra / "etc").mkdir(parents=True)
        self.serial = 0
        self.change_file()
        say("rebuild: the product without a lock")
        self.asked()
        names = [FULL, NOTHING, OVERLAY, *([PACKAGE] if self.locked.change else []), NOTHING + ASKED,
                 OVERLAY + ASKED]
        self.samples = {name: [] for name in names}

    def change_file(self):
        """Other bytes each time, and as many of them."""
        self.serial += 1
        (self.extra / "etc/bench").write_text(f"{self.serial:08}\n")

    def asked(self):
        """A build without a lock."""
        return Sample(self.bench.builder, [*PRODUCT_IMAGE, "-o", self.output, "--cache",
                                           self.bench.cache, "--overlay", self.extra])

    def take(self, name, build):
        say(f"rebuild: {name} changed, {len(self.samples[name]) + 1}")
        sample = build()
        if sample.built["unchanged"] != name.startswith(NOTHING):
            raise Trouble(f"rebuild: {name} changed, but the builder says otherwise of its image")
        self.samples[name].append(sample)

    def turn(self, repeats):
        """Each build differs from the one before in just what its name says."""
        before = functools.partial(self.locked.build, self.locked.before, self.extra)
        self.locked.forget_all()
        self.take(FULL, before)
        for _ in range(repeats):
            self.change_file()
            for kind, build in [("", before), (ASKED, self.asked)]:
                self.take(OVERLAY + kind, build)
                self.take(NOTHING + kind, build)
        if self.locked.change:
            self.take(PACKAGE, lambda: self.locked.build(self.locked.newest, self.extra))


def rebuild(bench):
    rounds = Rounds(bench)
    for _ in range(bench.build_runs):
        # What is short is done as often as short things are.
        rounds.turn(-(-bench.runs // bench.build_runs))
    return rebuild_table(rounds)


def rebuild_table(rounds):
    full = [sample.total for sample in rounds.samples[FULL]]
    goals = {NOTHING: ("at most 1 s", lambda times: statistics.median(times) <= 1),
             OVERLAY: ("at most 5 s", lambda times: statistics.median(times) <= 5),
             PACKAGE: ("at most 0.5 of everything", lambda times: ratio(times, full) <= 0.5)}
    rows = []
    for name, samples in rounds.samples.items():
        times = [sample.total for sample in samples]
        cpu = statistics.median(sample.cpu for sample in samples)
        goal, met = goals.get(name.removesuffix(ASKED), ("", None))
        rows.append([name, len(times), seconds(times), f"{cpu:.1f}", f"{ratio(times, full):.3f}", goal,
                     verdict(met(times)) if met else ""])
    return ("## The product, built again\n\n`debian --release`, runs in turns, median and range. "
            "\"Everything\" begins with package files and nothing else; each of the others follows a "
            "build that differs in just what changed, with the image of that under the output's name. "
            "Packages are those of a lock, the second of two a day apart, or the newest ones. "
            f"{rounds.locked.change_in_words()}\n\n"
            + table(["what changed", "n", "s", "CPU s", "of everything", "goal", ""], rows)
            + "\nWhere the time goes, medians in seconds; steps may run beside each other:\n\n"
            + step_table(rounds.samples))


def step_table(samples):
    """A row a step, a column a case."""
    names = list(dict.fromkeys(name for runs in samples.values() for run in runs
                               for name in run.steps))
    rows = []
    for name in names:
        times = [[run.steps[name] for run in runs if name in run.steps] for runs in samples.values()]
        rows.append([name, *(f"{statistics.median(each):.2f}" if each else "" for each in times)])
    rest = [statistics.median(run.between_steps() for run in runs) for runs in samples.values()]
    rows.append(["between steps, start and end", *(f"{each:.2f}" for each in rest)])
    return table(["", *samples], rows)
