"""The flow of tools/gpu_check, in a copy of the tree, with programs of our own for all that it runs: no GPU, no build.

STEPCAST_BINARY, the real program, checks the profile that is kept and the scenario that is written.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))
import gpu_results

STEPCAST = os.environ.get("STEPCAST_BINARY", str(ROOT / "build" / "stepcast"))
PROFILE = {"name": "gpu-1", "device": "H200-SXM-141GB", "condition": "sustained",
           "gemm": {"bf16": {"efficiency": 0.8, "memory_efficiency": 0.8}}, "memory": {"efficiency": 0.8},
           "points": [{"kernel": "gemm_forward", "dtype": "bf16", "dims": [4096, 4096, 4096], "time": "200 us"}]}

# Whatever its name, it says what a part of that name would; FAKE (JSON) says otherwise: {"part": [exit code, stderr]},
# or {"part": "hang"}.
FAKE = """#!{python} -SE
import json, os, pathlib, sys, time
sys.path.insert(0, {tests!r})
import gpu_results
log = open({log!r}, "a")
name, arguments = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
after = lambda option: arguments[arguments.index(option) + 1]
if name == "nvidia-smi": print(os.environ.get("FAKE_GPU", "NVIDIA H200, GPU-1")); sys.exit()
if name == "dpkg-query": print("install ok installed"); sys.exit()
if name == "git": sys.exit(1)
documents, out = gpu_results.documents(), None
if name == "cmake":
    part = "build"
    if "-B" in arguments and not os.environ.get("FAKE_NO_CUDA"): pathlib.Path({build!r}, "libstepcast_cuda.so").touch()
elif name == "test_ops_gpu": part, out = "tests", arguments[-1].split("json:")[1]
elif name == "stepcast_cuda_kernels_bench": part, out = "rates", arguments[0].split("=")[1]
elif name == "python": part = pathlib.Path(arguments[1]).stem.replace("live-", "pytorch-")
elif arguments[0] == "check": os.execv({stepcast!r}, ["stepcast", *arguments])
elif arguments[0] == "live": part = pathlib.Path(arguments[1]).stem
elif "--overlap" in arguments: part = "overlap"
elif "--for" in arguments: part = "for-175b"
else:
    part = "profile-" + after("-o")[-6]
    if not pathlib.Path(after("-o")).exists(): pathlib.Path(after("-o")).write_text({profile!r})
print(part, os.environ.get("CUDA_VISIBLE_DEVICES", "all"), file=log, flush=True)
what = json.loads(os.environ.get("FAKE", "{{}}")).get(part)
if what == "hang":
    try: time.sleep(60)
    except KeyboardInterrupt: sys.exit(9)
