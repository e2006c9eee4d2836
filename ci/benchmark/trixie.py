"""A Debian 13 in which other builders run, entered as its root."""

import os
import shutil

from .common import Trouble, run, say, timed

# What mkosi 25 needs for a disk with squashfs, dm-verity and a UKI, and live-build for an ISO file.
PACKAGES = ["apt", "ca-certificates", "cpio", "cryptsetup-bin", "dctrl-tools",
            "debian-archive-keyring", "debootstrap", "dosfstools", "e2fsprogs", "file",
            "fonts-dejavu-core", "grub-common", "grub-efi-amd64-bin", "grub-efi-ia32-bin",
            "grub-pc-bin", "isolinux", "kmod", "librsvg2-bin", "live-build", "mkosi", "mtools",
            "squashfs-tools", "systemd-boot-efi", "systemd-repart", "systemd-ukify", "uidmap",
            "wget", "xorriso", "xz-utils", "zstd"]

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

# Every mount is in a namespace of its own, and every process in another one: whatever ends the first
# of them, the kernel ends the others and takes the mounts away.
ALONE = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL",
         "--mount-proc"]


class Trixie:
    """The folder with the Debian 13, kept between runs of this script."""

    def __init__(self, bench):
        if os.geteuid() != 0:
            raise Trouble("the other builders run in a Debian 13 that only root can enter; run as root")
        self.bench, self.lines = bench, bench.sources()
        if not self.lines:
            raise Trouble("this machine's apt knows no mirror that the other builders could be given")
        self.root = bench.folder / "trixie-root"
        self.enter = bench.work / "enter"
        self.enter.write_text(ENTER)
        if self.wanted() != self.kept():
            self.make()

    def wanted(self):
        return "\n".join([*PACKAGES, *self.lines, ""])

    def kept(self):
        """What the folder that is there was made of. It has got its name when it was complete."""
        made = self.root / "etc/bench-made"
        return made.read_text() if made.exists() else None

    def make(self):
        say("making a Debian 13 with mkosi and live-build")
        shutil.rmtree(self.root, ignore_errors=True)
        part = self.root.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        run([*ALONE, "mmdebstrap", "--quiet", "--mode=root", "--format=directory",
             f"--include={','.join(PACKAGES)}", "--aptopt=APT::Install-Recommends \"false\"", "trixie",
             part, *self.lines])
        (part / "etc/bench-made").write_text(self.wanted())
        part.rename(self.root)

    def version(self, package):
        """Version of one of its packages."""
        return run(["dpkg-query", f"--root={self.root}", "--show", "--showformat=${Version}", package])

    def run(self, folder, *command):
        """Wall and CPU seconds of `command`, which sees `folder` as /bench and begins there."""
        command = [*ALONE, "sh", self.enter, self.root, folder, *command]
        with (folder / "log").open("w+") as log:
            try:
                return timed(command, stdout=log, stderr=log)[:2]
            except Trouble:
                log.seek(0)
                say("".join(log.readlines()[-20:]))
                raise

    def mirror(self, suite):
        """Where the packages of `suite` are."""
        for line in self.lines:
            url, found = line.split("] ")[-1].removeprefix("deb ").split()[:2]
            if found == suite:
                return url
        raise Trouble(f"this machine's apt knows no mirror of {suite}")

    def proxies(self):
        """apt's settings for proxies."""
        lines = run(["apt-config", "dump"]).splitlines()
        return [line for line in lines if line.startswith("Acquire::") and "Proxy" in line]


def package_names(definition):
    return [name for group in definition["packages"] for name in group["install"]]


def left_out(definition):
    """Paths that no image holds. What else the definition leaves out is the builders' own business:
    kernels, caches, documentation."""
    return [path for path in definition["paths"]["leave-out"]
            if path.startswith("/usr/") and not path.startswith("/usr/share/doc/")]
