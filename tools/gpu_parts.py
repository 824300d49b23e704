"""gpu_parts: what tools/gpu_check runs, part by part, and how one part is run.

A part is done when all its commands ended with 0. Standard output of the last one is build-gpu/results/PART.json (PART
of one that writes no document: PART.txt), standard error of all of them PART.log.
"""
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
GPUS_OF_175B = 1024


@dataclasses.dataclass
class Part:
    name: str
    commands: list
    at_most: float  # seconds
    needs: tuple = ("build",)
    document: bool = True
    ranks: int = 0  # of a live run
    one_gpu: bool = True  # else all that are here; ranks that are to share one must not find more
    always: bool = False  # also when it was done before
    prepare: object = None  # called before; ValueError says why the part can't run
    check: object = None  # called after; the same


@dataclasses.dataclass
class Outcome:
    state: str  # "done", "failed", "not run"
    why: str = ""
    exit_code: int = 0
    seconds: float = 0


def parts_of(build, results, python, profile_seconds):
    """In the order in which they run: what takes a minute and says what is wrong with the GPU first, what is worth
    most before what is worth less. `build` and `results` are folders, `python` is the one with PyTorch."""
    stepcast, root = str(build / "stepcast"), str(ROOT)
    profile = [stepcast, "profile", "--device", "cuda"]
    parts = [
        Part("build", [
            [f"{root}/tools/install-packages"],
            ["cmake", "-S", root, "-B", str(build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DSTEPCAST_CUDA=ON",
             "-DCMAKE_CUDA_ARCHITECTURES=native"],
            ["cmake", "--build", str(build), "--target", "stepcast"],
        ], 3600, needs=(), document=False, always=True, check=lambda: require_cuda(build)),
        Part("overlap", [[*profile[:2], "--overlap", "--stack", "megatron-lm", "-o", str(results / "gpu-stack.json"),
                          "--json"]], 300, one_gpu=False),
        Part("tests", [["cmake", "--build", str(build), "--target", "test_ops_gpu"],
                       [str(build / "tests" / "test_ops_gpu"), "--gtest_brief=1",
                        f"--gtest_output=json:{results / 'tests.json'}"]], 1200, document=False),
        Part("rates", [["cmake", "--build", str(build), "--target", "stepcast_cuda_kernels_bench"],
                       [str(build / "tests" / "bench" / "stepcast_cuda_kernels_bench"),
                        f"--benchmark_out={results / 'rates.json'}", "--benchmark_out_format=json"]], 1200,
             document=False),
        Part("profile-1", [[*profile, "--budget", f"{profile_seconds:.0f}", "-o", str(results / "gpu-1.json"),
                            "--json"]], profile_seconds + 600),
        # It is to take a minute with all that stands around the rounds; so these begin within 40 s.
        Part("for-175b", [[*profile, "--for", str(results / "gpt3-175b.json"), "--again", "--budget", "40", "-o",
                           str(results / "for-175b-profile.json"), "--json"]], 300, needs=("build", "profile-1"),
             prepare=lambda: write_175b(results)),
    ]
    scenarios = [(path, json.loads(path.read_text(encoding="utf-8"))["num_gpus"])
                 for path in sorted((ROOT / "scenarios").glob("live-gpu-*.json"))]
    for path, ranks in scenarios:
        parts.append(Part(path.stem, [[stepcast, "live", str(path), "--device", "cuda", "--compare", "--json"]], 600,
                          ranks=ranks))
    for path, ranks in scenarios:
        if ranks == 1:
            parts.append(Part(path.stem.replace("live-", "pytorch-", 1),
                              [[python, f"{root}/tools/pytorch_step.py", str(path), "--device", "cuda", "--stepcast",
                                stepcast, "--json"]], 600))
    parts += [
        Part("profile-2", [[*profile, "--budget", f"{profile_seconds:.0f}", "-o", str(results / "gpu-2.json"),
                            "--json"]], profile_seconds + 600),
        Part("agreement", [[sys.executable, f"{root}/tools/compare_profiles.py", str(results / "gpu-1.json"),
                            str(results / "gpu-2.json"), "--json"]], 60, needs=("profile-1", "profile-2")),
    ]
    return parts


def require_cuda(build):
    if not (build / "libstepcast_cuda.so").exists():
        raise ValueError("CMake left CUDA out (build.log says why): install nvcc, cuBLASLt, cuDNN and NCCL")


def write_175b(results):
    """results/gpt3-175b.json: the shipped scenario of 175B on the device that the first profile is of."""
    device = json.loads((results / "gpu-1.json").read_text(encoding="utf-8"))["device"]
    scenario = json.loads((ROOT / "scenarios" / "gpt3-175b-1024xa100.json").read_text(encoding="utf-8"))
    scenario["name"] = f"GPT-3 175B on {GPUS_OF_175B} x {device}"
    for key in ("description", "published"):
        scenario.pop(key, None)
    scenario["topology"] = topology_of(device)
    (results / "gpt3-175b.json").write_text(json.dumps(scenario, indent=2) + "\n", encoding="utf-8")


def topology_of(device):
    """A shipped cluster of that device, with nodes enough; of a device without one dgx-h100 with the device and its
    profile replaced: kernels, and only they are timed, do not depend on the fabric."""
    for path in sorted((ROOT / "topologies").glob("*.json")):
        topology = json.loads(path.read_text(encoding="utf-8"))
        if topology.get("device") == device and topology["num_nodes"] * topology["node"]["gpus"] >= GPUS_OF_175B:
            return path.stem
    topology = json.loads((ROOT / "topologies" / "dgx-h100.json").read_text(encoding="utf-8"))
    topology.update(name="as-dgx-h100", device=device, device_profile="./gpu-1.json")
    return topology


def environment(one_gpu):
    """With nvcc where NVIDIA's packages put it, if it is on no path."""
    variables = dict(os.environ)
    if one_gpu:  # the first of those that the user or a scheduler allows
        variables["CUDA_VISIBLE_DEVICES"] = variables.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    usual = "/usr/local/cuda/bin"
    if os.path.exists(f"{usual}/nvcc") and usual not in variables.get("PATH", "").split(":"):
        variables["PATH"] = variables.get("PATH", "") + ":" + usual
    return variables


def end(process):
    """As Ctrl-C does, since a profile then keeps what is timed; and by force half a minute later."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            return process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            continue
    return process.wait()


def last_line(log):
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def run_command(command, out, log, seconds, variables):
    """(exit code, why): `why` where it was ended. Passes Ctrl-C on to the command."""
    process = None
    with open(out, "wb") as output, open(log, "ab") as errors:
        try:
            process = subprocess.Popen(command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL, cwd=ROOT,
                                       env=variables, start_new_session=True)
            return process.wait(timeout=max(seconds, 0.1)), ""
        except OSError as error:
            return 127, f"{command[0]}: {error.strerror}"
        except subprocess.TimeoutExpired:
            end(process)
            return 124, f"it was ended after {seconds:.0f} s"
        except KeyboardInterrupt:
            if process:
                end(process)
            raise


def run_part(part, results, seconds):
    """Runs the part's commands within `seconds`; -> Outcome. KeyboardInterrupt passes through, the command ended."""
    begin, log = time.monotonic(), results / f"{part.name}.log"
    log.write_bytes(b"")
    last = results / (part.name + (".json" if part.document else ".txt"))

    def spent():
        return time.monotonic() - begin

    try:
        if part.prepare:
            part.prepare()
        for index, command in enumerate(part.commands):
            is_last = index + 1 == len(part.commands)
            out = results / f"{part.name}.unfinished"
            code, why = run_command(command, out, log, seconds - spent(), environment(part.one_gpu))
            if code != 0:
                os.replace(out, results / f"{part.name}.txt")
                said = last_line(log) or last_line(results / f"{part.name}.txt")
                return Outcome("failed", why or f"exit code {code}: {said}", code, spent())
            os.replace(out, last if is_last else results / f"{part.name}.txt")
        if part.check:
            part.check()
    except (KeyError, OSError, ValueError) as error:
        return Outcome("failed", str(error), 0, spent())
    return Outcome("done", "", 0, spent())
