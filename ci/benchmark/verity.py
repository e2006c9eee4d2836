"""The hash tree, beside `veritysetup format`."""

import json
import os
import pathlib
import statistics

from .common import ENVIRONMENT, ROOT, Trouble, ratio, run, say, seconds, table, timed, verdict

SALT = "8d1c9a3bf02e47565f1d9be0a2c4710e33b0a9f6c7d8e9fa0b1c2d3e4f506172"
UUID = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"


def verity(bench):
    run(["cargo", "build", "--quiet", "--release", "-p", "anklume-verity", "--example",
         "verity_bench"], cwd=ROOT)
    metadata = json.loads(run(["cargo", "metadata", "--format-version=1", "--no-deps"], cwd=ROOT))
    program = pathlib.Path(metadata["target_directory"]) / "release/examples/verity_bench"
    data, ours, theirs = (bench.work / name for name in ["data", "ours", "theirs"])
    with data.open("wb") as file:
        for _ in range(bench.mib):
            file.write(os.urandom(1 << 20))
    # Into the page cache, where all programs find it.
    run(["cksum", data])
    format_command = ["veritysetup", "format", f"--salt={SALT}", f"--uuid={UUID}", data, theirs]
    our_command = [program, data, ours, SALT, UUID]
    one_thread = dict(ENVIRONMENT, RAYON_NUM_THREADS="1")
    samples = {"veritysetup": [], "ours": [], "one": []}
    for number in range(bench.runs):
        say(f"verity {number + 1}/{bench.runs}")
        theirs.unlink(missing_ok=True)
        samples["veritysetup"].append(timed(format_command))
        samples["ours"].append(timed(our_command))
        if ours.read_bytes() != theirs.read_bytes():
            raise Trouble("the hash trees differ")
        samples["one"].append(timed(our_command, env=one_thread))
    bench.versions["veritysetup"] = run(["veritysetup", "--version"]).split()[1]
    for path in [data, ours, theirs]:
        path.unlink()
    return verity_table(bench, samples)


def verity_table(bench, samples):
    names = {"veritysetup": "`veritysetup format`", "ours": "anklume-verity",
             "one": "anklume-verity, one thread"}
    wall = {key: [sample[0] for sample in values] for key, values in samples.items()}
    rows = []
    for key, name in names.items():
        cpu = [sample[1] for sample in samples[key]]
        rows.append([name, seconds(wall[key]), f"{statistics.median(cpu):.2f}",
                     f"{bench.mib / statistics.median(wall[key]):.0f}",
                     f"{ratio(wall['veritysetup'], wall[key]):.2f}"])
    goal = ratio(wall["veritysetup"], wall["ours"])
    return (f"## Hash tree\n\n{bench.mib} MiB in the page cache, same bytes written, "
            f"{bench.runs} runs in turns, median and range.\n\n"
            + table(["program", "s", "CPU s", "MiB/s", "times as fast"], rows)
            + f"\nGoal: at least 2 times as fast. {goal:.2f}: {verdict(goal >= 2)}.\n")
