#!/usr/bin/env python3
"""compare_profiles: how far two device profiles of one machine disagree on the kernels that both have as points.

  tools/compare_profiles.py first.json second.json

Prints, by class of kernels, the median and the 90 % quantile of |second / first - 1|. Classes are those of the table
in kernels/README.md: products with m, n, k >= 512, other products, attention, memory-bound kernels. Exit code 3: a
file is no profile, or the two have no kernel in common.
"""
import argparse
import json
import sys


def read_points(path):
    """{(kernel, dtype, dims, causal): microseconds} of a profile."""
    try:
        with open(path, encoding="utf-8") as file:
            profile = json.load(file)
        points = profile["points"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(fail(f"{path}: no device profile with points: {error!r}"))
    times = {}
    for point in points:
        number, unit = point["time"].split()
        scale = {"us": 1.0, "ms": 1e3, "s": 1e6, "ns": 1e-3}[unit]
        key = (point["kernel"], point["dtype"], tuple(point["dims"]), point.get("causal", False))
        times[key] = float(number) * scale
    return times


def fail(text):
    print(text, file=sys.stderr)
    return 3


def class_of(key):
    kernel, _, dims, _ = key
    if "gemm" in kernel:
        return "gemm, m, n, k >= 512" if min(dims[:3]) >= 512 else "gemm, smaller"
    return "attention" if "attention" in kernel else "memory-bound"


def quantile(values, p):
    """By linear interpolation between order statistics, as sim/ledger/statistics.h."""
    values = sorted(values)
    place = p * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first")
    parser.add_argument("second")
    options = parser.parse_args(arguments)
    first, second = read_points(options.first), read_points(options.second)
    differences = {}
    for key in sorted(first.keys() & second.keys()):
        differences.setdefault(class_of(key), []).append(abs(second[key] / first[key] - 1))
    if not differences:
        return fail(f"{options.first} and {options.second} have no kernel in common")
    print(f"{'kernels in both':<24}{'count':>7}{'median':>10}{'90 %':>10}")
    for name, values in sorted(differences.items()) + [("all", sum(differences.values(), []))]:
        print(f"{name:<24}{len(values):>7}{100 * quantile(values, 0.5):>8.1f} %{100 * quantile(values, 0.9):>8.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
