"""live-build, set to what the definition of the test image says."""

import shutil

from .common import definition
from .trixie import package_names


class LiveBuild:
    """A folder of live-build's."""

    name = "live-build"

    def __init__(self, trixie):
        self.trixie, self.definition = trixie, definition("debian-test")
        self.folder = trixie.bench.work / "live-build"
        lists = self.folder / "config/package-lists"
        lists.mkdir(parents=True)
        trixie.bench.versions["live-build"] = trixie.version("live-build")
        # Its initramfs is made by initramfs-tools, which tiny-initramfs stands in for elsewhere.
        names = [name for name in package_names(self.definition) if name != "tiny-initramfs"]
        (lists / "bench.list.chroot").write_text("\n".join([*names, ""]))
        rootfs = self.folder / "config/rootfs"
        rootfs.mkdir()
        excluded = self.definition["paths"]["leave-out"]
        (rootfs / "excludes").write_text("".join(f"{path.lstrip('/')}\n" for path in excluded))
        self.extra = self.folder / "config/includes.chroot/etc"
        self.extra.mkdir(parents=True)

    def config(self):
        system, trixie = self.definition["os"], self.trixie
        mirror, security = (trixie.mirror(system["suite"] + end) for end in ["", "-security"])
        proxy = [line.split('"')[1] for line in trixie.proxies()
                 if line.startswith("Acquire::http::Proxy ")]
        level = self.definition["compression"]["release"]
        options = {
            "distribution": system["suite"], "archive-areas": " ".join(system["components"]),
            "mirror-bootstrap": mirror, "mirror-chroot": mirror, "mirror-binary": mirror,
            "mirror-chroot-security": security, "mirror-binary-security": security,
            "apt-http-proxy": "".join(proxy[:1]),
            "debootstrap-options": "--variant=minbase",
            "linux-packages": "linux-image", "linux-flavours": "amd64",
            "binary-image": "iso-hybrid", "bootloaders": "grub-pc grub-efi",
            "chroot-filesystem": "squashfs", "chroot-squashfs-compression-type": "zstd",
            "chroot-squashfs-compression-level": str(level),
            "debian-installer": "none", "memtest": "none", "checksums": "none",
            "uefi-secure-boot": "disable",
            # Its tools are there, as those of the other builders are.
            "build-with-chroot": "false",
            **dict.fromkeys(["apt-recommends", "apt-indices", "apt-source-archives", "firmware-chroot",
                             "firmware-binary", "source", "win32-loader", "zsync"], "false"),
        }
        return ["lb", "config", *(word for name, value in options.items() if value
                                  for word in [f"--{name}", value])]

    def build(self, number, cold):
        """Wall and CPU seconds of one build, and the MB of its image. Files of packages are in its
        cache; unless `cold`, so is the tree of essential packages, which it keeps by itself."""
        self.trixie.run(self.folder, "lb", "clean")
        if cold and (self.folder / "cache").is_dir():
            for path in (self.folder / "cache").iterdir():
                if not path.name.startswith("packages."):
                    shutil.rmtree(path)
        (self.extra / "bench").write_text(f"{number:08}\n")
        self.trixie.run(self.folder, *self.config())
        wall, cpu = self.trixie.run(self.folder, "lb", "build")
        image = self.folder / "live-image-amd64.hybrid.iso"
        return wall, cpu, image.stat().st_size / 1e6
