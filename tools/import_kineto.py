#!/usr/bin/env python3
"""import_kineto TRACE.json[.gz] -o points.json: kernel times of a PyTorch profiler trace as measured points.

TRACE is what torch.profiler exports (Kineto, record_shapes=True). The points are those of a device profile
(topologies/calibrations/README.md): put them under "points", or give them to `stepcast profile --anchors`.

GPU kernels are added up by the operator that launched them ("External id"), operators are named by their shapes,
and the median over all launches is written with its spread. Matrix products (aten::mm, addmm, bmm) become
gemm_forward and batched_gemm_forward, those below an autograd function gemm_dgrad (PyTorch does not say which of
the two gradients a product is); fused attention and layer norm become what they are. What has no shape, no GPU time,
or another data type is counted and left out; so is the first step, where there are several, since it warms up.

The file is read piece by piece: a trace of hundreds of MB needs some hundred bytes per operator.
"""
import argparse
import bisect
import collections
import gzip
import json
import statistics
import sys

PIECE = 1 << 22
LARGEST_EVENT = 1 << 26
DTYPES = {'float': 'fp32', 'c10::BFloat16': 'bf16', 'c10::Half': 'fp16'}
GPU = ('kernel', 'gpu_memcpy', 'gpu_memset')


class BadTrace(Exception):
    pass


def events(path):
    """The objects of "traceEvents", one after the other."""
    opened = gzip.open(path, 'rt', encoding='utf-8', errors='replace') if path.endswith('.gz') else open(
        path, encoding='utf-8', errors='replace')
    decoder = json.JSONDecoder()
    with opened as file:
        text = file.read(PIECE)
        begin = text.find('"traceEvents"')
        while begin < 0 and len(text) < LARGEST_EVENT:
            piece = file.read(PIECE)
            if not piece:
                break
            text += piece
            begin = text.find('"traceEvents"')
        begin = text.find('[', begin) + 1 if begin >= 0 else 0
        if begin == 0:
            raise BadTrace('has no "traceEvents": is it a trace of torch.profiler?')
        text = text[begin:]
        at = 0
        while True:
            while at < len(text) and text[at] in ' \t\r\n,':
                at += 1
            if at < len(text) and text[at] == ']':
                return
            try:
                event, at = decoder.raw_decode(text, at)
                yield event
                continue
            except json.JSONDecodeError:
                if len(text) - at > LARGEST_EVENT:
                    raise BadTrace('holds an event of more than 64 MB, or is no JSON') from None
            piece = file.read(PIECE)
            if not piece:
                raise BadTrace('ends in the middle of its events')
            text, at = text[at:] + piece, 0


def elements(dims):
    product = 1
    for dim in dims:
        product *= dim
    return product


def kernel_of(name, shapes, backward):
    """(kernel, dims, causal) of an operator, or None."""
    product = 'gemm_dgrad' if backward else 'gemm_forward'
    batched = 'batched_gemm_backward' if backward else 'batched_gemm_forward'
    if name in ('aten::mm', 'aten::addmm'):
        a, b = shapes[-2:] if name == 'aten::mm' else shapes[1:3]
        if len(a) == len(b) == 2 and a[1] == b[0]:
            return product, (a[0], b[1], a[1]), False
    if name == 'aten::bmm' and len(shapes) >= 2:
        a, b = shapes[:2]
        if len(a) == len(b) == 3 and a[2] == b[1]:
            return batched, (a[1], b[2], a[2], a[0]), False
    if name == 'aten::native_layer_norm' and shapes and len(shapes[0]) >= 2:
        return 'layer_norm_forward', (elements(shapes[0][:-1]), shapes[0][-1]), False
    if name == 'aten::_scaled_dot_product_flash_attention' and len(shapes) >= 2:
        q, k = shapes[:2]  # (batch, heads, tokens, head_dim)
        if len(q) == len(k) == 4:
            return 'flash_attention_forward', (q[0], q[1], k[1], q[2], k[2], q[3]), True
    return None


def is_causal(arguments):
    """The flag among the concrete inputs of fused attention; None where the trace does not hold it."""
    concrete = arguments.get('Concrete Inputs') or []
    return {'True': True, 'False': False}.get(concrete[4]) if len(concrete) > 4 else None


