#!/usr/bin/env python3
"""fit_device_profiles KERNELS_DIR [--write | --table]: device profiles from published kernel measurements.

KERNELS_DIR holds gemm.csv, attention.csv, conv.csv and memory_ops.csv (columns as in tests/validation/README.md).
For each shipped GPU the smooth models of sim/cost/device_profile.h are fitted on 60 % of the shapes and
judged on the other 40 %; then on rows of other campaigns that no fit has seen. With --write the profiles
in topologies/calibrations/ are rewritten: products with the fit on those 60 %, so that the errors printed are
those of the shipped file; attention, convolutions and memory-bound kernels refitted on all rows. With --table it prints
the table of kernels/README.md: errors on rows that the judged fit has not seen, by GPU and class.

Needs Debian's python3-numpy and python3-scipy.
"""
import argparse
import csv
import json
import os
import zlib

import numpy as np
from scipy.optimize import least_squares

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')

# FlashAttention-2 is fitted without SageAttention's figure, whose batch and heads are assumed.
A100_ATTENTION = {'FA2': ('A100-SXM4-80GB', ('flash-attention', 'aiconfigurator')), 'FA1': ('A100-SXM4-80GB', ''), 'TRTLLM-FMHA': ('A100-SXM4-80GB', '')}
# Which rows calibrate which profile. `gemm`: dtype of the profile -> (gpu, dtype, source prefix). `attention`: implementation ->
# (gpu, source prefix), the first being that of stacks that name none; of another GPU than the profile's it is graded transferred.
PROFILES = {
    'p100': dict(
        device='P100-SXM2-16GB', condition='burst', gemm={'fp32': ('P100', 'fp32', 'DeepBench')}, attention=None, memory=('P100', 732e9),
        convolution={'fp32': ('P100', 'fp32', 'DeepBench')}),
    't4': dict(
        device='T4', condition='burst', gemm={'fp16': ('T4', 'fp16', 'DeepBench')}, attention=None, memory=('T4', 320e9),
        convolution={'fp16': ('T4', 'fp16', 'DeepBench'), 'fp32': ('T4', 'fp32', 'NeuSight')}),
    'v100': dict(
        device='V100-SXM2-16GB', also=('V100-SXM2-32GB', 'V100-SXM3-32GB'), condition='burst',
        gemm={'fp16': ('V100-SXM2-16GB', 'fp16', 'DeepBench'), 'fp32': ('V100-SXM2-16GB', 'fp32', 'DeepBench')},
        convolution_unseen=('V100-PCIe-32GB',),
        convolution={'fp16': ('V100-SXM2-16GB', 'fp16', 'DeepBench'), 'fp32': ('V100-SXM2-16GB', 'fp32', 'DeepBench')},
        attention=None, memory=('V100-PCIe-32GB', 900e9)),
    'v100-pcie': dict(
        device='V100-PCIe-32GB', condition='burst', gemm={'fp32': ('V100-PCIe-32GB', 'fp32', 'NeuSight')}, attention=None, memory=('V100-PCIe-32GB', 900e9),
        convolution={'fp32': ('V100-PCIe-32GB', 'fp32', 'NeuSight')}),
    'a100-40g': dict(
        device='A100-SXM-40GB', attention_gpu='A100-SXM4-80GB', condition='burst', same_rows='a100-80g',
        gemm={'bf16': ('A100-SXM4-80GB', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp32': ('A100-PCIe-80GB', 'fp32', 'NeuSight')},
        attention=A100_ATTENTION, memory=('A100', 2039e9),
        convolution={'fp32': ('A100-PCIe-80GB', 'fp32', 'NeuSight')}),
    'a100-80g': dict(
        device='A100-SXM-80GB', also=('A100-PCIe-80GB',), attention_gpu='A100-SXM4-80GB', condition='burst',
        gemm={'bf16': ('A100-SXM4-80GB', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp32': ('A100-PCIe-80GB', 'fp32', 'NeuSight')},
        attention=A100_ATTENTION, memory=('A100', 2039e9),
        convolution={'fp32': ('A100-PCIe-80GB', 'fp32', 'NeuSight')}),
    'h100': dict(
        device='H100-SXM-80GB', attention_gpu='H100-SXM5-80GB', also=('H100-94GB', 'H100-96GB-500W'), condition='burst',
        gemm={'bf16': ('H100-SXM5-80GB', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp8': ('H100-SXM5-80GB', 'fp8', 'aiconfigurator'),
              'fp32': ('H100-SXM5-80GB', 'fp32', 'NeuSight')},
        attention={'FA2': ('H100-SXM5-80GB', 'flash-attention'), 'FA3': ('H100-SXM5-80GB', ''), 'cuDNN': ('H100-SXM5-80GB', ''),
                   'TRTLLM-FMHA': ('H100-SXM5-80GB', '')}, memory=('H100', 3352e9),
        convolution={'tf32': ('H100-SXM5-80GB', 'fp32/tf32', 'TrioSim')}),
    'h200': dict(
        device='H200-SXM-141GB', attention_gpu='H200-SXM-141GB', condition='sustained',
        gemm={'bf16': ('H200-SXM-141GB', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp8': ('H200-SXM-141GB', 'fp8', 'aiconfigurator')},
        attention={'cuDNN': ('H200-SXM-141GB', ''), 'FA3': ('H200-SXM-141GB', ''), 'FA2': ('H100-SXM5-80GB', 'flash-attention')}, memory=('H200', 4800e9)),
    'b200': dict(
        device='B200-SXM-180GB', attention_gpu='B200-SXM', also=('GB200',), condition='sustained',
        gemm={'bf16': ('B200-SXM', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp8': ('B200-SXM', 'fp8', 'aiconfigurator')},
        attention={'TE/FA': ('B200-SXM', 'SimuMax'), 'cuDNN': ('GB200', ''), 'cuDNN, deterministic': ('GB200', ''), 'FA4': ('B200-SXM', ''),
                   'TRTLLM-gen': ('B200-SXM', '')}, memory=('GB200', 8000e9)),
    'gb300': dict(
        device='GB300', also=('B300-SXM-288GB',), condition='sustained', like='b200', attention_gpu='GB300',
        attention={'cuDNN': ('GB300', ''), 'cuDNN, deterministic': ('GB300', '')}),
    'l40s': dict(
        device='L40S', attention_gpu='L40S', condition='burst',
        gemm={'bf16': ('L40S', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm'))},
        attention={'FA2': ('L40S', 'aiconfigurator')}, memory=('L40S', 864e9)),
}
# Dense datasheet peaks (FLOP/s), bandwidth and SMs, as in topologies/devices/.
HARDWARE = {
    'v100-pcie': dict(peak={'fp32': 14e12}, bandwidth=900e9, sms=80),
    'p100': dict(peak={'fp32': 10.6e12}, bandwidth=732e9, sms=56),
    't4': dict(peak={'fp16': 65e12}, bandwidth=320e9, sms=40),
    'v100': dict(peak={'fp16': 125e12, 'fp32': 15.7e12}, bandwidth=900e9, sms=80),
    'a100-40g': dict(peak={'bf16': 312e12, 'fp32': 19.5e12}, bandwidth=1555e9, sms=108, fit_bandwidth=2039e9),
    'a100-80g': dict(peak={'bf16': 312e12, 'fp32': 19.5e12}, bandwidth=2039e9, sms=108),
    'h100': dict(peak={'bf16': 989.5e12, 'fp8': 1979e12, 'fp32': 67e12}, bandwidth=3352e9, sms=132),
    'h200': dict(peak={'bf16': 989.5e12, 'fp8': 1979e12}, bandwidth=4800e9, sms=132),
    'b200': dict(peak={'bf16': 2250e12, 'fp8': 4500e12}, bandwidth=8000e9, sms=148),
    'l40s': dict(peak={'bf16': 362e12}, bandwidth=864e9, sms=142),
}
SIZE = {'fp32': 4, 'fp16': 2, 'bf16': 2, 'fp8': 1}
# Published name of a memory-bound operator -> kernel of sim/compute/kernels.cpp.
OPERATORS = {
    'rmsnorm_fwd': 'rms_norm_forward', 'rmsnorm_bwd': 'rms_norm_backward', 'layernorm_fwd': 'layer_norm_forward',
    'layernorm_bwd': 'layer_norm_backward', 'swiglu_fwd': 'swiglu_forward', 'swiglu_bwd': 'swiglu_backward',
    'gelu_fwd': 'gelu_forward', 'residual_add': 'residual_dropout_forward', 'add_fwd': 'residual_dropout_forward',
}


def rows(folder, name):
    with open(os.path.join(folder, name), newline='') as f:
        return list(csv.DictReader(f))


def held(shape):
    """40 % of the shapes, chosen by the shape itself: the same on every machine and run."""
    shape = tuple(x if isinstance(x, (str, tuple)) else float(x) for x in shape)  # NumPy 2 prints its own floats otherwise
    return zlib.crc32(repr(shape).encode()) % 10 < 4


TILES = ((256, 128), (128, 256), (128, 128), (128, 64), (64, 128), (64, 64))


def gemm_time(p, m, n, k, settled, peak, bandwidth, size, sms):
    """Tile waves of sim/cost/device_profile.h; settled: 1 = at the power limit as in training, 0 = short benchmark."""
    e, b, t0, k0, tile0, hardness, burst_gain, burst_time = p
    work = np.inf
    for rows_, columns in TILES:
        full = np.ceil(m / rows_) * np.ceil(n / columns) / sms
        waves = hardness * np.ceil(full) + (1 - hardness) * np.maximum(full, 1)
        loads = 1 + tile0 * (1 / rows_ + 1 / columns - 3 / 256)
        work = np.minimum(work, waves * 2 * rows_ * columns * (k + k0) * loads * sms / (e * peak))
    work = work / np.where(settled > 0, 1, 1 + burst_gain / (1 + work / (burst_time * 1e-6)))
    memory = size * (m * k + n * k + m * n) / (b * bandwidth)
    return (work ** 4 + memory ** 4) ** 0.25 + t0 * 1e-6


def fit_gemm(table, *hardware):
    m, n, k, t, settled = table.T
    start = np.array([.7, .8, 3, 100, 20, .5, .15, 1000])
    low, high = [.1, .2, 0, 0, 0, 0, 0, 10], [1.2, 1.3, 30, 500, 300, 1, .6, 20000]

    def residual(p):  # gentle priors for what few shapes decide
        return np.concatenate([np.log(gemm_time(p, m, n, k, settled, *hardware) / t), .06 * np.log((p + .01) / (start + .01))])
    return least_squares(residual, start, bounds=(low, high), loss='soft_l1', f_scale=.05, x_scale=start).x


def settled(row):
    """As measured_as_in_training() of sim/ledger/kernel_rows.cpp."""
    return float('long run' in row['notes'] or '_proj' in row['notes'])


def gemm_table(data, gpu, dtype, source, layouts=('TN',)):
    picked = [(float(r['m']), float(r['n']), float(r['k']), float(r['time_us']) * 1e-6, settled(r)) for r in data
              if r['gpu'] == gpu and r['dtype'] == dtype and r['source'].startswith(source) and r['layout'] in layouts
              and r['time_us'] and r['batch'] in ('', '1') and min(float(r['m']), float(r['n']), float(r['k'])) >= 64]
    return np.array(sorted(picked)).reshape(-1, 5)


def errors(predicted, measured):
    e = np.asarray(predicted) / np.asarray(measured) - 1
    if not len(e):
        return dict(rows=0)
    return dict(rows=len(e), median=float(np.median(abs(e))), mean=float(np.mean(abs(e))), p90=float(np.quantile(abs(e), 0.9)), bias=float(np.median(e)))


class Report:
    """Errors on rows that the judged fit has not seen: printed as they come, or gathered for the table."""

    def __init__(self, as_table):
        self.as_table, self.lines = as_table, []

    def start(self, profile, same_rows=None):
        """same_rows: a profile fitted to the very same rows, whose lines stand for this one too."""
        self.profile, self.quiet = profile, same_rows is not None
        if not self.as_table:
            print(profile)

    def add(self, kind, rows_from, fitted, e):
        """kind: class of kernels; rows_from: 'held out' or the campaign; fitted: rows that the judged fit saw."""
        if not e['rows'] or self.quiet:
            return
        self.lines.append((self.profile, kind, rows_from, fitted, e))
        if not self.as_table:
            print('  %-34s %-34s %4d rows  median %5.1f %%  p90 %5.1f %%  bias %+5.1f %%' % (kind, rows_from, e['rows'], 100 * e['median'], 100 * e['p90'], 100 * e['bias']))

    def table(self):
        print('| profile | kernels | fitted | not fitted, from | rows | median | 90 % | bias |')
        print('|---|---|---|---|---|---|---|---|')
        for profile, kind, rows_from, fitted, e in self.lines:
            print('| %s | %s | %d | %s | %d | %.1f %% | %.1f %% | %+.1f %% |' % (profile, kind, fitted, rows_from, e['rows'], 100 * e['median'], 100 * e['p90'], 100 * e['bias']))


# What attention was timed on: bf16 and fp8 peaks (FLOP/s) and SMs, as in topologies/devices/.
ATTENTION_GPUS = {'A100-SXM4-80GB': (312e12, 0, 108), 'H100-SXM5-80GB': (989.5e12, 1979e12, 132), 'H200-SXM-141GB': (989.5e12, 1979e12, 132),
                  'B200-SXM': (2250e12, 4500e12, 148), 'GB200': (2500e12, 5000e12, 152), 'GB300': (2500e12, 5000e12, 152), 'L40S': (362e12, 724e12, 142)}
PRIOR = np.array([100, 4, 2.9, 5])  # s0, causal_s0_factor, backward_over_forward, overhead: the middle of what rows that tell them have
WIDTH = np.array([1.5, 0.3, 0.15, 1.5])  # of their logarithms; backward / forward is 2.5 to 3.3 where both were timed


def implementation_of(row):
    """As attention_implementation() of sim/ledger/kernel_rows.cpp."""
    return row['impl'] + (', deterministic' if 'deterministic' in row['notes'] else '')


def attention_table(data, gpu, impl, sources, dtypes):
    """Rows of the implementation; the forward pass of a deterministic one is the usual one."""
    forward = impl.split(',')[0]
    out = []
    for r in data:
        own = implementation_of(r) == impl or (r['pass'] == 'fwd' and implementation_of(r) == forward)
        if r['gpu'] != gpu or not own or not r['source'].startswith(sources) or r['dtype'] not in dtypes or not r['time_us']:
            continue
        b, h, s, d = (float(r[c]) for c in ('batch', 'heads', 'seq', 'head_dim'))
        bf16, fp8, sms = ATTENTION_GPUS[gpu]
        flops = 4 * b * h * s * s * d * (0.5 if r['causal'] == '1' else 1)
        peak = fp8 if r['dtype'] == 'fp8' else bf16
        out.append(dict(d=d, s=s, causal=r['causal'] == '1', backward=r['pass'] == 'bwd', both=r['pass'] == 'fwd+bwd', ideal=flops / peak,
                        idle=max(1, sms / (b * h * np.ceil(s / 128))), t=float(r['time_us']) * 1e-6, shape=(b, h, s, d, r['causal'])))
    return out


class Attention:
    """The model of sim/cost/device_profile.h, fitted to logarithms of times with gentle priors."""

    def __init__(self, table):
        self.dims = sorted({r['d'] for r in table})
        start = np.concatenate([np.log(PRIOR), np.full(len(self.dims), np.log(0.5))])
        measured = np.log([r['t'] for r in table])

        def residual(p):
            return np.concatenate([np.log(self.at(p, table)) - measured, 0.1 * (p - start)[:4] / WIDTH])
        low = np.log([1, 1, 1.5, 0.5] + [0.03] * len(self.dims))
        high = np.log([3000, 20, 6, 30] + [1] * len(self.dims))
        self.p = least_squares(residual, start, bounds=(low, high), loss='soft_l1', f_scale=.1).x

    def at(self, p, table):
        s0, causal, ratio, t0, *e = np.exp(p)
        col = {name: np.array([r[name] for r in table]) for name in ('d', 's', 'causal', 'backward', 'both', 'ideal', 'idle')}
        row = col['s'] / np.where(col['causal'], causal, 1)
        seconds = col['ideal'] / np.interp(col['d'], self.dims, e) * (1 + s0 / row) * col['idle'] + t0 * 1e-6
        return seconds * np.where(col['backward'], ratio, np.where(col['both'], 1 + ratio, 1))

    def errors(self, table):
        return errors(self.at(self.p, table), [r['t'] for r in table]) if table else dict(rows=0)

    def fields(self):
        s0, causal, ratio, t0, *e = np.exp(self.p)
        return dict(head_dims=[int(d) for d in self.dims], efficiency=[round(float(x), 4) for x in e], s0=round(float(s0), 1),
                    causal_s0_factor=round(float(causal), 2), backward_over_forward=round(float(ratio), 3), overhead=us(t0))


# What convolutions were timed on: peaks (FLOP/s) by type of the row, and bandwidth, as in topologies/devices/.
CONVOLUTION_GPUS = {'P100': ({'fp32': 10.6e12}, 732e9), 'T4': ({'fp16': 65e12, 'fp32': 8.1e12}, 320e9),
                    'V100-SXM2-16GB': ({'fp16': 125e12, 'fp32': 15.7e12}, 900e9), 'V100-PCIe-32GB': ({'fp32': 14e12}, 900e9),
                    'A100-PCIe-80GB': ({'fp32': 19.5e12}, 1935e9), 'H100-SXM5-80GB': ({'fp32/tf32': 494.7e12}, 3352e9)}


def convolution_table(data, gpu, dtype, source):
    out = []
    for r in data:
        if r['gpu'] != gpu or r['dtype'] != dtype or not r['source'].startswith(source):
            continue
        n, c, h, w, k, rows_, columns, stride, pad = (float(r[name]) for name in ('batch', 'c_in', 'h', 'w', 'c_out', 'r', 's', 'stride', 'pad'))
        positions = n * ((h + 2 * pad - rows_) // stride + 1) * ((w + 2 * pad - columns) // stride + 1)
        peaks, bandwidth = CONVOLUTION_GPUS[gpu]
        elements = n * c * h * w + k * c * rows_ * columns + positions * k
        out.append(dict(c=c, k=k, positions=positions, ideal=2 * positions * k * c * rows_ * columns / peaks[dtype], winograd=(rows_, columns, stride) == (3, 3, 1),
                        stream=(2 if dtype == 'fp16' else 4) * elements / bandwidth, run=r['pass'], t=float(r['time_us']) * 1e-6,
                        shape=(n, c, h, w, k, rows_, columns, stride, pad)))
    return out


class Convolutions:
    """The model of sim/cost/convolution.h, fitted to logarithms of times with gentle priors; passes that nobody timed are the priors' share of forward."""

    # forward_efficiency, dgrad and wgrad as shares of it, memory_efficiency, overhead, channels0, positions0, winograd_gain
    PRIOR = np.array([0.5, 0.8, 0.8, 0.7, 5, 20, 1000, 1.8])
    WIDTH = np.array([1, 0.3, 0.3, 0.3, 1, 1, 1.5, 0.4])  # of the logarithms

    def __init__(self, table):
        start = np.log(self.PRIOR)
        measured = np.log([r['t'] for r in table])

        def residual(p):
            return np.concatenate([np.log(self.at(p, table)) - measured, 0.15 * (p - start) / self.WIDTH])
        self.p = least_squares(residual, start, bounds=(np.log([0.03, 0.2, 0.2, 0.1, 0.5, 0.5, 10, 1]), np.log([1.9, 1.2, 1.2, 1.2, 60, 500, 2e5, 4])),
                               loss='soft_l1', f_scale=.2).x

    def at(self, p, table):
        forward, dgrad, wgrad, memory, t0, c0, p0, gain = np.exp(p)
        col = {name: np.array([r[name] for r in table]) for name in ('c', 'k', 'positions', 'ideal', 'winograd', 'stream')}
        edges = (1 + c0 / col['c']) * (1 + c0 / col['k']) * (1 + p0 / col['positions']) / np.where(col['winograd'], gain, 1)
        seconds = 0
        for run, e in (('fwd', forward), ('dgrad', forward * dgrad), ('wgrad', forward * wgrad)):
            has = np.array([run in r['run'].split('+') for r in table])
            seconds = seconds + has * (((col['ideal'] / e * edges) ** 4 + (col['stream'] / memory) ** 4) ** 0.25 + t0 * 1e-6)
        return seconds

    def errors(self, table):
        return errors(self.at(self.p, table), [r['t'] for r in table]) if table else dict(rows=0)

    def fields(self):
        forward, dgrad, wgrad, memory, t0, c0, p0, gain = (float(x) for x in np.exp(self.p))
        return dict(forward_efficiency=round(forward, 4), dgrad_efficiency=round(forward * dgrad, 4), wgrad_efficiency=round(forward * wgrad, 4),
                    memory_efficiency=round(memory, 4), channels0=round(c0, 2), positions0=round(p0, 1), winograd_gain=round(gain, 3), overhead=us(t0))


def convolutions_of(spec, data, report):
    """Convolutions of a profile by dtype: the model of all rows; errors are of one that has not seen two shapes in five, by pass."""
    out = {}
    for dtype, (gpu, row_dtype, source) in spec['convolution'].items():
        table = convolution_table(data, gpu, row_dtype, source)
        train, test = [r for r in table if not held(r['shape'])], [r for r in table if held(r['shape'])]
        trial = Convolutions(train)
        for run in sorted({r['run'] for r in table}, key=('fwd', 'dgrad', 'wgrad', 'dgrad+wgrad').index):
            report.add('convolution %s, %s' % (dtype, run), 'held out of ' + source, len(train), trial.errors([r for r in test if r['run'] == run]))
        for other in spec.get('convolution_unseen', ()):
            report.add('convolution %s, fwd' % dtype, 'NeuSight, ' + other, len(train), trial.errors(convolution_table(data, other, row_dtype, 'NeuSight')))
        out[dtype] = dict(Convolutions(table).fields(), grade='fitted', relative_sigma=round(min(trial.errors(test)['mean'], 1), 3), source='%s, %s' % (source, gpu))
    return out


def memory_classes(data, gpu_prefix, bandwidth):
    """Per operator: share of the bandwidth of the best implementation among rows of at least 32 MB."""
    best = {}
    for r in data:
        name = OPERATORS.get(r['op'])
        if name is None or not r['gpu'].startswith(gpu_prefix) or not r['bytes'] or float(r['bytes']) < 32e6:
            continue
        rate = float(r['bytes']) / (float(r['time_us']) * 1e-6) / bandwidth
        if rate < 1:
            best.setdefault((name, r['source'].split('/')[0]), []).append(rate)
    out = {}
    for (name, source), rates in sorted(best.items()):
        e = float(np.median(rates))
        if len(rates) >= 3 and e > 0.3:  # below that the published traffic is not the operator's
            if name not in out or e > out[name][0]:
                out[name] = (e, source, len(rates))
    return out


def us(seconds_us):
    return '%.3g us' % seconds_us


LEAST = 512  # rows, columns and inner dimension of the products that are judged


def judge_gemm(report, dtype, spec, args, data):
    """Errors of a fit on 60 % of the shapes: on the others, and on every other campaign of the same GPU and type."""
    gpu, row_dtype, source = spec
    table = gemm_table(data['gemm'], gpu, row_dtype, source, ('TN', 'NN'))
    mask = np.array([held(tuple(r[:3])) for r in table])
    p = fit_gemm(table[~mask], *args)

    def judged(some):
        large = some[some[:, :3].min(axis=1) >= LEAST] if len(some) else some
        return errors(gemm_time(p, *large[:, :3].T, large[:, 4], *args), large[:, 3])
    kind, fitted = 'gemm %s, m, n, k >= %d' % (dtype, LEAST), int((~mask).sum())
    e = judged(table[mask])
    report.add(kind, 'held out of ' + (source if isinstance(source, str) else 'aiconfigurator'), fitted, e)
    same_rate = ('fp16', 'bf16') if SIZE[dtype] == 2 else (row_dtype,)
    for other in sorted({r['source'] for r in data['gemm'] if r['gpu'] == gpu and r['dtype'] in same_rate and not r['source'].startswith(source)}):
        unseen = [gemm_table(data['gemm'], gpu, d, other, ('TN', 'NN')) for d in same_rate]
        report.add(kind, other, fitted, judged(np.concatenate(unseen)))
    return p, e


HALVES = ('fp16', 'bf16')


def judge_attention(report, impl, gpu, sources, dtypes, data):
    """The model of all rows, and the errors of one that has not seen two shapes in five: on those, and on other campaigns.
    Where so few shapes were timed that those two in five are none, each shape is told from all others."""
    table = attention_table(data, gpu, impl, sources, dtypes)
    train, test = [r for r in table if not held(r['shape'])], [r for r in table if held(r['shape'])]
    trial = Attention(train)
    e, rows_from = trial.errors(test), 'held out'
    if len(test) < 3:
        told = [(s, [r for r in table if r['shape'] == s]) for s in sorted({r['shape'] for r in table})]
        told = [(Attention([r for r in table if r['shape'] != s]), some) for s, some in told]
        predicted = np.concatenate([model.at(model.p, some) for model, some in told])
        e, rows_from = errors(predicted, [r['t'] for _, some in told for r in some]), 'each left out'
    kind = 'attention %s, %s' % ('fp8' if 'fp8' in dtypes else 'bf16', impl)
    report.add(kind, rows_from if not sources else rows_from + ' of ' + (sources if isinstance(sources, str) else ' and '.join(sources)), len(train), e)
    for other in sorted({r['source'] for r in data if r['gpu'] == gpu and r['impl'] == impl and not r['source'].startswith(sources)}):
        report.add(kind, other, len(train), trial.errors(attention_table(data, gpu, impl, other, dtypes)))
    return Attention(table), e


def attention_of(name, spec, data, report):
    """Attention of a profile: by dtype, a model for each implementation."""
    halves, fp8 = [], []
    for impl, (gpu, sources) in spec['attention'].items():
        for dtypes, into in ((HALVES, halves), (('fp8',), fp8)):
            if len(attention_table(data, gpu, impl, sources, dtypes)) < 10:
                continue
            model, e = judge_attention(report, impl, gpu, sources, dtypes, data)
            own = gpu == spec['attention_gpu']  # else the same chip with other memory, or at another clock
            into.append(dict(implementation=impl, **model.fields(), grade='fitted' if own else 'transferred',
                             relative_sigma=round(max(e['mean'], 0.05 if own else 0.15), 3), source=', '.join([' and '.join(
                                 sorted({r['source'].split('/')[0] for r in data if r['gpu'] == gpu and implementation_of(r).startswith(impl) and r['source'].startswith(sources)})), gpu])))
    out = {'bf16': halves, 'fp16': halves}
    return dict(out, fp8=fp8) if fp8 else out


def judge_memory(report, name, classes, spec, data):
    """Operators that have a rate of their own: the median of 60 % of the rows of its source, on the others and on other sources."""
    prefix, bandwidth = spec
    seen, errors_of = 0, {}
    for r in data['memory']:
        kernel = OPERATORS.get(r['op'])
        if kernel not in classes or not r['gpu'].startswith(prefix) or not r['bytes'] or float(r['bytes']) < 32e6:
            continue
        source = r['source'].split('/')[0]
        own = source == classes[kernel][1]
        if own and not held((r['op'], r['elements_shape'])):
            seen += 1
            continue
        train = [float(x['bytes']) / float(x['time_us']) * 1e6 / bandwidth for x in data['memory']
                 if OPERATORS.get(x['op']) == kernel and x['gpu'].startswith(prefix) and x['bytes'] and float(x['bytes']) >= 32e6
                 and x['source'].split('/')[0] == classes[kernel][1] and not held((x['op'], x['elements_shape']))]
        train = [rate for rate in train if rate < 1]
        if train:
            predicted = float(r['bytes']) / (float(np.median(train)) * bandwidth) + 2e-6
            errors_of.setdefault('held out of their sources' if own else source, []).append((predicted, float(r['time_us']) * 1e-6))
    for rows_from in sorted(errors_of, key=lambda s: (not s.startswith('held'), s)):
        predicted, measured = zip(*errors_of[rows_from])
        report.add('memory-bound, >= 32 MB', rows_from, seen, errors(predicted, measured))


def transferred(profile):
    """Products and memory-bound kernels of another GPU of the same chip, as transfer_profile() of sim/cost/transfer.cpp grades them."""
    gemm = {dtype: dict(m, grade='transferred', relative_sigma=round(float(np.hypot(m['relative_sigma'], 0.18)), 3)) for dtype, m in profile['gemm'].items()}
    return {'gemm': gemm, 'memory': dict(profile['memory'], grade='transferred', relative_sigma=0.36)}


def profile_like(name, spec, other, data, report):
    """A GPU whose attention alone was timed: the rest is that of `other`, a profile."""
    report.start(name)
    return {'name': name, 'device': spec['device'], 'also_for': list(spec['also']), 'condition': spec['condition'],
            'comment': 'Written by tools/fit_device_profiles.py: attention of its own, the rest of %s.' % other['name'],
            **transferred(other), 'attention': attention_of(name, spec, data['attention'], report)}


def profile_of(name, spec, data, report):
    hw = HARDWARE[name]
    fit_bandwidth = hw.get('fit_bandwidth', hw['bandwidth'])
    out = {'name': name, 'device': spec['device'], 'also_for': list(spec.get('also', ())), 'condition': spec['condition'],
           'comment': 'Written by tools/fit_device_profiles.py; models in sim/cost/device_profile.h.', 'gemm': {}, 'attention': {}}
    report.start(name, spec.get('same_rows'))
    for dtype, (gpu, row_dtype, source) in spec['gemm'].items():
        args = (hw['peak'][dtype], fit_bandwidth, SIZE[dtype], hw['sms'])
        p, e = judge_gemm(report, dtype, (gpu, row_dtype, source), args, data)
        model = dict(efficiency=p[0], memory_efficiency=p[1], k0=p[3], wave_hardness=p[5], tile0=p[4], burst_gain=p[6])
        model = {k: round(float(v), 4) for k, v in model.items()}
        model.update(burst_time=us(p[7]), overhead=us(p[2]), dgrad_efficiency=1.0, wgrad_efficiency=0.96, grade='fitted', relative_sigma=round(max(e['mean'], 0.05), 3),
                     source='%s, %s %s' % (source if isinstance(source, str) else 'aiconfigurator', gpu, row_dtype))
        out['gemm'][dtype] = model
        if dtype == 'bf16':
            out['gemm']['fp16'] = dict(model, source=model['source'] + ' (same tensor-core rate)')
            if name not in ('v100', 'l40s'):
                out['gemm']['tf32'] = dict(model, grade='assumed', relative_sigma=0.15, source='bf16 fractions of the tf32 peak')
    if spec['attention']:
        out['attention'] = attention_of(name, spec, data['attention'], report)
    if 'convolution' in spec:
        out['convolution'] = convolutions_of(spec, data['convolution'], report)
    classes = memory_classes(data['memory'], *spec['memory'])
    judge_memory(report, name, classes, spec['memory'], data)
    default = float(np.median([c[0] for c in classes.values()])) if classes else 0.75
    out['memory'] = {'efficiency': round(max(default, 0.6), 3), 'overhead': '2 us', 'grade': 'fitted' if classes else 'assumed',
                     'kernels': {k: {'efficiency': round(e, 3), 'source': '%s, median of %d' % (s, n)} for k, (e, s, n) in classes.items()}}
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('kernels', help='folder with gemm.csv, attention.csv, conv.csv, memory_ops.csv')
    parser.add_argument('--table', action='store_true', help='print the table of kernels/README.md')
    parser.add_argument('--write', action='store_true', help='rewrite topologies/calibrations/*.json')
    args = parser.parse_args()
    data = {'gemm': rows(args.kernels, 'gemm.csv'), 'attention': rows(args.kernels, 'attention.csv'), 'memory': rows(args.kernels, 'memory_ops.csv'),
            'convolution': rows(args.kernels, 'conv.csv')}
    report = Report(args.table)
    profiles = {}
    for name, spec in PROFILES.items():
        profile = profile_like(name, spec, profiles[spec['like']], data, report) if 'like' in spec else profile_of(name, spec, data, report)
        profiles[name] = profile
        if args.write:
            with open(os.path.join(ROOT, 'topologies', 'calibrations', name + '.json'), 'w') as f:
                json.dump(profile, f, indent=2)
                f.write('\n')
    if args.table:
        report.table()


if __name__ == '__main__':
    main()
