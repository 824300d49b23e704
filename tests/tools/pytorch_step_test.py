"""tools/pytorch_step.py on a CPU, on models of some thousand parameters. Skips itself (77) where PyTorch is missing.

STEPCAST_BINARY is the program that exports the steps.
"""
import argparse
import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "pytorch_step.py"
STEPCAST = os.environ.get("STEPCAST_BINARY", str(ROOT / "build" / "stepcast"))
DEBIAN = "/usr/bin/python3"  # python3-torch is Debian's
if importlib.util.find_spec("torch") is None:
    if sys.executable != DEBIAN and subprocess.run([DEBIAN, "-c", "import torch"], stderr=subprocess.DEVNULL,
                                                   check=False).returncode == 0:
        os.execv(DEBIAN, [DEBIAN, *sys.argv])
    print("SKIPPED: no python3 here has PyTorch (Debian: python3-torch)")
    sys.exit(77)
import torch

sys.path.insert(0, str(ROOT / "tools"))
import pytorch_model
import pytorch_step

GPT = {"name": "Micro GPT", "num_layers": 2, "hidden_size": 32, "num_heads": 2, "vocab_size": 300, "max_positions": 16}
LLAMA = {"name": "Micro Llama", "num_layers": 2, "hidden_size": 32, "num_heads": 4, "num_kv_heads": 2, "head_dim": 12,
         "ffn_hidden_size": 80, "vocab_size": 256, "activation": "swiglu", "norm": "rms_norm",
         "position_embedding": "rotary", "tied_embeddings": False, "linear_bias": False}