if what: print(what[1], file=sys.stderr); sys.exit(what[0])
torch = dict(torch="2.5.0", step_time_median_s=0.035, model_flops_per_step=gpu_results.FLOPS)
document = documents.get(part) or (torch if part.startswith("pytorch") else gpu_results.live())
if part.startswith("profile"): document = gpu_results.profile()
text = json.dumps(document)
pathlib.Path(out).write_text(text) if out else print(text)
"""


class GpuCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / "stepcast"
        for name in ("tools", "topologies", "scenarios", "models"):
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("cli", "__pycache__"))
        self.build, self.log = self.root / "build-gpu", self.root / "log.txt"
        self.results = self.build / "results"
        text = FAKE.format(python=sys.executable, tests=str(ROOT / "tests" / "tools"), log=str(self.log),
                           build=str(self.build), stepcast=STEPCAST, profile=json.dumps(PROFILE))
        for name in ("bin/nvidia-smi", "bin/cmake", "bin/dpkg-query", "bin/git", "bin/python", "build-gpu/stepcast",
                     "build-gpu/tests/test_ops_gpu", "build-gpu/tests/bench/stepcast_cuda_kernels_bench"):
            file = self.root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)

    def start(self, *arguments, **environment):
        self.log.write_text("")
        variables = {**os.environ, "PATH": f"{self.root / 'bin'}:/usr/bin:/bin", "STEPCAST_HOME": str(self.root),
                     **environment}
        variables.pop("CUDA_VISIBLE_DEVICES", None)
        command = [sys.executable, self.root / "tools" / "gpu_check", "--python", self.root / "bin" / "python"]
        return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=variables)

    def run_check(self, *arguments, **environment):
        """(exit code, standard output, standard error)."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate()
        return process.returncode, out, err

    def parts_run(self):
        return [line.split()[0] for line in self.log.read_text().splitlines()]

    def rows(self):
        return {row["figure"]: row for row in json.loads((self.results / "verdicts.json").read_text())["rows"]}

    def test_everything_runs_once_and_is_judged(self):
        code, out, err = self.run_check()
        self.assertEqual(code, 0, out + err)
        ran = self.parts_run()
        self.assertEqual(len(list((ROOT / "scenarios").glob("live-gpu-*.json"))),
                         sum(part.startswith("live-gpu") for part in ran))
        self.assertEqual([part for part in ran if "-gpu-" not in part],
                         ["build"] * 2 + ["overlap", "build", "tests", "build", "rates", "profile-1", "for-175b",
                                          "profile-2"])
        self.assertIn(" 0 miss, ", out)
        self.assertIn("no part begins after 10800 s", out)
        self.assertTrue(all(row["verdict"] in ("pass", "stated") for row in self.rows().values()), out)
        # Ranks that share a GPU are to find one; a copy to a second GPU is timed where there is one.
        log = self.log.read_text()
        self.assertIn("overlap all\n", log)
        self.assertIn("live-gpu-125m-dp2-shared 0\n", log)
        # Done is done, but for the build, which is only brought up to date; unless it is asked for again.
        code, out, err = self.run_check()
        self.assertEqual((code, self.parts_run()), (0, ["build"] * 2), out + err)
        code, out, err = self.run_check("--only", "live-gpu-3.6b", "--again")
        self.assertEqual((code, self.parts_run()), (0, ["build"] * 2 + ["live-gpu-3.6b"]), out + err)

    def test_a_part_that_fails_says_why_and_the_rest_goes_on(self):
        fake = {"rates": [1, "no cuBLASLt here"], "profile-1": [7, "broke\nan illegal memory access"],
                "live-gpu-7b-recompute": [4, "does not fit"]}
        code, out, _ = self.run_check(FAKE=json.dumps(fake))
        self.assertEqual(code, 1)
        rows = self.rows()
        self.assertEqual(rows["products beside plain cuBLASLt"]["reached"], "rates: exit code 1: no cuBLASLt here")
        self.assertEqual(rows["profile --for a 175B scenario"]["reached"], "for-175b: it needs profile-1")
        name = "step predicted against measured, one rank: live-gpu-"
        self.assertEqual(rows[name + "7b-recompute"]["reached"], "live-gpu-7b-recompute: exit code 4: does not fit")
        self.assertEqual(rows[name + "125m"]["verdict"], "pass")
        self.assertIn("failed in", out)
        # What failed is tried again, with what waited for it.
        code, out, err = self.run_check()
        self.assertEqual((code, self.parts_run()[2:]),
                         (0, ["build", "rates", "profile-1", "for-175b", "live-gpu-7b-recompute"]), out + err)

    def test_without_a_gpu_a_compiler_or_pytorch_that_is_said(self):
        (self.root / "bin" / "python").write_text("#!/bin/sh\necho 'PyTorch is not installed' >&2; exit 6\n")
        code, _, _ = self.run_check("--only", "live-gpu-350m", "--only", "pytorch-gpu-350m")
        self.assertEqual(code, 1)
        row = self.rows()["model FLOP/s utilisation beside PyTorch: live-gpu-350m"]
        self.assertEqual(row["reached"], "stepcast 50.5 %; pytorch-gpu-350m: exit code 6: PyTorch is not installed")
        shutil.rmtree(self.results)
        (self.build / "libstepcast_cuda.so").unlink()
        code, out, _ = self.run_check("--only", "live-gpu-350m", FAKE_NO_CUDA="1")
        self.assertEqual(code, 1)
        self.assertIn("s: CMake left CUDA out", out)
        (self.root / "bin" / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
        code, out, err = self.run_check()
        self.assertEqual((code, out), (6, ""))
        self.assertIn("no NVIDIA driver", err)

    def test_a_part_that_takes_too_long_is_ended(self):
        code, out, err = self.run_check("--budget", "8", "--only", "overlap", FAKE=json.dumps({"build": "hang"}))
        self.assertEqual(code, 1, err)
        parts = json.loads((self.results / "parts.json").read_text())
        self.assertRegex(parts["build"]["why"], "it was ended after [0-9]+ s")
        self.assertEqual(parts["overlap"]["why"], "it needs build")

    def test_no_part_begins_when_the_budget_is_used_up(self):
        self.results.mkdir(parents=True)
        code = f"""
import argparse, importlib.machinery, importlib.util, pathlib, sys
sys.path.insert(0, {str(self.root / 'tools')!r})
loader = importlib.machinery.SourceFileLoader("gpu_check", {str(self.root / 'tools' / 'gpu_check')!r})
gpu_check = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu_check", loader))
loader.exec_module(gpu_check)
results = pathlib.Path({str(self.results)!r})
parts = [gpu_check.gpu_parts.Part(name, [["true"]], 60, needs=()) for name in ("first", "second", "third")]
options = argparse.Namespace(budget=100, again=False, only=None)
for _ in range(2):
    ticks = iter([0, 0, 70, 97])  # the begin, and before each part
    gpu_check.run_parts(parts, gpu_check.Record(results), results, options, lambda: next(ticks))
    print([entry["state"] for entry in gpu_check.Record(results).parts.values()])
"""
        run = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        states = [line for line in run.stdout.splitlines() if line.startswith("[")]
        self.assertEqual(states, ["['done', 'done', 'not run']", "['done', 'done', 'done']"])

    def test_ctrl_c_ends_the_part_and_keeps_what_is_done(self):
        process = self.start("--only", "overlap", "--only", "tests", FAKE=json.dumps({"tests": "hang"}))
        while "tests " not in self.log.read_text() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        self.assertEqual(process.returncode, 130, out + err)
        parts = json.loads((self.results / "parts.json").read_text())
        self.assertEqual((parts["overlap"]["state"], parts["tests"]["why"]), ("done", "Ctrl-C"))
        self.assertIn("tests of the kernels: tests: Ctrl-C", out)

    def test_results_of_two_machines_are_not_mixed(self):
        self.assertEqual(self.run_check("--only", "overlap")[0], 1)
        code, _, err = self.run_check("--only", "overlap", FAKE_GPU="NVIDIA H100, GPU-2")
        self.assertEqual(code, 2)
        self.assertIn("has results of NVIDIA H200, GPU-1, and here is NVIDIA H100, GPU-2", err)
        self.run_check("--only", "rates", "--again", FAKE_GPU="NVIDIA H100, GPU-2")
        parts = json.loads((self.results / "parts.json").read_text())
        self.assertEqual((parts["overlap"]["state"], parts["rates"]["state"]), ("not run", "done"))
        self.assertFalse((self.results / "overlap.json").exists())
        self.assertEqual(self.run_check("--only", "nonsense")[0], 2)

    def test_the_scenario_of_175b_is_on_the_device_that_was_profiled(self):
        for device, topology in (("H200-SXM-141GB", "dgx-h200"), ("L40S", None)):
            self.results.mkdir(exist_ok=True)
            (self.results / "gpu-1.json").write_text(json.dumps({**PROFILE, "device": device}))
            code = (f"import sys, pathlib; sys.path.insert(0, {str(self.root / 'tools')!r}); import gpu_parts; "
                    f"gpu_parts.write_175b(pathlib.Path({str(self.results)!r}))")
            subprocess.run([sys.executable, "-B", "-c", code], check=True)
            file = self.results / "gpt3-175b.json"
            if topology:
                self.assertEqual(json.loads(file.read_text())["topology"], topology)
            step = subprocess.run([STEPCAST, "export", "training-step", file, "-o", "-"], capture_output=True,
                                  text=True)
            self.assertEqual(step.returncode, 0, step.stderr)
            self.assertEqual(json.loads(step.stdout)["device"], device)
            self.assertGreater(json.loads(step.stdout)["parameters"], 170e9)

    def test_a_profile_is_kept_when_it_is_sound_and_only_then(self):
        kept = self.root / "topologies" / "calibrations" / "h200-measured.json"
        code, out, err = self.run_check("--only", "profile-1")
        self.assertFalse(kept.exists(), "not asked for")
        code, out, err = self.run_check("--only", "profile-1", "--keep")
        self.assertIn("git add topologies/calibrations/h200-measured.json", out, err)
        self.assertIn('"device_profile": "h200-measured"', out)
        self.assertEqual(json.loads(kept.read_text())["name"], "h200-measured")
        check = subprocess.run([STEPCAST, "check", kept], capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stderr)
        code, _, err = self.run_check("--only", "profile-1", "--keep")
        self.assertEqual(code, 2)
        self.assertIn("is there already", err)
        kept.unlink()
        (self.results / "gpu-1.json").write_text(json.dumps({**PROFILE, "gemm": {"bf16": {"efficiency": 7}}}))
        code, _, err = self.run_check("--only", "profile-1", "--keep")
        self.assertEqual(code, 3)
        self.assertIn("is no sound profile and was not copied", err)
        self.assertFalse(kept.exists())


if __name__ == "__main__":
    unittest.main()
