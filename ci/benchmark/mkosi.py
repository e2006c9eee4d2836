"""mkosi, set to what the definition of the test image says."""

import shutil

from .common import definition
from .trixie import left_out, package_names

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
    """A folder of mkosi's. Given an initramfs, it does not make its own."""

    def __init__(self, trixie, initrd=None):
        self.trixie, self.definition = trixie, definition("debian-test")
        self.name = "mkosi, given our initramfs" if initrd else "mkosi, with its own initrd"
        self.folder = trixie.bench.work / ("mkosi-given" if initrd else "mkosi-own")
        trixie.bench.versions["mkosi"] = trixie.version("mkosi")
        self.configure(initrd)

    def configure(self, initrd):
        apt, extra = self.folder / "mkosi.sandbox/etc/apt", self.folder / "mkosi.extra/etc"
        # The workspace lies where the image goes: a rename, not a copy, ends the build.
        for made in ["mkosi.repart", "packages", "cache", "out", "workspace", extra,
                     apt / "sources.list.d", apt / "apt.conf.d"]:
            (self.folder / made).mkdir(parents=True)
        (apt / "apt.conf.d/proxy").write_text("\n".join([*self.trixie.proxies(), ""]))
        # With this name it replaces mkosi's own list, which asks for debugging symbols, too.
        (apt / "sources.list.d/mkosi.sources").write_text(deb822(self.trixie.lines))
        if initrd:
            shutil.copy2(initrd, self.folder / "initrd.img")
        (self.folder / "mkosi.conf").write_text(self.settings(initrd))
        for part, text in REPART.items():
            level = self.definition["compression"]["release"]
            text = "[Partition]\n" + text.format(level=level, esp=64 if initrd else 256)
            (self.folder / f"mkosi.repart/{part}.conf").write_text(text)

    def settings(self, initrd):
        system, kernel = self.definition["os"], self.definition["kernel"]
        # mkosi takes the stub of the UKI from the image.
        packages = [*package_names(self.definition), kernel["package"], "systemd-boot-efi"]
        return MKOSI_CONF.format(
            suite=system["suite"], components=",".join(system["components"]),
            initrds="Initrds=initrd.img\nKernelModulesInitrd=no" if initrd else "",
            command_line=" ".join(kernel["command-line"]), packages="\n    ".join(packages),
            removed="\n    ".join(left_out(self.definition)))

    def build(self, number, cold):
        """Wall and CPU seconds of one build, and what its image takes on the disk in MB. Files of
        packages are in its cache; unless `cold`, so is its image of installed packages."""
        (self.folder / "mkosi.extra/etc/bench").write_text(f"{number:08}\n")
        # Without --incremental it would remove the images of a cache folder that it is told of.
        kept = [] if cold else ["--incremental=yes", "--cache-directory=/bench/cache"]
        wall, cpu = self.trixie.run(self.folder, "mkosi", "--force", *kept, "build")
        return wall, cpu, (self.folder / "out/bench.raw").stat().st_blocks * 512 / 1e6


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
