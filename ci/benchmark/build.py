"""Whole builds, and the memory that they take."""

from .common import (PRODUCT_IMAGE, TEST_IMAGE, forget_root_tree, ratio, say, seconds, step_medians,
                     table, verdict)
from .pack import PACK_STEPS

BUILD_STEPS = ["package archive", "root tree", *PACK_STEPS]


def build(bench):
    bench.prepare_cache()
    packages = {"--dev": [], "--release": []}
    trees = {"--dev": [], "--release": []}
    for number in range(bench.build_runs):
        for profile in packages:
            say(f"build {profile} {number + 1}/{bench.build_runs}")
            forget_root_tree(bench)
            packages[profile].append(bench.build([*TEST_IMAGE, profile]))
            # The initramfs of this profile is there now, and so is the tree.
            trees[profile].append(bench.build([*TEST_IMAGE, profile]))
    rows, steps = [], []
    for name, samples in [("packages in the cache", packages), ("root tree in the cache", trees)]:
        times = {key: [sample.total for sample in values] for key, values in samples.items()}
        against = ratio(times["--dev"], times["--release"])
        rows.append([name, seconds(times["--dev"]), seconds(times["--release"]), f"{against:.2f}",
                     verdict(against <= 0.5)])
        steps += [[f"{name}, `{key}`", *step_medians(values, BUILD_STEPS)]
                  for key, values in samples.items()]
    return (f"## Whole builds\n\n`debian-test`, {bench.build_runs} runs in turns, median and range, in "
            "seconds. The step \"package archive\" asks the mirror for its state.\n\n"
            + table(["", "`--dev`", "`--release`", "dev / release", "goal: at most 0.5"], rows)
            + "\nSteps, medians in seconds:\n\n" + table(["", *BUILD_STEPS], steps))


def memory(bench):
    bench.prepare_cache()
    rows = []
    for name, image in [("debian-test", TEST_IMAGE), ("debian", PRODUCT_IMAGE)]:
        for profile in ["--dev", "--release"]:
            say(f"memory {name} {profile}")
            bench.forget_initramfs()
            bench.forget_blocks()
            sample = bench.build([*image, profile], poll=True)
            peak = sample.peak_kib * 1024 / 1e6
            rows.append([f"`{name}`", f"`{profile}`", f"{sample.built['bytes'] / 1e6:.0f}",
                         f"{peak:.0f}", verdict(peak < 300)])
    return ("## Memory\n\nHigh-water mark of the resident memory (VmHWM) of anklume-build alone, read "
            "every 10 ms; the initramfs is made anew. One run each.\n\n"
            + table(["image", "", "image, MB", "peak, MB", "goal: under 300 MB"], rows))
