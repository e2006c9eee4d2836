"""Whole builds, beside mkosi."""

import json
import os
import shutil
import statistics

from .common import (ROOT, TEST_IMAGE, Trouble, forget_root_tree, ratio, run, say, seconds, table, timed,
                     verdict)

# What mkosi 25 needs for a disk with squashfs, dm-verity and a UKI.
MKOSI_PACKAGES = ("mkosi,systemd-repart,systemd-ukify,systemd-boot-efi,squashfs-tools,cryptsetup-bin,"
                  "dosfstools,mtools,e2fsprogs,cpio,zstd,kmod,apt,debian-archive-keyring,"
                  "uidmap,ca-certificates")

# mkosi changes how `/` is mounted, so that `/` must be a mount point: chroot(2) is not enough.
ENTER = """set -eu
root=$1 work=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
for folder in run tmp; do mount -t tmpfs tmpfs "$root/$folder"; done
mkdir -p "$root/bench"
mount --bind "$work" "$root/bench"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cd "$root"
pivot_root . mnt
umount -l /mnt
cd /bench
exec "$@"
"""

MKOSI_CONF = """[Distribution]
Distribution=debian
Release={suite}
Architecture=x86-64
Repositories={components}

[Output]
Format=disk
ImageId=bench
CompressOutput=no
OutputDirectory=out

[Build]
PackageCacheDirectory=packages
WorkspaceDirectory=workspace
BuildSources=
Incremental=no
Environment=INITRD=No

[Content]
Bootable=yes
Bootloader=uki
{initrds}
WithDocs=no
WithRecommends=no
KernelCommandLine={command_line}
Packages={packages}
RemoveFiles={removed}
"""

REPART = {
    "00-esp": "Type=esp\nFormat=vfat\nCopyFiles=/efi:/\nSizeMinBytes={esp}M\n"
              "SizeMaxBytes={esp}M\n",
    "10-root": "Type=root\nFormat=squashfs\nCompression=zstd\nCompressionLevel={level}\n"
               "CopyFiles=/\nVerity=data\nVerityMatchKey=root\nMinimize=best\n",
    "20-verity": "Type=root-verity\nVerity=hash\nVerityMatchKey=root\nMinimize=best\n",
}


class Mkosi:
    """mkosi in a Debian 13 of its own, set to what the definition of the test image says."""

    def __init__(self, bench):
        import tomllib  # Python 3.11; nothing else here needs it.
        self.bench = bench
        self.definition = tomllib.loads((ROOT / "images/debian-test.toml").read_text())
        plan = json.loads(run([bench.builder, *TEST_IMAGE, "--dry-run", "--json"]))
        self.lines = plan[0]["details"]
        # Kept between runs of this script.
        self.root = bench.folder / "mkosi-root"
        if not (self.root / "usr/bin/mkosi").exists():
            say("making a Debian 13 with mkosi")
            run(["mmdebstrap", "--quiet", "--mode=root", "--format=directory",
                 f"--include={MKOSI_PACKAGES}", "--aptopt=APT::Install-Recommends \"false\"",
                 self.definition["os"]["suite"], self.root, *self.lines])
        self.enter = bench.work / "enter"
        self.enter.write_text(ENTER)
        version = run(["chroot", self.root, "mkosi", "--version"]).split()[-1]
        bench.versions["mkosi"] = version

    def configure(self, name, initrd):
        """A folder for one configuration; with `initrd`, mkosi does not make its own."""
        folder = self.bench.work / name
        apt = folder / "mkosi.sandbox/etc/apt"
        # The workspace lies where the image goes: a rename, not a copy, ends the build.
        for made in ["mkosi.repart", "packages", "out", "workspace", apt / "sources.list.d",
                     apt / "apt.conf.d"]:
            (folder / made).mkdir(parents=True)
        proxies = run(["apt-config", "dump"]).splitlines()
        proxies = [line for line in proxies if line.startswith("Acquire::") and "Proxy" in line]
        (apt / "apt.conf.d/proxy").write_text("\n".join([*proxies, ""]))
        # With this name it replaces mkosi's own list, which asks for debugging symbols, too.
        (apt / "sources.list.d/mkosi.sources").write_text(deb822(self.lines))
        if initrd:
            shutil.copy2(initrd, folder / "initrd.img")
        (folder / "mkosi.conf").write_text(self.settings(initrd))
        for part, text in REPART.items():
            level = self.definition["compression"]["release"]
            text = "[Partition]\n" + text.format(level=level, esp=64 if initrd else 256)
            (folder / f"mkosi.repart/{part}.conf").write_text(text)
        return folder

    def settings(self, initrd):
        definition, separator = self.definition, "\n    "
        packages = [name for group in definition["packages"] for name in group["install"]]
        # mkosi takes the stub of the UKI from the image.
        packages += [definition["kernel"]["package"], "systemd-boot-efi"]
        # The rest is mkosi's own business: kernels, caches, documentation.
        removed = [path for path in definition["paths"]["leave-out"]
                   if path.startswith("/usr/") and not path.startswith("/usr/share/doc/")]
        return MKOSI_CONF.format(
            suite=definition["os"]["suite"], components=",".join(definition["os"]["components"]),
            initrds="Initrds=initrd.img\nKernelModulesInitrd=no" if initrd else "",
            command_line=" ".join(definition["kernel"]["command-line"]),
            packages=separator.join(packages), removed=separator.join(removed))

    def build(self, folder):
        """Wall and CPU seconds of one build, and what its image takes on the disk in MB."""
        command = ["unshare", "--mount", "sh", self.enter, self.root, folder,
                   "mkosi", "--force", "build"]
        with (folder / "log").open("w+") as log:
            try:
                wall, cpu, _ = timed(command, stderr=log)
            except Trouble:
                log.seek(0)
                say("".join(log.readlines()[-20:]))
                raise
        return wall, cpu, (folder / "out/bench.raw").stat().st_blocks * 512 / 1e6