class PyTorchStep(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def scenario(self, model, plan=None, training=None, **more):
        document = {"model": model, "topology": "h200-1", "stack": "stepcast-live-gpu",
                    "plan": {"micro_batch_size": 2, **(plan or {})},
                    "training": {"global_batch_size": 4, "seq_len": 16, "precision": "fp32", **(training or {})},
                    **more}
        file = self.folder / "scenario.json"
        file.write_text(json.dumps(document))
        return str(file)

    def train(self, model, plan=None, training=None, steps=3):
        options = argparse.Namespace(scenario=self.scenario(model, plan, training), stepcast=STEPCAST, device="cpu",
                                     steps=steps, warm_up=1)
        return pytorch_step.run(options, torch)

    def test_a_peak_is_that_of_the_same_part_of_the_same_chip(self):
        def known(scenario, here):
            step = {"device": scenario, "generation": "h", "peak_flops_per_s": 1.0}
            return "peak_flops_per_s" in pytorch_step.peak_of(step, "cuda", here)
        self.assertTrue(known("H200-SXM-141GB", "NVIDIA H200"))
        self.assertTrue(known("A100-SXM-80GB", "NVIDIA A100-SXM4-80GB"))
        self.assertTrue(known("A100-PCIe-80GB", "NVIDIA A100 80GB PCIe"))
        self.assertFalse(known("A100-SXM-80GB", "NVIDIA A100 80GB PCIe"))
        self.assertFalse(known("H200-SXM-141GB", "NVIDIA H200 NVL"))
        self.assertFalse(known("B200-SXM-180GB", "NVIDIA GB200"))

    def refusal(self, *arguments, **more):
        options = argparse.Namespace(scenario=self.scenario(*arguments, **more), stepcast=STEPCAST, device="cpu",
                                     steps=1, warm_up=0)
        with self.assertRaises(pytorch_step.Refused) as refused:
            pytorch_step.run(options, torch)
        return refused.exception.code, str(refused.exception)

    # 2 * (32 * 96 + 96 + 32 * 32 + 32 + 2 * 4 * 32 * 32 + 128 + 32 + 4 * 32) + (300 + 16) * 32 + 64 = 35,584.
    def test_the_model_has_the_parameters_that_stepcast_counts(self):
        self.assertEqual(self.train(GPT)["parameters"], 35584)
        for change in ({}, {"tied_embeddings": True}, {"qkv_bias": True}, {"linear_bias": True}, {"gated_mlp": True},
                       {"activation": "gelu", "gated_mlp": False}, {"activation": "relu", "gated_mlp": True},
                       {"norm": "layer_norm"}, {"norm": "layer_norm", "norm_bias": False}, {"embedding_norm": True},
                       {"final_norm": False}, {"position_embedding": "none"}, {"causal": False}):
            self.assertGreater(self.train({**LLAMA, **change}, steps=1)["parameters"], 20000)  # run() compares them

    def test_the_first_loss_is_that_of_chance_and_training_lowers_it(self):
        for model in (GPT, LLAMA):
            for precision in ("fp32", "tf32", "bf16"):
                result = self.train(model, training={"precision": precision}, steps=8)
                # 300 words are padded to 384, which the softmax does not know.
                self.assertAlmostEqual(result["first_loss"], math.log(math.ceil(model["vocab_size"] / 128) * 128),
                                       delta=0.1)
                self.assertLess(result["last_loss"], result["first_loss"])

    def losses(self, *arguments):
        result = self.train(*arguments)
        return [result["first_loss"], result["last_loss"]]

    def test_recompute_and_the_cut_into_microbatches_change_no_loss(self):
        for precision, within in (("fp32", 1e-6), ("bf16", 2e-3)):
            training = {"precision": precision}
            expected = self.losses(LLAMA, {}, training)
            for plan in ({"recompute": "selective"}, {"recompute": "full"}, {"micro_batch_size": 1},
                         {"micro_batch_size": 4}):
                for found, wanted in zip(self.losses(LLAMA, plan, training), expected):
                    self.assertAlmostEqual(found / wanted, 1, delta=within)

    def test_gradients_of_bf16_weights_are_summed_in_fp32(self):
        step = pytorch_step.load_step(STEPCAST, self.scenario(GPT, training={"precision": "bf16"}))
        sums = {}
        for dtype in (torch.float32, torch.bfloat16):
            torch.manual_seed(1)
            transformer = pytorch_model.build(step, torch.float32, "cpu").to(dtype)
            trainer = pytorch_step.Trainer(torch, transformer, step["training"], clip=False)
            trainer.hand_over = trainer.optimizer.step = lambda: None
            trainer.step(torch.randint(300, (8, 2, 17), generator=torch.Generator().manual_seed(1)))
            sums[dtype] = torch.cat([master.grad.flatten() for master in trainer.masters])
            self.assertEqual(sums[dtype].dtype, torch.float32)
        difference = (sums[torch.bfloat16] - sums[torch.float32]).norm() / sums[torch.float32].norm()
        self.assertLess(float(difference), 0.03)

    def test_causal_tokens_do_not_see_later_ones(self):
        step = pytorch_step.load_step(STEPCAST, self.scenario(LLAMA))
        for causal in (True, False):
            step["model"]["causal"] = causal
            torch.manual_seed(1)
            layer = pytorch_model.build(step, torch.float32, "cpu").layers[0]
            table = pytorch_model.rotary_table(step["model"], 16, "cpu")
            x = torch.randn(1, 16, 32)
            later = x.clone()
            later[0, 9] += 1
            same = torch.equal(layer(x, table)[0, :9], layer(later, table)[0, :9])
            self.assertEqual(same, causal)

    def test_rates_follow_from_the_step_that_stepcast_counts(self):
        result = self.train(GPT)
        # 2 FLOPs for each of 4 * 32^2 + 2 * 16 * 32 + 8 * 32^2 multiply-adds a layer and 32 * 300 of the logits, for
        # 4 * 16 tokens, three times over.
        flops = 3 * 2 * 64 * (2 * 13312 + 9600)
        self.assertEqual(result["model_flops_per_step"], flops)
        self.assertAlmostEqual(result["model_flops_per_s"] * result["step_time_median_s"] / flops, 1, delta=1e-9)
        self.assertEqual(result["tokens_per_s"], 64 / result["step_time_median_s"])
        self.assertEqual(result["peak_unknown"], "this is a core, and the scenario's topology is of H200-SXM-141GB")
        self.assertNotIn("model_flops_utilization", result)
        self.assertLessEqual(result["step_time_q10_s"], result["step_time_q90_s"])

    def test_what_can_not_be_built_is_refused_with_its_field(self):
        two = {"topology": "h200-shared-2", "num_gpus": 2}
        self.assertIn("plan.tp = 2", self.refusal(GPT, {"tp": 2}, **two)[1])
        self.assertIn("plan.dp = 2", self.refusal(GPT, {"dp": 2}, **two)[1])
        self.assertIn("training.precision = fp16", self.refusal(GPT, None, {"precision": "fp16"})[1])
        self.assertIn("position_embedding = alibi", self.refusal({**LLAMA, "position_embedding": "alibi"})[1])
        code, text = self.refusal({**GPT, "causal": False, "token_types": 2, "pooler": True}, stack={
            "traits": {"flash_attention": False}, "costs": {"name": "x"}})
        self.assertEqual(code, 6)
        for field in ("model.token_types = 2", "model.pooler = True", "traits.flash_attention"):
            self.assertIn(field, text)
        self.assertEqual(self.refusal({**GPT, "vocab_size": 0})[0], 3)

    def test_another_model_than_stepcast_s_is_an_error(self):
        fake = self.folder / "stepcast"

        def export(change):
            step = pytorch_step.load_step(STEPCAST, self.scenario(GPT))
            step.update(change)
            fake.write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(step)}\nE\n")
            fake.chmod(0o755)
            run = subprocess.run([sys.executable, TOOL, "x", "--device", "cpu", "--stepcast", fake, "--steps", "1"],
                                 capture_output=True, text=True)
            return run.returncode, run.stderr

        code, said = export({"parameters": 35585})
        self.assertEqual(code, 7)
        self.assertIn("PyTorch's model has 35584 parameters, stepcast's 35585", said)
        self.assertEqual(export({"schema": "stepcast.training_step/2"})[0], 3)

    def test_the_command_prints_a_table_or_json_and_says_when_pytorch_is_missing(self):
        command = [sys.executable, TOOL, "live-tiny-1", "--device", "cpu", "--stepcast", STEPCAST, "--steps", "2"]
        run = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, "utilisation [0-9.]+ %: [0-9.]+ TFLOP/s of 0.12 TFLOP/s of 1 x CPU-core")
        run = subprocess.run([*command, "--json"], capture_output=True, text=True)
        self.assertEqual(json.loads(run.stdout)["schema"], "stepcast.pytorch_step/1")
        # -S -E: as a Python without further packages.
        missing = subprocess.run([sys.executable, "-S", "-E", *command[1:]], capture_output=True, text=True)
        self.assertEqual(missing.returncode, 6)
        self.assertIn("PyTorch is not installed for ", missing.stderr)
        self.assertEqual(subprocess.run([*command, "--steps", "0"], capture_output=True).returncode, 2)


if __name__ == "__main__":
    unittest.main()
