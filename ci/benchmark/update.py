"""Publishing, and an update from a product with older packages: how much is fetched, how fast it is."""

import json
import os
import shutil
import subprocess
import tomllib

from .common import ROOT, ratio, run, say, seconds, table, timed, verdict
from .limits import READ, WRITE, stick
from .rebuild import Apt, entry, fields, locked, needs, older, source

# Packages with an older version, if the archive has as many.
OLDER = 30


def changes(apt, packages):
    """Pairs of an older version and the newest one, as a lock describes them: whole sources, so that
    what has to change together does. The largest come first."""
    names = {package["name"] for package in packages}
    text = run(["apt-cache", "show", *sorted(names)], env=apt.environment)
    known = [fields(paragraph) for paragraph in text.split("\n\n") if paragraph.strip()]
    by_source = {}
    for package in packages:
        versions = [each for each in known if each["Package"] == package["name"]
                    and each["Architecture"] == package["architecture"]]
        own = [each for each in versions if each["Version"] == package["version"]]
        others = [each for each in versions if older(each["Version"], package["version"])
                  and "/main/" in each["Filename"] and needs(each) <= names]
        if own:
            pair = (locked(others[0]), package) if others else None
            by_source.setdefault(source(own[0]), []).append(pair)
    whole = [pairs for pairs in by_source.values() if all(pairs)]
    whole.sort(key=lambda pairs: -sum(package["size"] for _, package in pairs))
    found = []
    for pairs in whole:
        if len(found) + len(pairs) <= OLDER:
            found += pairs
    return found


class Versions:
    """Two images of the product, the first with older packages, and keys that both trust."""

    def __init__(self, bench):
        self.bench, self.folder = bench, bench.work / "update"
        images = self.folder / "images"
        images.mkdir(parents=True)
        shutil.copy2(ROOT / "images/debian.toml", images)
        (self.folder / "overlays").symlink_to(ROOT / "overlays")
        self.image, self.lock = images / "debian.toml", images / "debian.lock"
        bench.copy_cache(blocks=True)
        say("update: locking the product")
        run([bench.builder, "lock", "--image", self.image, "--cache", bench.cache, "--json"])
        self.keys = self.folder / "keys"
        run([bench.builder, "keys", "new", self.keys])
        newest = self.lock.read_text()
        apt = Apt(bench.cache)
        self.changes = changes(apt, tomllib.loads(newest)["root"])
        self.new = self.build("new.iso", "20.2", ["--format", "iso"])
        before = newest
        for old, now in self.changes:
            apt.download(old, bench.cache / "debs")
            before = before.replace(entry(now), entry(old))
        self.lock.write_text(before)
        # A disk with both slots: what a stick is after its first boot, which gives it a GUID of its own.
        self.medium = self.build("old.raw", "20.1", ["--format", "raw"])
        run(["sgdisk", "--disk-guid=R", self.medium])

    def build(self, name, version, options):
        say(f"update: building {name}")
        output = self.folder / name
        run([self.bench.builder, "--image", self.image, "-o", output, "--cache", self.bench.cache,
             "--image-version", version, "--update-root", self.keys / "1.root.json", *options, "--json"])
        return output


# Phases of a preparation, as the engine calls them, and what they are for people.
LOOKING, WRITING, COMPARING = ["refresh", "check", "scan"], ["write", "flush"], ["verify"]