def deb822(lines):
    """Lines `deb [signed-by=FILE] URL SUITE COMPONENT...` in the format of .sources files."""
    stanzas = []
    for line in lines:
        options, rest = line.removeprefix("deb [").split("] ", 1)
        url, suite, components = rest.split(" ", 2)
        key = options.split("signed-by=")[1].split()[0]
        stanzas.append(f"Types: deb\nURIs: {url}\nSuites: {suite}\nComponents: {components}\n"
                       f"Signed-By: {key}\n")
    return "\n".join(stanzas)


def mkosi(bench):
    if os.geteuid() != 0:
        raise Trouble("mkosi runs in a Debian 13 that only root can enter; run as root")
    bench.prepare_cache()
    initrds = sorted((bench.cache / "initramfs").glob("*.img"), key=lambda p: p.stat().st_mtime)
    tool = Mkosi(bench)
    folders = {"mkosi, given our initramfs": tool.configure("mkosi-given", initrds[-1]),
               "mkosi, with its own initrd": tool.configure("mkosi-own", None)}
    for name, folder in folders.items():
        say(f"{name}: filling its package cache")
        tool.build(folder)
    ours, theirs = [], {name: [] for name in folders}
    for number in range(bench.build_runs):
        say(f"mkosi {number + 1}/{bench.build_runs}")
        forget_root_tree(bench)
        before = os.times()
        sample = bench.build([*TEST_IMAGE, "--release"])
        after = os.times()
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        ours.append((sample.total, cpu, sample.built["bytes"] / 1e6))
        for name, folder in folders.items():
            theirs[name].append(tool.build(folder))
    return mkosi_table(bench, tool, {"anklume-build --release": ours, **theirs})


def mkosi_table(bench, tool, samples):
    wall = {name: [sample[0] for sample in values] for name, values in samples.items()}
    ours = wall["anklume-build --release"]
    rows = []
    for name, values in samples.items():
        cpu, size = (statistics.median(sample[i] for sample in values) for i in (1, 2))
        against = ratio(wall[name], ours)
        goal = "" if wall[name] is ours else verdict(against > 1)
        rows.append([name, seconds(wall[name]), f"{cpu:.1f}", f"{size:.0f}", f"{against:.2f}", goal])
    level = tool.definition["compression"]["release"]
    return (f"## Beside mkosi\n\nThe packages of `debian-test`, squashfs with zstd level {level}, "
            "dm-verity, UKI; packages in the cache of each, trees and initramfs made anew. "
            f"{bench.build_runs} runs in turns, median and range.\n\n"
            + table(["program", "s", "CPU s", "image, MB", "its time / ours", "goal: we are faster"],
                    rows))
