"""The squashfs tools of the suite that images are made from, in a folder of their own."""

import hashlib
import pathlib
import struct
import subprocess

from .common import ENVIRONMENT, LOADER, Trouble, run, timed

# The Debian that this machine runs may have older ones.
PACKAGES = "squashfs-tools,squashfs-tools-ng"


class Tools:
    """Programs, run by their own dynamic loader with their own libraries."""

    def __init__(self, bench):
        self.root = bench.work / "tools"
        run(["mmdebstrap", "--quiet", "--variant=extract", "--architectures=amd64",
             f"--include={PACKAGES}", "trixie", self.root, *bench.sources()])
        for name in ["tar2sqfs", "mksquashfs"]:
            flag = "-version" if name == "mksquashfs" else "--version"
            # mksquashfs ends with 1 when it only tells its version, in some releases.
            text = run(["sh", "-c", '"$@" || :', "sh", *self.command(name), flag])
            bench.versions[name] = text.splitlines()[0].split()[2 if name == "mksquashfs" else -1]

    def command(self, name):
        return [self.root / LOADER, "--library-path", self.root / "usr/lib/x86_64-linux-gnu",
                self.root / "usr/bin" / name]

    def tar2sqfs(self, target, level, block, threads):
        # Without --no-skip, which ends at a POSIX ACL; everybody else leaves just the ACL out, and
        # so does this without the option. An export table, as the other writers make by default.
        return [*self.command("tar2sqfs"), "--quiet", "--force", "--exportable", "--compressor",
                "zstd", "--comp-extra", f"level={level}", "--block-size", str(block), "--num-jobs",
                str(threads), "--defaults", "uid=0,gid=0,mode=0755,mtime=0", target]

    def mksquashfs(self, target, level, block, threads, source=None):
        """Reads a tar stream, or the folder `source`."""
        stream = ["-tar", "-root-mode", "0755", "-root-uid", "0", "-root-gid", "0", "-root-time", "0"]
        # With -tailends the ends of large files share fragment blocks, as the other writers do it.
        return [*self.command("mksquashfs"), source or "-", target, *([] if source else stream),
                "-comp", "zstd", "-Xcompression-level", str(level), "-b", str(block), "-processors",
                str(threads), "-tailends", "-noappend", "-quiet", "-no-progress", "-mkfs-time", "0"]

    def content(self, image):
        """Digest of every path, mode, owner, time, attribute and byte of a squashfs."""
        command = [str(word) for word in [*self.command("sqfs2tar"), "--no-skip", image]]
        digest = hashlib.sha256()
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
            while piece := process.stdout.read(1 << 20):
                digest.update(piece)
        if process.returncode != 0:
            raise Trouble(f"sqfs2tar ended with {process.returncode} on {image}")
        return digest.hexdigest()

    def stream(self, image, target):
        """Writes what the OS partition of `image` holds as a tar file."""
        packed = target.with_suffix(".squashfs")
        with image.open("rb") as file:
            # UEFI 2.10 section 5.3.3: entries of 128 bytes from LBA 2 on, StartingLBA at 32.
            file.seek(1024 + 3 * 128 + 32)
            start = struct.unpack("<Q", file.read(8))[0] * 512
            # Squashfs 4.0: its length is at 40.
            file.seek(start + 40)
            length = struct.unpack("<Q", file.read(8))[0]
            file.seek(start)
            packed.write_bytes(file.read(length))
        with target.open("wb") as file:
            timed([*self.command("sqfs2tar"), packed], stdout=file)
        packed.unlink()
        if target.stat().st_size < length:
            raise Trouble("the tar stream is shorter than the file system that it was read from")
        return target


def run_with(command, stream):
    """Wall and CPU seconds of `command`, which reads `stream`."""
    with pathlib.Path(stream).open("rb") as file:
        return timed(command, stdin=file, env=ENVIRONMENT)[:2]
