"""Reads `ours/` with the client of the reference implementation of TUF.

    python3 -m venv venv && venv/bin/pip install tuf==7.0.1 cryptography
    venv/bin/python check.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

OURS = Path(__file__).parent / "ours"


class Folder(FetcherInterface):
    def _fetch(self, url):
        path = OURS / url.rpartition("/")[2]
        if not path.exists():
            raise DownloadHTTPError("missing", 404)
        yield path.read_bytes()


with TemporaryDirectory() as state:
    updater = Updater(
        state, "folder:", fetcher=Folder(), bootstrap=(OURS / "1.root.json").read_bytes(),
    )
    updater.refresh()
    target = updater.get_targetinfo("anklume-1.iso")
    target.verify_length_and_hashes(b"release 1")
    trusted = updater._trusted_set
    print(
        "root", trusted.root.version, "timestamp", trusted.timestamp.version,
        "snapshot", trusted.snapshot.version, "targets", trusted.targets.version, target.custom,
    )
