#!/usr/bin/env python3
"""gpu_verdicts: judges what tools/gpu_check measured.

  tools/gpu_verdicts.py build-gpu/results

Reads parts.json (what ran, and for how long) and the document of each part, writes verdicts.json, and prints a row for
every figure: its bar, what was reached, and one of

  pass, miss    there is a bar
  stated        there is none; the figure is to be looked at
  not run       with the reason. It is never a pass: a part failed, was left out, or left no sound document

Exit code 1: a bar was missed, or something did not run.
"""
import json
import os
import pathlib
import sys
import typing

PASS, MISS, STATED, NOT_RUN = "pass", "miss", "stated", "not run"
LEAST_OF_COPY, LEAST_OF_CUBLASLT = 0.85, 0.97
MOST_HELD_OUT = {"products, m, n, k >= 512": 0.04, "attention": 0.05, "memory-bound": 0.04}
MOST_DISAGREEMENT = 0.03
MOST_SECONDS_OF_175B = 60
MOST_ERROR_ALONE, MOST_ERROR_SHARED = 0.05, 0.10


class Row(typing.NamedTuple):
    figure: str
    bar: str
    reached: str
    verdict: str


class Missing(Exception):
    """Why a figure is not there."""


class Results:
    """The documents of the parts that are done. Asking for another one, or for what it lacks, raises Missing."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        try:
            self.parts = json.loads((self.folder / "parts.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Missing(f"{self.folder / 'parts.json'}: {error}; run tools/gpu_check first") from error

    def file(self, name):
        return self.folder / f"{name}.json"

    def part(self, name):
        record = self.parts.get(name, {"state": "not run", "why": "it was not asked for"})
        if record["state"] != "done":
            raise Missing(f"{name}: {record.get('why') or record['state']}")
        return record

    def document(self, name, also_failed=False):
        """also_failed: of a command whose exit code is not 0 where its document tells of a miss."""
        if not (also_failed and self.parts.get(name, {}).get("state") == "failed" and self.file(name).exists()):
            self.part(name)
        try:
            document = json.loads(self.file(name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Missing(f"{name}.json is malformed: {error}") from error
        if not isinstance(document, dict):
            raise Missing(f"{name}.json is malformed: no object")
        return document


def number(document, key, where):
    """A finite number, or Missing."""
    value = document.get(key) if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) == float("inf"):
        raise Missing(f"{where} has no number {key}")
    return value


def percent(fraction, digits=1):
    return f"{100 * fraction:.{digits}f} %"


def verdict(good):
    return PASS if good else MISS


def judged(figure, bar, judge):
    """The row that judge() -> (reached, verdict) makes; what is missing or of another form is not run."""
    try:
        return Row(figure, bar, *judge())
    except Missing as missing:
        return Row(figure, bar, str(missing), NOT_RUN)
    except (AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        return Row(figure, bar, f"malformed document: {error!r}", NOT_RUN)


def tests(results):
    document = results.document("tests", also_failed=True)
    count = {key: number(document, key, "tests.json") for key in ("tests", "failures", "errors", "disabled")}
    skipped = sum(test.get("result") == "SKIPPED" for suite in document["testsuites"] for test in suite["testsuite"])
    bad = count["failures"] + count["errors"]
    if count["tests"] == 0 or skipped + count["disabled"] == count["tests"]:
        raise Missing("tests: none ran" + (", all skipped themselves" if skipped else ""))
    good = count["tests"] - bad - skipped - count["disabled"]
    if bad == 0:
        results.part("tests")  # all passed, and yet it ended with an error: that is no pass
    return f"{good} of {count['tests']}" + (f", {skipped} skipped" if skipped else ""), verdict(good == count["tests"])


def failures(rows, counter):
    """"name: why" of the benchmarks that failed and were to have the counter, as their label says; one without a label
    may have had any."""
    return [f"{row['name']}: {row.get('error_message', '')}"
            for row in rows if row.get("error_occurred") and row.get("label", counter) == counter]


def ratios(results, counter):
    """((ratio, kernel) ascending, failures()); aggregates of repetitions do not count."""
    rows = results.document("rates")["benchmarks"]
    found = {row["name"]: number(row, counter, row["name"])
             for row in rows if counter in row and row.get("run_type", "iteration") == "iteration"}
    failed = failures(rows, counter)
    if not found:
        raise Missing(f"rates: no benchmark has the counter {counter}" + "".join(f"; {text}" for text in failed))
    return sorted((value, name) for name, value in found.items()), failed


def at_least(results, counter, bar):
    found, failed = ratios(results, counter)
    if failed:
        raise Missing(f"rates: {len(failed)} benchmarks failed: {'; '.join(failed)}")
    below = [name for value, name in found if value < bar]
    reached = f"{percent(found[0][0])} at the least ({found[0][1]}), of {len(found)} kernels"
    return reached + (f"; {len(below)} below: {', '.join(below)}" if below else ""), verdict(not below)


def beside_cudnn(results):
    found, failed = ratios(results, "of_cudnn")
    if ours := [text for text in failed if "cuDNN refused" not in text]:
        raise Missing(f"rates: {len(ours)} benchmarks failed: {'; '.join(ours)}")
    return ", ".join([f"{name} {percent(value)}" for value, name in found] + failed), STATED


def whole_profile(results, part):
    document = results.document(part)
    if document["complete"] is not True:
        raise Missing(f"{part}: its time was up before the first round was over; give gpu_check more --budget")
    return document


def held_out(results, name, bar):
    for model in whole_profile(results, "profile-1")["models"]:
        if model["name"] == name:
            median, shapes = number(model, "median_abs", name), number(model, "held_out_shapes", name)
            return f"{percent(median)} on {shapes} shapes", verdict(median <= bar)
    raise Missing(f"profile-1: no shape of \"{name}\" was held out")


def agreement(results):
    for part in ("profile-1", "profile-2"):
        whole_profile(results, part)
    rows = {row["name"]: number(row, "median_abs", row["name"]) for row in results.document("agreement")["classes"]}
    if "all" not in rows:
        raise Missing("agreement: no kernel in common")
    by_class = "; ".join(f"{name} {percent(value)}" for name, value in rows.items() if name != "all")
    return f"{percent(rows['all'])} ({by_class})", verdict(rows["all"] <= MOST_DISAGREEMENT)


def profile_of_175b(results):
    document, seconds = results.document("for-175b"), number(results.part("for-175b"), "seconds", "for-175b")
    kernels, points = number(document, "kernels", "for-175b"), number(document, "points", "for-175b")
    if document["complete"] is not True or kernels == 0:
        return f"{seconds:.0f} s, and not every kernel was timed", MISS
    return f"{seconds:.0f} s for {kernels} kernels, {points} kept as points", verdict(seconds <= MOST_SECONDS_OF_175B)


def measured_run(results, name):
    """(document of live, its comparison)."""
    document = results.document(name)
    comparison = document["comparison"]
    if document["complete"] is not True:
        raise Missing(f"{name}: {document.get('failure', 'it ended early')}")
    if document["device"].startswith("cores"):
        raise Missing(f"{name}: it ran on {document['device']}, not on a GPU")
    if comparison["measurable"] is not True:
        raise Missing(f"{name}: not measurable: {comparison.get('reason')}")
    return document, comparison


def live_error(results, name, bar):
    _, comparison = measured_run(results, name)
    error = number(comparison, "error", name)
    measured = number(comparison, "measured_step_time_s", name)
    return f"{100 * error:+.1f} % of {measured * 1e3:.1f} ms", verdict(abs(error) <= bar)


def beside_pytorch(results, name):
    """Both of the peak that live found for the GPU that is here."""
    document, comparison = measured_run(results, name)
    flops = number(document, "model_flops_per_step", name)
    ours = number(comparison, "measured_step_time_s", name)
    peak = document.get("peak_flops_per_s")

    def reached(seconds):
        return percent(flops / seconds / peak) if peak else f"{flops / seconds / 1e12:.4g} TFLOP/s"

    try:
        torch = results.document(pytorch_part(name))
        theirs = number(torch, "step_time_median_s", pytorch_part(name))
        if number(torch, "model_flops_per_step", pytorch_part(name)) != flops:
            raise Missing(f"{pytorch_part(name)}: it trained another step")
    except Missing as missing:
        raise Missing(f"stepcast {reached(ours)}; {missing}") from missing
    return (f"stepcast {reached(ours)}, PyTorch {torch['torch']} {reached(theirs)}; "
            f"its step takes {theirs / ours:.2f} times ours"), STATED


def pytorch_part(live_part):
    return live_part.replace("live-", "pytorch-", 1)


def judge(results, scenarios):
    """scenarios: (part, ranks) of the live runs. -> rows."""
    rows = [
        judged("tests of the kernels", "all pass", lambda: tests(results)),
        judged("memory-bound kernels beside the copy, >= 64 MiB", ">= 85 %",
               lambda: at_least(results, "of_copy", LEAST_OF_COPY)),
        judged("products beside plain cuBLASLt", ">= 97 %",
               lambda: at_least(results, "of_cublaslt", LEAST_OF_CUBLASLT)),
        judged("attention beside cuDNN's", "stated", lambda: beside_cudnn(results)),
    ]
    for name, bar in MOST_HELD_OUT.items():
        rows.append(judged(f"profile, median on held-out shapes: {name}", f"<= {percent(bar, 0)}",
                           lambda name=name, bar=bar: held_out(results, name, bar)))
    rows += [
        judged("two profiles of this machine, median difference", f"<= {percent(MOST_DISAGREEMENT, 0)}",
               lambda: agreement(results)),
        judged("profile --for a 175B scenario", f"<= {MOST_SECONDS_OF_175B} s", lambda: profile_of_175b(results)),
    ]
    for name, ranks in scenarios:
        bar = MOST_ERROR_ALONE if ranks == 1 else MOST_ERROR_SHARED
        who = "one rank" if ranks == 1 else f"{ranks} ranks sharing"
        rows.append(judged(f"step predicted against measured, {who}: {name}", f"<= {percent(bar, 0)}",
                           lambda name=name, bar=bar: live_error(results, name, bar)))
    for name, ranks in scenarios:
        if ranks == 1:
            rows.append(judged(f"model FLOP/s utilisation beside PyTorch: {name}", "stated",
                               lambda name=name: beside_pytorch(results, name)))
    return rows


def table(rows, parts):
    lines = [f"{'verdict':<8}  {'bar':<9} figure: reached"]
    lines += [f"{row.verdict:<8}  {row.bar:<9} {row.figure}: {row.reached}" for row in rows]
    counts = {name: sum(row.verdict == name for row in rows) for name in (PASS, MISS, STATED, NOT_RUN)}
    lines += ["", ", ".join(f"{count} {name}" for name, count in counts.items()), "", "wall time of each part"]
    for name, record in parts.items():
        why = f" ({record['why']})" if record.get("why") else ""
        lines.append(f"  {name:<34} {record.get('seconds', 0):8.1f} s  {record['state']}{why}")
    commits = sorted({record["commit"] for record in parts.values() if record.get("commit")})
    if len(commits) > 1:
        lines.append(f"parts ran at different commits ({', '.join(commits)}); --again measures all at one")
    return "\n".join(lines)


def scenarios_of(results):
    """The live runs that gpu_check knew, in its order, with their ranks."""
    return [(name, record["ranks"]) for name, record in results.parts.items() if "ranks" in record]


def conclude(folder):
    """Writes verdicts.json; returns (table, exit code)."""
    results = Results(folder)
    rows = judge(results, scenarios_of(results))
    document = {"schema": "stepcast.gpu_check/1", "rows": [row._asdict() for row in rows], "parts": results.parts}
    unfinished = results.folder / "verdicts.json.part"
    unfinished.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    os.replace(unfinished, results.folder / "verdicts.json")
    bad = any(row.verdict in (MISS, NOT_RUN) for row in rows)
    return table(rows, results.parts), int(bad)


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        text, code = conclude(arguments[0])
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 3
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
