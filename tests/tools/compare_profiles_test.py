"""tools/compare_profiles.py as a user runs it, on profiles of a few points."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "compare_profiles.py"


def point(kernel, dims, time, **more):
    return {"kernel": kernel, "dtype": "bf16", "dims": dims, "time": time, **more}


FIRST = [
    point("gemm_forward", [4096, 4096, 1024], "100 us"),
    point("gemm_wgrad", [512, 512, 512], "10 us"),
    point("gemm_forward", [64, 4096, 4096], "20 us"),
    point("flash_attention_forward", [2, 16, 16, 1024, 64], "50 us"),
    point("layer_norm_forward", [1024, 4096], "4 us"),
    point("layer_norm_forward", [2048, 4096], "1 ms"),
    point("convolution_forward", [32, 64, 56, 64, 3, 1, 1], "10 us"),
    point("copy", [1024], "1 us"),
]
# +2 % and -6 %; +10 %; as before; +1 % and +3 %; +20 %.
SECOND = [
    point("gemm_forward", [4096, 4096, 1024], "102 us"),
    point("gemm_wgrad", [512, 512, 512], "9.4 us"),
    point("gemm_forward", [64, 4096, 4096], "0.022 ms"),
    point("flash_attention_forward", [2, 16, 16, 1024, 64], "50 us"),
    point("layer_norm_forward", [1024, 4096], "4.04 us"),
    point("layer_norm_forward", [2048, 4096], "1030 us"),
    point("convolution_forward", [32, 64, 56, 64, 3, 1, 1], "12 us"),
]


class CompareProfiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def run_tool(self, first, second, *more):
        files = [self.write("first.json", first), self.write("second.json", second)]
        return subprocess.run([sys.executable, "-B", TOOL, *files, *more], capture_output=True, text=True)

    def test_disagreement_is_told_by_class(self):
        run = self.run_tool({"points": FIRST}, {"points": SECOND}, "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        result = json.loads(run.stdout)
        rows = {row["name"]: (row["kernels"], round(row["median_abs"], 9)) for row in result["classes"]}
        self.assertEqual(rows, {
            "products, m, n, k >= 512": (2, 0.04),
            "products, smaller": (1, 0.1),
            "attention": (1, 0),
            "convolutions": (1, 0.2),
            "memory-bound": (2, 0.02),
            "all": (7, 0.03),  # of 0, 1, 2, 3, 6, 10 and 20 %
        })
        self.assertEqual((result["only_in_first"], result["only_in_second"]), (1, 0))

    def test_the_table_says_the_same(self):
        run = self.run_tool({"points": FIRST}, {"points": SECOND})
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("products, m, n, k >= 512        2     4.0 %     5.6 %", run.stdout)
        self.assertIn("only in the first 1, only in the second 0", run.stdout)

    def test_kernels_differ_by_dtype_and_mask(self):
        causal = point("flash_attention_forward", [2, 16, 16, 1024, 64], "50 us", causal=True)
        run = self.run_tool({"points": [causal]}, {"points": [{**causal, "causal": False}]})
        self.assertEqual(run.returncode, 3)
        self.assertIn("have no kernel in common", run.stderr)

    def test_malformed_files_are_refused_with_their_place(self):
        good = {"points": FIRST}
        for wrong, said in [("{", "is no JSON: "), ({"name": "x"}, 'has no "points"'), ([1], 'has no "points"'),
                            ({"points": [{"kernel": "copy"}]}, "points[0]"),
                            ({"points": [*FIRST[:2], {**FIRST[2], "time": "3 weeks"}]}, "points[2]"),
                            ({"points": [{**FIRST[0], "time": "0 us"}]}, "points[0]")]:
            run = self.run_tool(good, wrong)
            self.assertEqual(run.returncode, 3, wrong)
            self.assertIn("second.json: ", run.stderr)
            self.assertIn(said, run.stderr)
            self.assertEqual(run.stdout, "")
        run = subprocess.run([sys.executable, "-B", TOOL, self.folder / "no.json", self.folder / "no.json"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 3)
        self.assertEqual(run.stderr, f"{self.folder / 'no.json'}: cannot open: No such file or directory\n")


if __name__ == "__main__":
    unittest.main()