class Runs:
    """What some preparations and copies took, at one speed of the disk."""

    def __init__(self, versions, release, url, prefix):
        self.versions, self.release, self.url, self.prefix = versions, release, url, prefix
        self.whole, self.phases, self.copies, self.answers = [], [], [], []

    def once(self):
        medium = self.versions.folder / "medium.raw"
        run(["cp", "--sparse=always", self.versions.medium, medium])
        wall, _, said = timed([*self.prefix, f"{self.release}/anklume-update-prepare", medium,
                               self.versions.keys / "1.root.json", self.url, "bench"])
        answer = json.loads(said)
        self.whole.append(wall)
        self.phases.append(answer["phases"])
        self.answers.append(answer)
        copy, _, _ = timed([*self.prefix, "dd", f"if={self.versions.new}", f"of={medium}.dd", "bs=1M",
                            "oflag=direct", f"count={answer['total-bytes'] // 2**20}", "conv=fsync"],
                           stderr=subprocess.DEVNULL)
        self.copies.append(copy)
        os.unlink(f"{medium}.dd")

    def of(self, names):
        return [sum(took for phase, took in run if phase in names) for run in self.phases]

    def rows(self, name):
        writing = self.of(WRITING)
        speed = 1 / ratio(writing, self.copies)
        beside = [
            ("choosing a version, and looking at the slot that runs", self.of(LOOKING), ""),
            ("writing and flushing", writing, f"at least 0.8 of dd's speed: {speed:.2f}, "
             + verdict(speed >= 0.8)),
            ("reading back", self.of(COMPARING), ""),
            ("all of it", self.whole, f"{1 / ratio(self.whole, self.copies):.2f} of dd's speed"),
        ]
        rows = [[f"{name}: {what}", seconds(took), f"{ratio(took, self.copies):.2f}", goal]
                for what, took, goal in beside]
        return rows + [[f"{name}: dd oflag=direct", seconds(self.copies), "1", ""]]


def update(bench):
    """Needs two programs of the tests beside the builder: one that prepares, one that serves files."""
    run(["cargo", "build", "--release", "--package", "anklume-update-tests", "--bin",
         "anklume-update-prepare", "--package", "anklume-web", "--bin", "anklume-web"], cwd=ROOT)
    target = run(["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT)
    release = json.loads(target)["target_directory"] + "/release"
    versions = Versions(bench)
    repository = versions.folder / "repository"
    publish = [bench.builder, "publish", versions.new, "--repo", repository, "--channel", "bench",
               "--keys", versions.keys, "--new"]
    published, _, _ = timed(publish)
    whole = os.path.getsize(versions.new)
    server = subprocess.Popen([f"{release}/anklume-web", repository], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        with stick(versions.folder) as slowly:
            speeds = {"this disk": Runs(versions, release, url, [])}
            if slowly:
                name = f"a stick, {READ // 10**6} MB/s read, {WRITE // 10**6} written"
                speeds[name] = Runs(versions, release, url, slowly)
            for _ in range(bench.runs):
                for runs in speeds.values():
                    runs.once()
    finally:
        server.kill()
    answers = [answer for runs in speeds.values() for answer in runs.answers]
    fetched, written = answers[0]["fetched-bytes"], answers[0]["total-bytes"]
    peak = max(answer["peak-bytes"] for answer in answers)
    others = sum(path.stat().st_size for path in repository.rglob("*")
                 if path.is_file() and path.suffix not in [".iso", ".update"])
    share, per_gb = (fetched + others) / whole, published * 1e9 / whole
    first = [
        ["publishing", f"{whole / 2**20:.0f} MiB in {published:.2f} s",
         f"under 10 s for 1 GB: {per_gb:.1f} s, " + verdict(per_gb < 10)],
        ["fetched", f"{fetched / 2**20:.1f} of {whole / 2**20:.0f} MiB, and {others / 2**20:.2f} of lists "
         "and signed files at most",
         f"under 20 %: {share:.1%}, " + verdict(share < 0.2)],
        ["memory", f"{peak / 2**20:.0f} MiB to write {written / 2**20:.0f} MiB",
         "under 64 MiB, " + verdict(peak < 64 << 20)],
    ]
    rows = [row for name, runs in speeds.items() for row in runs.rows(name)]
    packages = ", ".join(sorted(now["name"] for _, now in versions.changes))
    told = "" if slowly else "\nThe speed of a stick was not tried: it takes root and cgroup version 1.\n"
    return ("## Updates\n\n" + table(["what", "found", "goal"], first) + "\n"
            + table([f"preparing, {bench.runs} runs", "seconds", "beside dd", "goal"], rows) + told
            + f"\n{len(versions.changes)} packages are newer, as many as the archive has older versions "
            + f"of: {packages}.\n")
