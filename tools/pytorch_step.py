#!/usr/bin/env python3
"""pytorch_step: the training step of a stepcast scenario in plain PyTorch, timed.

  tools/pytorch_step.py SCENARIO [--device auto|cpu|cuda] [--steps 20] [--json]

The reference that `stepcast live` stands beside: the same model, micro-batches, precision, recompute and optimizer on
the same device, for scenarios of one rank. The step comes from `stepcast export training-step`, and so do the FLOPs
that utilisation counts. bf16 means bf16 weights, fp32 masters and fp32 sums of gradients, as in Megatron-LM; attention
is torch's scaled_dot_product_attention, Adam the fused one where there is a GPU. Tokens are random.

With --json one document: what was run (scenario, device, torch, attention, optimizer), parameters, first_loss,
last_loss, log_vocab_size (of the padded vocabulary), steps, step_time_median_s, step_time_q10_s, step_time_q90_s,
tokens_per_s, model_flops_per_step, model_flops_per_s, peak_of, peak_flops_per_s and model_flops_utilization (or
peak_unknown: why), peak_memory_bytes (of tensors, on a GPU).

Exit codes: 0 done, 2 usage, 3 bad scenario, 4 out of memory, 6 what can't be built or PyTorch is missing,
7 the model or its loss is wrong.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from compare_profiles import quantile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOW_TO_GET_TORCH = ("PyTorch is not installed for {python}: python3 -m venv venv && venv/bin/pip install torch (some "
                    "GB), then run this with venv/bin/python (tools/gpu_check: --python venv/bin/python)")


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def load_step(stepcast, scenario):
    """The document of `stepcast export training-step`."""
    command = [stepcast, "export", "training-step", scenario, "-o", "-"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Refused(2, f"{stepcast} can't be run: {error.strerror}; build it, or name it with --stepcast") from error
    if run.returncode != 0:
        raise Refused(run.returncode, run.stderr.strip())
    step = json.loads(run.stdout)
    if step.get("schema") != "stepcast.training_step/1":
        raise Refused(3, f"{stepcast} exports {step.get('schema')}, and this script reads stepcast.training_step/1")
    return step


class Trainer:
    """Weights, fp32 masters with fp32 sums of gradients, and the optimizer. Weights of fp32 are the masters."""

    def __init__(self, torch, transformer, training, clip):
        self.torch, self.transformer, self.clip = torch, transformer, clip
        self.weights = list(transformer.parameters())
        self.masters, self.sinks = self.weights, []
        if self.weights[0].dtype != torch.float32:
            self.masters = [weight.detach().float().requires_grad_() for weight in self.weights]
            self.sinks = [self.add_into(weight, master) for weight, master in zip(self.weights, self.masters)]
        self.optimizer = self.make_optimizer(training["optimizer"])

    def add_into(self, weight, master):
        """Adds a gradient to the master's fp32 sum as soon as it is complete, and frees it. The node that accumulates
        lives as long as what is returned."""
        master.grad = self.torch.zeros_like(master)
        node = weight.expand_as(weight).grad_fn.next_functions[0][0]

        def add(*_):
            master.grad.add_(weight.grad)
            weight.grad = None

        node.register_hook(add)
        return node

    def make_optimizer(self, name):
        optim, fused = self.torch.optim, {"fused": True} if self.weights[0].is_cuda else {}
        if name == "sgd":
            return optim.SGD(self.masters, lr=1e-3, momentum=0.9)
        return {"adam": optim.Adam, "adamw": optim.AdamW}[name](self.masters, lr=1e-5, **fused)

    def step(self, microbatches):
        """microbatches (count, B, S + 1) int64 -> mean loss, a tensor."""
        total = 0
        for tokens in microbatches:
            loss = self.transformer(tokens[:, :-1], tokens[:, 1:]) / len(microbatches)
            loss.backward()
            total = total + loss.detach()
        if self.clip:
            self.torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.optimizer.step()
        self.hand_over()
        return total

    def hand_over(self):
        """Masters are rounded into the weights; sums begin anew."""
        if not self.sinks:
            self.optimizer.zero_grad(set_to_none=True)
            return
        with self.torch.no_grad():
            for weight, master in zip(self.weights, self.masters):
                weight.copy_(master)
                master.grad.zero_()


def timed(torch, device, work):
    """(seconds, result): by events of the GPU, or by the clock of the host."""
    if device == "cpu":
        begin = time.perf_counter()
        result = work()
        return time.perf_counter() - begin, result
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    result = work()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3, result


def choose_device(torch, wanted):
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Refused(6, f"torch {torch.__version__} finds no GPU that it can use; --device cpu trains on cores")
    return wanted


def check_count(step, transformer, padding):
    built = sum(parameter.numel() for parameter in transformer.parameters()) - padding
    if built != step["parameters"]:
        raise Refused(7, f"PyTorch's model has {built} parameters, stepcast's {step['parameters']}: they are not the "
                         "same model; please report this scenario")
    return built


def check_loss(loss, vocab_size):
    """Random tokens are told by nobody: ln(padded vocabulary), and half of the variance of the first logits."""
    expected = math.log(vocab_size)
    if not abs(loss - expected) < 0.25 * expected:
        raise Refused(7, f"the first loss is {loss:.3f}, and ln({vocab_size}) = {expected:.3f}: the model is wrong")
    return expected


def peak_of(step, device, name):
    """Members of the result. A GPU that is not the scenario's has another peak."""
    words = [set(text.upper().replace("-", " ").split()) for text in (step["device"], name)]
    chip = step["device"].split("-")[0].upper()
    # Boards and parts of a chip have peaks of their own.
    same_part = all((word in words[0]) == (word in words[1]) for word in ("PCIE", "NVL", "HALF", "QUARTER"))
    here = step["generation"] == "cpu" if device == "cpu" else chip in words[1] and same_part
    if here and step["peak_flops_per_s"] > 0:
        return {"peak_of": "1 x " + step["device"], "peak_flops_per_s": step["peak_flops_per_s"]}
    return {"peak_unknown": f"this is {name}, and the scenario's topology is of {step['device']}"}


