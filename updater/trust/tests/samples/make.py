"""Makes `python-tuf/`: metadata of a repository, by the reference implementation of TUF.

    python3 -m venv venv && venv/bin/pip install tuf==7.0.1 cryptography
    venv/bin/python make.py

Same arguments give the same bytes, but for the versions of the tools.
"""

from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

OUT = Path(__file__).parent / "python-tuf"
END = datetime(2100, 1, 1, tzinfo=timezone.utc)


def signer(number):
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)))


def write(name, body, *numbers):
    metadata = Metadata(body)
    for number in numbers:
        metadata.sign(signer(number), append=True)
    data = metadata.to_bytes(JSONSerializer(compact=name != "timestamp.json"))
    (OUT / name).write_bytes(data)
    return data


def root(version, roles):
    body = Root(version=version, expires=END, consistent_snapshot=True)
    for role, (numbers, threshold) in roles.items():
        for number in numbers:
            body.add_key(signer(number).public_key, role)
        body.roles[role].threshold = threshold
    return body


roles = {"root": ([1, 2, 3], 2), "timestamp": ([10], 1), "snapshot": ([20], 1), "targets": ([30, 31], 2)}
write("1.root.json", root(1, roles), 1, 2)
roles |= {"root": ([2, 3, 4], 2), "timestamp": ([11], 1)}
write("2.root.json", root(2, roles), 1, 2, 3)
write("3.root.json", root(3, roles), 3, 4)

content = b"release 1"
file = TargetFile.from_data("anklume-1.iso", content, ["sha256", "sha512"])
file.unrecognized_fields["custom"] = {
    "notes": "größer \"und\" besser \\ \n\ttab \u2028 \U0001f600", "number": -5, "nothing": None, "flag": True,
    "z": [], "é": {}, "Z": 18446744073709551615,
}
targets = write("4.targets.json", Targets(version=4, expires=END, targets={file.path: file}), 31, 30)
meta = lambda version, data: MetaFile.from_data(version, data, ["sha256"])
snapshot = write("5.snapshot.json", Snapshot(5, expires=END, meta={"targets.json": meta(4, targets)}), 20)
write("timestamp.json", Timestamp(6, expires=END, snapshot_meta=meta(5, snapshot)), 11)
