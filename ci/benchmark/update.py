"""Publishing, and an update from a product with older packages: how much is fetched, how fast it is."""

import json
import os
import shutil
import subprocess
import tomllib

from .common import PRODUCT_IMAGE, ROOT, ratio, run, say, seconds, table, timed
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
        bench.copy_cache()
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
        # A disk with both slots: what a stick is after its first boot.
        self.medium = self.build("old.raw", "20.1", ["--format", "raw"])

    def build(self, name, version, options):
        say(f"update: building {name}")
        output = self.folder / name
        run([self.bench.builder, "--image", self.image, "-o", output, "--cache", self.bench.cache,
             "--image-version", version, "--update-root", self.keys / "1.root.json", *options, "--json"])
        return output


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
        fetched, dd, took, peak = [], [], [], []
        for _ in range(bench.runs):
            medium = versions.folder / "medium.raw"
            run(["cp", "--sparse=always", versions.medium, medium])
            wall, _, said = timed([f"{release}/anklume-update-prepare", medium,
                                   versions.keys / "1.root.json", url, "bench"])
            answer = json.loads(said)
            fetched.append(answer["fetched-bytes"])
            took.append(wall)
            peak.append(answer["peak-bytes"])
            written = answer["total-bytes"]
            copy, _, _ = timed(["dd", f"if={versions.new}", f"of={medium}.dd", "bs=1M", "oflag=direct",
                                f"count={written // 2**20}", "conv=fsync"], stderr=subprocess.DEVNULL)
            dd.append(copy)
    finally:
        server.kill()
    share = fetched[0] / whole
    rows = [
        ["publish", f"{whole / 2**20:.0f} MiB", seconds([published]), "", "under 10 s for 1 GB"],
        ["fetched", f"{fetched[0] / 2**20:.1f} MiB", f"{share:.1%} of the image", "", "under 20 %"],
        ["prepare, all of it", f"{written / 2**20:.0f} MiB", seconds(took), ratio(took, dd), ""],
        ["memory of it", f"{max(peak) / 2**20:.0f} MiB", "", "", "under 64 MiB"],
        ["dd oflag=direct", f"{written / 2**20:.0f} MiB", seconds(dd), "1", ""],
    ]
    packages = ", ".join(sorted(now["name"] for _, now in versions.changes))
    return ("## Updates\n\n" + table(["what", "bytes", "seconds", "beside dd", "goal"], rows)
            + f"\n\n{len(versions.changes)} packages are newer: {packages}.\n")