def check_supported(arguments, torch, step, device):
    import pytorch_model  # needs torch
    wrong = pytorch_model.unsupported(step)
    if wrong:
        raise Refused(6, "\n".join(f"{arguments.scenario}: {text}" for text in wrong))
    if device == "cuda" and not pytorch_model.HAS_SDPA:
        raise Refused(6, f"torch {torch.__version__} has no scaled_dot_product_attention; install 2.0 or later")


def make_trainer(torch, step, device):
    """(Trainer, how many parameters its model has)."""
    import pytorch_model
    training = step["training"]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = training["precision"] == "tf32"
    dtype = torch.bfloat16 if training["precision"] == "bf16" else torch.float32
    transformer = pytorch_model.build(step, dtype, device)
    parameters = check_count(step, transformer, pytorch_model.padding_parameters(step))
    return Trainer(torch, transformer, training, step["traits"]["grad_norm_clip"]), parameters


def random_tokens(torch, step, device):
    """(microbatches, B, S + 1) int64."""
    training, size = step["training"], step["plan"]["micro_batch_size"]
    count = training["global_batch_size"] // size
    return torch.randint(step["model"]["vocab_size"], (count, size, training["seq_len"] + 1), device=device)


def train(torch, trainer, tokens, device, arguments):
    """(seconds of the timed steps, losses of all)."""
    times, losses = [], []
    for number in range(arguments.warm_up + arguments.steps):
        seconds, loss = timed(torch, device, lambda: trainer.step(tokens))
        losses.append(float(loss))
        if number >= arguments.warm_up:
            times.append(seconds)
    return times, losses


def describe(torch, step, device):
    """Members of the result: what was run."""
    import pytorch_model
    optimizer = step["training"]["optimizer"]
    return {
        "schema": "stepcast.pytorch_step/1", "scenario": step["scenario"],
        "device": torch.cuda.get_device_name() if device == "cuda" else "a core", "torch": torch.__version__,
        "attention": "scaled_dot_product_attention" if pytorch_model.HAS_SDPA else "softmax of written scores",
        "optimizer": optimizer + (", fused" if device == "cuda" and optimizer != "sgd" else ""),
        "precision": step["training"]["precision"], "recompute": step["plan"]["recompute"],
    }


