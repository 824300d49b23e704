#!/usr/bin/env python3
"""fit_device_profiles KERNELS_DIR [--write | --table]: device profiles from published kernel measurements.

KERNELS_DIR holds gemm.csv, attention.csv and memory_ops.csv (columns as in tests/validation/README.md).
For each shipped GPU the smooth models of sim/cost/device_profile.h are fitted on 60 % of the shapes and
judged on the other 40 %; then on rows of other campaigns that no fit has seen. With --write the profiles
in topologies/calibrations/ are rewritten: products with the fit on those 60 %, so that the errors printed are
those of the shipped file; attention and memory-bound kernels refitted on all rows. With --table it prints
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

# Which rows calibrate which profile. `gemm`: dtype of the profile -> (gpu, dtype, source prefix).
PROFILES = {
    'v100': dict(
        device='V100-SXM2-16GB', also=('V100-SXM2-32GB', 'V100-SXM3-32GB'), condition='burst',
        gemm={'fp16': ('V100-SXM2-16GB', 'fp16', 'DeepBench'), 'fp32': ('V100-SXM2-16GB', 'fp32', 'DeepBench')},
        attention=None, memory=('V100-PCIe-32GB', 900e9)),
    'a100-40g': dict(
        device='A100-SXM-40GB', condition='burst', same_rows='a100-80g',
        gemm={'bf16': ('A100-SXM4-80GB', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp32': ('A100-PCIe-80GB', 'fp32', 'NeuSight')},
        attention=('A100-SXM4-80GB', 'FA2', ('flash-attention', 'aiconfigurator')), memory=('A100', 2039e9)),
    'a100-80g': dict(
        device='A100-SXM-80GB', condition='burst',
        gemm={'bf16': ('A100-SXM4-80GB', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp32': ('A100-PCIe-80GB', 'fp32', 'NeuSight')},
        attention=('A100-SXM4-80GB', 'FA2', ('flash-attention', 'aiconfigurator')), memory=('A100', 2039e9)),
    'h100': dict(
        device='H100-SXM-80GB', also=('H100-94GB', 'H100-96GB-500W'), condition='burst',
        gemm={'bf16': ('H100-SXM5-80GB', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp8': ('H100-SXM5-80GB', 'fp8', 'aiconfigurator'),
              'fp32': ('H100-SXM5-80GB', 'fp32', 'NeuSight')},
        attention=('H100-SXM5-80GB', 'FA2', ('flash-attention',)), memory=('H100', 3352e9)),
    'h200': dict(
        device='H200-SXM-141GB', also=('H200-half', 'H200-quarter'), condition='sustained',
        gemm={'bf16': ('H200-SXM-141GB', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp8': ('H200-SXM-141GB', 'fp8', 'aiconfigurator')},
        attention=('H200-SXM-141GB', 'cuDNN', ('cudnn-frontend',)), memory=('H200', 4800e9)),
    'b200': dict(
        device='B200-SXM-180GB', also=('B300-SXM-288GB', 'GB200', 'GB300'), condition='sustained',
        gemm={'bf16': ('B200-SXM', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm')), 'fp8': ('B200-SXM', 'fp8', 'aiconfigurator')},
        attention=('B200-SXM', 'TE/FA', ('SimuMax',)), memory=('GB200', 8000e9)),
    'l40s': dict(
        device='L40S', condition='burst',
        gemm={'bf16': ('L40S', 'bf16', ('aiconfigurator/sglang', 'aiconfigurator/trtllm', 'aiconfigurator/vllm'))},
        attention=('L40S', 'FA2', ('aiconfigurator',)), memory=('L40S', 864e9)),
}
# Dense datasheet peaks (FLOP/s), bandwidth and SMs, as in topologies/devices/.
HARDWARE = {
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


def attention_time(p, dims, d, seq, flops, peak, waves):
    e = np.interp(d, dims, p[:len(dims)])
    t0, s0 = p[len(dims):]
    return t0 * 1e-6 + flops / (e * peak) * (1 + s0 / seq) * waves


def attention_table(data, gpu, impl, sources, sms):
    out = []
    for r in data:
        if r['gpu'] != gpu or r['impl'] != impl or not r['source'].startswith(sources) or r['dtype'] not in ('fp16', 'bf16') or not r['time_us']:
            continue
        b, h, s, d = (float(r[c]) for c in ('batch', 'heads', 'seq', 'head_dim'))
        flops = 4 * b * h * s * s * d * (0.5 if r['causal'] == '1' else 1)
        out.append((d, s, flops, max(1, sms / (b * h * np.ceil(s / 128))), float(r['causal'] == '1'), r['pass'], float(r['time_us']) * 1e-6))
    return out


def fit_attention(table, peak):
    """Forward and forward+backward rows together: a backward counts 2.5 times the flops, at `ratio` times the time."""
    dims = sorted({r[0] for r in table})
    arr = {c: np.array([r[i] for r in table]) for i, c in enumerate(('d', 's', 'f', 'w', 'c'))}
    t = np.array([r[6] for r in table])
    kind = np.array([r[5] for r in table])

    def predict(p):
        seconds = attention_time(np.concatenate([p[:len(dims)], p[-3:-1]]), dims, arr['d'], arr['s'] / np.where(arr['c'] > 0, 3.0, 1.0), arr['f'], peak, arr['w'])
        factor = np.where(kind == 'fwd', 1.0, np.where(kind == 'bwd', p[-1], 1.0 + p[-1]))
        return seconds * factor

    start = [.5] * len(dims) + [5, 100, 2.5]
    low, high = [.05] * len(dims) + [1, 0, 2.0], [1.0] * len(dims) + [20, 600, 4.5]
    weak = np.array([0.0] * len(dims) + [0.02, 0.001, 0.3])
    p = least_squares(lambda p: np.concatenate([np.log(predict(p) / t), weak * (p - np.array(start))]), start, bounds=(low, high),
                      loss='soft_l1', f_scale=.1, x_scale=np.maximum(start, 1e-2)).x
    return dims, p, predict


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


def predict_attention(dims, p, rows_, peak):
    columns = [np.array([r[i] for r in rows_]) for i in range(5)]
    seconds = attention_time(np.concatenate([p[:len(dims)], p[-3:-1]]), dims, columns[0], columns[1] / np.where(columns[4] > 0, 3.0, 1.0), columns[2], peak, columns[3])
    kinds = np.array([r[5] for r in rows_])
    return seconds * np.where(kinds == 'fwd', 1.0, np.where(kinds == 'bwd', p[-1], 1 + p[-1]))


def judge_attention(report, spec, hw, data):
    gpu, impl, sources = spec
    table = attention_table(data['attention'], gpu, impl, sources, hw['sms'])
    train, test = [r for r in table if not held(r[:3])], [r for r in table if held(r[:3])]
    dims, p, _ = fit_attention(train, hw['peak']['bf16'])

    def judged(some):
        return errors(predict_attention(dims, p, some, hw['peak']['bf16']), [r[6] for r in some]) if some else dict(rows=0)
    e = judged(test)
    kind = 'attention, %s' % impl
    report.add(kind, 'held out of ' + ' and '.join(sources), len(train), e)
    for other_impl, other in sorted({(r['impl'], r['source']) for r in data['attention'] if r['gpu'] == gpu}):
        if other_impl != 'unfused' and not (other_impl == impl and other.startswith(sources)):
            report.add(kind, '%s, %s' % (other_impl, other), len(train), judged(attention_table(data['attention'], gpu, other_impl, (other,), hw['sms'])))
    return table, e


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
        gpu, impl, sources = spec['attention']
        table, e = judge_attention(report, spec['attention'], hw, data)
        dims, p, _ = fit_attention(table, hw['peak']['bf16'])
        model = dict(implementation=impl, head_dims=[int(d) for d in dims], efficiency=[round(float(x), 4) for x in p[:len(dims)]], s0=round(float(p[-2]), 1),
                     causal_s0_factor=3.0, backward_over_forward=round(float(p[-1]), 3), overhead=us(p[-3]), grade='fitted',
                     relative_sigma=round(max(e['mean'], 0.05), 3), source='%s, %s' % (' and '.join(sources), gpu))
        out['attention'] = {'bf16': model, 'fp16': model}
    classes = memory_classes(data['memory'], *spec['memory'])
    judge_memory(report, name, classes, spec['memory'], data)
    default = float(np.median([c[0] for c in classes.values()])) if classes else 0.75
    out['memory'] = {'efficiency': round(max(default, 0.6), 3), 'overhead': '2 us', 'grade': 'fitted' if classes else 'assumed',
                     'kernels': {k: {'efficiency': round(e, 3), 'source': '%s, median of %d' % (s, n)} for k, (e, s, n) in classes.items()}}
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('kernels', help='folder with gemm.csv, attention.csv, memory_ops.csv')
    parser.add_argument('--table', action='store_true', help='print the table of kernels/README.md')
    parser.add_argument('--write', action='store_true', help='rewrite topologies/calibrations/*.json')
    args = parser.parse_args()
    data = {'gemm': rows(args.kernels, 'gemm.csv'), 'attention': rows(args.kernels, 'attention.csv'), 'memory': rows(args.kernels, 'memory_ops.csv')}
    report = Report(args.table)
    for name, spec in PROFILES.items():
        profile = profile_of(name, spec, data, report)
        if args.write:
            with open(os.path.join(ROOT, 'topologies', 'calibrations', name + '.json'), 'w') as f:
                json.dump(profile, f, indent=2)
                f.write('\n')
    if args.table:
        report.table()


if __name__ == '__main__':
    main()
