"""Results of tools/gpu_check as a machine with a GPU might leave them, for its tests: all bars are met."""
import json

SCENARIOS = {"live-gpu-125m": 1, "live-gpu-125m-dp2-shared": 2}
FLOPS, PEAK = 1.4e13, 9.895e14


def live(error=0.03):
    return {"complete": True, "device": "1 x NVIDIA H200", "model_flops_per_step": FLOPS, "peak_flops_per_s": PEAK,
            "comparison": {"measurable": True, "error": error, "measured_step_time_s": 0.028}}


def profile():
    models = [("gemm bf16", 0.9), ("products, m, n, k >= 512", 0.031), ("attention", 0.049), ("memory-bound", 0.02)]
    return {"device": "H200-SXM-141GB", "kernels": 400, "points": 390, "complete": True,
            "models": [{"name": name, "held_out_shapes": 40, "median_abs": error} for name, error in models]}


def documents():
    """By part."""
    return {
        "tests": {"tests": 3, "failures": 0, "errors": 0, "disabled": 0,
                  "testsuites": [{"testsuite": [{"name": "A", "result": "COMPLETED"}] * 3}]},
        "rates": {"benchmarks": [
            {"name": "copy, by the driver", "run_type": "iteration", "bytes/s": 4e12},
            {"name": "rms_norm", "run_type": "iteration", "of_copy": 0.86},
            {"name": "adam", "run_type": "iteration", "of_copy": 0.93},
            {"name": "gemm", "run_type": "iteration", "of_cublaslt": 0.985},
            {"name": "attention", "run_type": "iteration", "of_cudnn": 0.7},
            {"name": "adam_median", "run_type": "aggregate", "of_copy": 0.1}]},
        "profile-1": profile(),
        "profile-2": profile(),
        "for-175b": profile(),
        "agreement": {"classes": [{"name": "attention", "median_abs": 0.04}, {"name": "all", "median_abs": 0.012}]},
        "live-gpu-125m": live(),
        "live-gpu-125m-dp2-shared": live(-0.08),
        "pytorch-gpu-125m": {"torch": "2.5.0", "step_time_median_s": 0.035, "model_flops_per_step": FLOPS},
    }


def write(folder, changed=(), states=()):
    """parts.json and the documents, some `changed` (text as it stands, None: no file), of parts with other `states`."""
    parts, all_documents = {}, {**documents(), **dict(changed)}
    for name in ["build", "overlap", *all_documents]:
        parts[name] = {"state": "done", "why": "", "seconds": 42.0, "commit": "abc"}
        if name in SCENARIOS:
            parts[name]["ranks"] = SCENARIOS[name]
        parts[name].update(dict(states).get(name, {}))
    (folder / "parts.json").write_text(json.dumps(parts))
    for name, document in all_documents.items():
        if document is not None:
            (folder / f"{name}.json").write_text(document if isinstance(document, str) else json.dumps(document))