def rates(step, times):
    """Members of the result: the median step and what follows from it."""
    training, median = step["training"], quantile(times, 0.5)
    return {
        "steps": len(times), "step_time_median_s": median, "step_time_q10_s": quantile(times, 0.1),
        "step_time_q90_s": quantile(times, 0.9),
        "tokens_per_s": training["global_batch_size"] * training["seq_len"] / median,
        "model_flops_per_step": step["model_flops_per_step"],
        "model_flops_per_s": step["model_flops_per_step"] / median,
    }


def run(arguments, torch):
    """The document of --json."""
    step = load_step(arguments.stepcast, arguments.scenario)
    device = choose_device(torch, arguments.device)
    check_supported(arguments, torch, step, device)
    torch.set_num_threads(1)  # as a rank on a core
    torch.manual_seed(1)
    trainer, parameters = make_trainer(torch, step, device)
    times, losses = train(torch, trainer, random_tokens(torch, step, device), device, arguments)
    log_vocab = check_loss(losses[0], step["padded_vocab_size"])
    result = {**describe(torch, step, device), "parameters": parameters, "first_loss": losses[0],
              "last_loss": losses[-1], "log_vocab_size": log_vocab, **rates(step, times)}
    result.update(peak_of(step, device, result["device"]))
    if "peak_flops_per_s" in result:
        result["model_flops_utilization"] = result["model_flops_per_s"] / result["peak_flops_per_s"]
    result["peak_memory_bytes"] = torch.cuda.max_memory_allocated() if device == "cuda" else None
    return result


def table(result):
    spread = f"q10 {result['step_time_q10_s'] * 1e3:.2f} ms, q90 {result['step_time_q90_s'] * 1e3:.2f} ms"
    reached = f"{result['model_flops_per_s'] / 1e12:.4g} TFLOP/s"
    lines = [f"{result['scenario']}: PyTorch {result['torch']} on {result['device']}, {result['precision']}, "
             f"recompute {result['recompute']}, {result['attention']}, {result['optimizer']}",
             f"parameters {result['parameters']:,}, as stepcast counts them; loss {result['first_loss']:.4f} "
             f"(ln of the vocabulary {result['log_vocab_size']:.4f}) to {result['last_loss']:.4f}",
             f"step time: median {result['step_time_median_s'] * 1e3:.2f} ms ({spread}) of {result['steps']} steps; "
             f"{result['tokens_per_s']:,.0f} tokens/s"]
    if "model_flops_utilization" in result:
        lines.append(f"model FLOP/s utilisation {100 * result['model_flops_utilization']:.1f} %: {reached} of "
                     f"{result['peak_flops_per_s'] / 1e12:.4g} TFLOP/s of {result['peak_of']}")
    else:
        lines.append(f"model FLOP/s {reached}; of an unknown peak: {result['peak_unknown']}")
    if result["peak_memory_bytes"] is not None:
        lines.append(f"peak of tensors {result['peak_memory_bytes'] / 2**30:.2f} GiB")
    return "\n".join(lines)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", help="a shipped name or a file, of one rank")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--steps", type=int, default=20, help="that are timed (20)")
    parser.add_argument("--warm-up", type=int, default=5, help="steps before those (5)")
    parser.add_argument("--stepcast", default=str(ROOT / "build" / "stepcast"), help="the program (build/stepcast)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    options = parser.parse_args(arguments)
    if options.steps < 1 or options.warm_up < 0:
        parser.error("--steps takes 1 or more, --warm-up 0 or more")
    try:
        import torch
    except ImportError:
        print(HOW_TO_GET_TORCH.format(python=sys.executable), file=sys.stderr)
        return 6
    try:
        result = run(options, torch)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.code
    except RuntimeError as error:
        if "out of memory" not in str(error):
            raise
        print(f"{options.scenario}: {str(error).splitlines()[0]}", file=sys.stderr)
        return 4
    print(json.dumps(result, indent=2) if options.json else table(result))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    sys.exit(main(sys.argv[1:]))
