#!/usr/bin/env python3
"""compare_profiles: how far two device profiles of one machine disagree on the kernels that both have as points.

  tools/compare_profiles.py first.json second.json [--json]

Prints, by class of kernels, the median and the 90 % quantile of |second / first - 1|. Classes are those that `stepcast
profile` prints: products with m, n, k >= 512, other products, attention, convolutions, memory-bound kernels; and "all".
With --json {"only_in_first", "only_in_second", "classes": [{"name", "kernels", "median_abs", "p90_abs"}]}. Exit code
3: a file is no profile, or the two have no kernel in common.
"""
import argparse
import json
import sys

MICROSECONDS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}


class NoProfile(Exception):
    pass


def read_point(point):
    """((kernel, dtype, dims, causal), microseconds)."""
    number, unit = point["time"].split()
    time = float(number) * MICROSECONDS[unit]
    if not 0 < time < float("inf"):
        raise ValueError(f"time {point['time']}")
    return (point["kernel"], point["dtype"], tuple(point["dims"]), point.get("causal", False)), time


def read_points(path):
    """Microseconds by kernel, of a profile."""
    try:
        with open(path, encoding="utf-8") as file:
            points = json.load(file)["points"]
    except OSError as error:
        raise NoProfile(f"{path}: cannot open: {error.strerror}") from error
    except ValueError as error:
        raise NoProfile(f"{path}: is no JSON: {error}") from error
    except (KeyError, TypeError) as error:
        raise NoProfile(f"{path}: has no \"points\", the kernels that `stepcast profile -o` timed one by one"
                        ) from error
    times = {}
    for index, point in enumerate(points):
        try:
            key, time = read_point(point)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise NoProfile(f"{path}: points[{index}] is no measured kernel: {error!r}; see "
                            "topologies/calibrations/README.md") from error
        times[key] = time
    return times


def class_of(key):
    kernel, _, dims, _ = key
    if "gemm" in kernel:
        return "products, m, n, k >= 512" if min(dims[:3]) >= 512 else "products, smaller"
    if "convolution" in kernel:
        return "convolutions"
    return "attention" if "attention" in kernel else "memory-bound"


def quantile(values, p):
    """By linear interpolation between order statistics, as sim/ledger/statistics.h."""
    values = sorted(values)
    place = p * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def compare(first, second):
    """The document of --json; no class when there is no kernel in common."""
    differences = {}
    for key in sorted(first.keys() & second.keys()):
        differences.setdefault(class_of(key), []).append(abs(second[key] / first[key] - 1))
    rows = sorted(differences.items())
    if rows:
        rows.append(("all", sum(differences.values(), [])))
    return {"only_in_first": len(first.keys() - second.keys()), "only_in_second": len(second.keys() - first.keys()),
            "classes": [{"name": name, "kernels": len(values), "median_abs": quantile(values, 0.5),
                         "p90_abs": quantile(values, 0.9)} for name, values in rows]}


def table(result):
    lines = [f"{'kernels in both':<26}{'count':>7}{'median':>10}{'90 %':>10}"]
    for row in result["classes"]:
        lines.append(f"{row['name']:<26}{row['kernels']:>7}{100 * row['median_abs']:>8.1f} %"
                     f"{100 * row['p90_abs']:>8.1f} %")
    if result["only_in_first"] or result["only_in_second"]:
        lines.append(f"only in the first {result['only_in_first']}, only in the second {result['only_in_second']}")
    return "\n".join(lines)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    options = parser.parse_args(arguments)
    try:
        result = compare(read_points(options.first), read_points(options.second))
    except NoProfile as error:
        print(error, file=sys.stderr)
        return 3
    if not result["classes"]:
        print(f"{options.first} and {options.second} have no kernel in common", file=sys.stderr)
        return 3
    print(json.dumps(result, indent=2) if options.json else table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
