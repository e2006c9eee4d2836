"""A disk as slow as a USB stick, by the kernel's limits for block devices: as root, cgroup version 1."""

import contextlib
import os
import pathlib

BLKIO = pathlib.Path("/sys/fs/cgroup/blkio")
# Bytes per second that are assumed of a USB 3 stick.
READ, WRITE = 120_000_000, 40_000_000


@contextlib.contextmanager
def stick(folder):
    """Gives words that run the command behind them with the disk of `folder` as slow as a stick, or
    nothing where that cannot be done."""
    device = os.stat(folder).st_dev
    # Limits are those of whole disks.
    node = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if os.geteuid() != 0 or not (BLKIO / "tasks").exists() or not node.exists():
        yield None
        return
    disk = node.resolve().parent if (node / "partition").exists() else node
    number = (disk / "dev").read_text().strip()
    group = BLKIO / f"anklume-bench-{os.getpid()}"
    group.mkdir()
    try:
        (group / "blkio.throttle.read_bps_device").write_text(f"{number} {READ}\n")
        (group / "blkio.throttle.write_bps_device").write_text(f"{number} {WRITE}\n")
        yield ["sh", "-c", 'echo $$ >"$0"; exec "$@"', group / "tasks"]
    finally:
        group.rmdir()