class Trace:
    def __init__(self):
        self.operators = {}  # External id -> (time, thread, kernel, dims, dtype, causal)
        self.gpu = collections.defaultdict(float)  # External id -> us
        self.autograd = collections.defaultdict(list)  # thread -> [(begin, end)]
        self.steps = []
        self.left_out = collections.Counter()

    def add(self, event):
        if not isinstance(event, dict) or event.get('ph') != 'X':
            return
        category, name = event.get('cat', ''), str(event.get('name', ''))
        arguments = event.get('args') or {}
        if name.startswith('ProfilerStep#'):
            self.steps.append((float(event['ts']), float(event['ts']) + float(event['dur'])))
        elif category in GPU:
            self.gpu[arguments.get('External id')] += float(event.get('dur', 0))
        elif category == 'cpu_op' and name.startswith('autograd::engine::evaluate_function'):
            begin = float(event['ts'])
            self.autograd[event.get('tid')].append((begin, begin + float(event['dur'])))
        elif category == 'cpu_op' and name.startswith('aten::'):
            self.add_operator(event, name, arguments)

    def add_operator(self, event, name, arguments):
        shapes = [dims for dims in arguments.get('Input Dims') or []]
        if kernel_of(name, shapes, False) is None:
            return
        dtype = DTYPES.get((arguments.get('Input type') or [''])[0])
        if dtype is None:
            self.left_out['another data type'] += 1
            return
        causal = is_causal(arguments)
        if name.endswith('attention') and causal is None:
            self.left_out['attention without its causal flag'] += 1
            return
        self.operators[arguments.get('External id')] = (float(event['ts']), event.get('tid'), name, shapes, dtype, bool(causal))

    def below_autograd(self, thread, time):
        """Functions of a thread follow one another: the last one that has begun is the one that may run."""
        intervals = self.autograd[thread]
        last = bisect.bisect_right(intervals, (time, float('inf'))) - 1
        return last >= 0 and time < intervals[last][1]

    def points(self):
        """{(kernel, dims, dtype, causal): [us, ...]}"""
        first_end = min((end for _, end in self.steps), default=0) if len(self.steps) > 1 else 0
        for intervals in self.autograd.values():
            intervals.sort()
        times = collections.defaultdict(list)
        for number, (time, thread, name, shapes, dtype, causal) in self.operators.items():
            if number not in self.gpu or self.gpu[number] <= 0:
                self.left_out['no GPU time'] += 1
            elif time < first_end:
                self.left_out['first step'] += 1
            else:
                kernel, dims, _ = kernel_of(name, shapes, self.below_autograd(thread, time))
                if min(dims) > 0:
                    times[(kernel, dims, dtype, causal)].append(self.gpu[number])
        return times


def point(key, times):
    kernel, dims, dtype, causal = key
    middle = statistics.median(times)
    spread = statistics.median(abs(time - middle) for time in times) * 1.4826 / middle  # of a normal distribution
    row = {'kernel': kernel, 'dtype': dtype, 'dims': list(dims)}
    if causal:
        row['causal'] = True
    row['time'] = '%.6g us' % middle
    row['relative_sigma'] = round(min(max(spread, 0.02), 1), 4)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('trace')
    parser.add_argument('-o', '--output', required=True)
    arguments = parser.parse_args()
    trace = Trace()
    try:
        for event in events(arguments.trace):
            trace.add(event)
    except (BadTrace, OSError, EOFError, gzip.BadGzipFile) as error:
        sys.exit('%s: %s' % (arguments.trace, error))
    times = trace.points()
    if not times:
        sys.exit('%s: no operator with shapes and GPU time; profile with record_shapes=True and CUDA activities' %
                 arguments.trace)
    rows = [json.dumps(point(key, times[key])) for key in sorted(times)]
    with open(arguments.output, 'w', encoding='utf-8') as file:
        file.write('[\n  ' + ',\n  '.join(rows) + '\n]\n')
    print('%d kernels from %d launches' % (len(rows), sum(map(len, times.values()))), file=sys.stderr)
    for why, count in sorted(trace.left_out.items()):
        print('left out, %s: %d' % (why, count), file=sys.stderr)


if __name__ == '__main__':
    main()
