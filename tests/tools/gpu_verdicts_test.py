"""tools/gpu_verdicts.py on results that pass, miss, are missing and are malformed."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "tools")]
import gpu_results
import gpu_verdicts

MEMORY = "memory-bound kernels beside the copy, >= 64 MiB"
PRODUCTS = "profile, median on held-out shapes: products, m, n, k >= 512"
ALONE = "step predicted against measured, one rank: live-gpu-125m"
SHARED = "step predicted against measured, 2 ranks sharing: live-gpu-125m-dp2-shared"
TORCH = "model FLOP/s utilisation beside PyTorch: live-gpu-125m"
OF_175B = "profile --for a 175B scenario"


class GpuVerdicts(unittest.TestCase):
    def judge(self, changed=(), states=()):
        """({figure: row}, exit code)."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            gpu_results.write(folder, changed, states)
            run = subprocess.run([sys.executable, "-B", ROOT / "tools" / "gpu_verdicts.py", folder],
                                 capture_output=True, text=True)
            self.assertIn(run.returncode, (0, 1), run.stderr)
            written = json.loads((folder / "verdicts.json").read_text())
            self.text = run.stdout
            return {row["figure"]: row for row in written["rows"]}, run.returncode

    def expect(self, figure, verdict, reached, changed=(), states=()):
        rows, code = self.judge(changed, states)
        self.assertEqual((rows[figure]["verdict"], code), (verdict, 0 if verdict in ("pass", "stated") else 1),
                         rows[figure])
        self.assertIn(reached, rows[figure]["reached"])
        for other, row in rows.items():  # a figure says nothing of the others
            if other != figure:
                self.assertIn(row["verdict"], ("pass", "stated"), row)

    def test_all_bars_met_is_exit_code_0(self):
        rows, code = self.judge()
        self.assertEqual(code, 0)
        self.assertEqual([row["verdict"] for row in rows.values()],
                         ["pass"] * 3 + ["stated"] + ["pass"] * 7 + ["stated"])
        self.assertIn("10 pass, 0 miss, 2 stated, 0 not run", self.text)
        self.assertIn("  profile-2                              42.0 s  done", self.text)
        # 1.4e13 FLOPs in 28 ms of 989.5 TFLOP/s, and in 35 ms.
        self.assertEqual(rows[TORCH]["reached"],
                         "stepcast 50.5 %, PyTorch 2.5.0 40.4 %; its step takes 1.25 times ours")
        self.assertEqual(rows[MEMORY]["reached"], "86.0 % at the least (rms_norm), of 2 kernels")

    def changed_row(self, part, change):
        document = gpu_results.documents()[part]
        change(document)
        return {part: document}

    def test_a_bar_that_is_missed_says_by_whom(self):
        slow = self.changed_row("rates", lambda d: d["benchmarks"][1].update(of_copy=0.849))
        self.expect(MEMORY, "miss", "84.9 % at the least (rms_norm), of 2 kernels; 1 below: rms_norm", slow)
        self.expect("products beside plain cuBLASLt", "miss", "96.9 %",
                    self.changed_row("rates", lambda d: d["benchmarks"][3].update(of_cublaslt=0.969)))
        self.expect(PRODUCTS, "miss", "4.1 % on 40 shapes",
                    self.changed_row("profile-1", lambda d: d["models"][1].update(median_abs=0.041)))
        self.expect("two profiles of this machine, median difference", "miss", "3.1 % (attention 4.0 %)",
                    self.changed_row("agreement", lambda d: d["classes"][1].update(median_abs=0.031)))
        self.expect(OF_175B, "miss", "61 s for 400 kernels", states={"for-175b": {"seconds": 61}})
        self.expect(OF_175B, "miss", "not every kernel",
                    self.changed_row("for-175b", lambda d: d.update(complete=False)))

    def test_live_errors_count_in_both_directions_with_the_bar_of_their_ranks(self):
        self.expect(ALONE, "pass", "+4.9 %", {"live-gpu-125m": gpu_results.live(0.049)})
        self.expect(ALONE, "miss", "-6.0 % of 28.0 ms", {"live-gpu-125m": gpu_results.live(-0.06)})
        self.expect(SHARED, "pass", "+9.9 %", {"live-gpu-125m-dp2-shared": gpu_results.live(0.099)})
        self.expect(SHARED, "miss", "+10.1 %", {"live-gpu-125m-dp2-shared": gpu_results.live(0.101)})

    def test_a_failed_test_is_a_miss_and_a_skipped_one_no_pass(self):
        failed = self.changed_row("tests", lambda d: d.update(failures=1))
        figure = "tests of the kernels"
        self.expect(figure, "miss", "2 of 3", failed, {"tests": {"state": "failed", "why": "exit code 1"}})
        skip = lambda d: d["testsuites"][0]["testsuite"].__setitem__(0, {"name": "A", "result": "SKIPPED"})
        self.expect(figure, "miss", "2 of 3, 1 skipped", self.changed_row("tests", skip))
        self.expect(figure, "not run", "tests: exit code 139", states={"tests": {"state": "failed", "why":
                                                                                 "exit code 139"}})
        none = self.changed_row("tests", lambda d: d.update(tests=0))
        self.expect(figure, "not run", "none ran", none)
        self.expect(figure, "not run", "tests: it crashed", {"tests": None},
                    {"tests": {"state": "failed", "why": "it crashed"}})

    def test_what_did_not_run_says_why_and_never_passes(self):
        budget = {"state": "not run", "why": "the budget is used up"}
        self.expect(SHARED, "not run", "live-gpu-125m-dp2-shared: the budget is used up",
                    states={"live-gpu-125m-dp2-shared": budget})
        for part in ("profile-1", "profile-2"):
            rows, _ = self.judge(self.changed_row(part, lambda d: d.update(complete=False)))
            self.assertEqual(rows["two profiles of this machine, median difference"]["verdict"], "not run")
        # The document of an earlier run does not count.
        self.expect("two profiles of this machine, median difference", "not run", "agreement: it needs profile-2",
                    states={"agreement": {"state": "not run", "why": "it needs profile-2"}})
        self.expect(SHARED, "not run", "not measurable: a stranger",
                    {"live-gpu-125m-dp2-shared": {**gpu_results.live(), "comparison":
                                                  {"measurable": False, "reason": "a stranger"}}})
        self.expect(SHARED, "not run", "not on a GPU",
                    {"live-gpu-125m-dp2-shared": {**gpu_results.live(), "device": "cores"}})
        self.expect(TORCH, "not run", "stepcast 50.5 %; pytorch-gpu-125m: PyTorch is not installed",
                    states={"pytorch-gpu-125m": {"state": "failed", "why": "PyTorch is not installed"}})
        self.expect(TORCH, "not run", "another step",
                    self.changed_row("pytorch-gpu-125m", lambda d: d.update(model_flops_per_step=1)))
        self.expect("attention beside cuDNN's", "not run", "no benchmark has the counter of_cudnn",
                    self.changed_row("rates", lambda d: d["benchmarks"].pop(4)))

    def test_malformed_documents_are_not_run(self):
        figure = "two profiles of this machine, median difference"
        for wrong in ("{", "[]", {}, {"classes": 3}, {"classes": [{"name": "all"}]},
                      {"classes": [{"name": "all", "median_abs": "0.01"}]},
                      '{"classes": [{"name": "all", "median_abs": NaN}]}', {"classes": []}, None):
            self.expect(figure, "not run", "", {"agreement": wrong})
        for wrong in ({"benchmarks": 1}, {"benchmarks": [1]}, {"benchmarks": []}, "x"):
            rows, code = self.judge({"rates": wrong})
            self.assertEqual(([rows[MEMORY]["verdict"], rows["attention beside cuDNN's"]["verdict"]], code),
                             (["not run"] * 2, 1))

    def test_a_benchmark_that_fails_spoils_the_figures_that_it_may_have_had(self):
        def failed(message, **label):
            row = {"name": "x", "run_type": "iteration", "error_occurred": True, "error_message": message, **label}
            return self.changed_row("rates", lambda d: d["benchmarks"].append(row))

        self.expect("attention beside cuDNN's", "stated", "x: cuDNN refused: head of 256",
                    failed("cuDNN refused: head of 256", label="of_cudnn"))
        self.expect("attention beside cuDNN's", "not run", "x: our attention and cuDNN's differ",
                    failed("our attention and cuDNN's differ", label="of_cudnn"))
        self.expect("products beside plain cuBLASLt", "not run", "x: this GPU has no fp8",
                    failed("this GPU has no fp8", label="of_cublaslt"))
        self.expect(MEMORY, "not run", "x: too large", failed("too large", label="of_copy"))
        rows, _ = self.judge(failed("out of memory"))
        self.assertEqual([rows[MEMORY]["verdict"], rows["products beside plain cuBLASLt"]["verdict"]], ["not run"] * 2)

    def test_without_results_there_is_no_verdict(self):
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run([sys.executable, "-B", ROOT / "tools" / "gpu_verdicts.py", folder],
                                 capture_output=True, text=True)
        self.assertEqual(run.returncode, 3)
        self.assertIn("run tools/gpu_check first", run.stderr)

    def test_parts_of_several_commits_are_told(self):
        self.judge(states={"profile-2": {"commit": "def"}})
        self.assertIn("parts ran at different commits (abc, def)", self.text)


if __name__ == "__main__":
    unittest.main()
