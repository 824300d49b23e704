#!/usr/bin/env python3
"""import_kineto TRACE.json[.gz] -o points.json: kernel times of a PyTorch profiler trace as measured points.

TRACE is what torch.profiler exports (Kineto, record_shapes=True). The points are those of a device profile
(topologies/calibrations/README.md): put them under "points", or give them to `stepcast profile --anchors`.

GPU kernels are added up by the operator that launched them ("External id"), operators are named by their shapes,
and the median over all launches is written with its spread. Matrix products (aten::mm, addmm, bmm, _scaled_mm) become
gemm_forward and batched_gemm_forward, those below an autograd function gemm_dgrad and batched_gemm_backward (PyTorch
does not say which of the two gradients a product is); fused attention and layer norm become what they are, and cuDNN's
convolutions of images what they are in passes: where one operator makes both gradients, its kernels are told apart by
"dgrad" and "wgrad" in their names, and an operator with another kernel among them is left out. So are convolutions in
groups, with dilation, transposed, or with another stride or padding for rows than for columns. What has no shape, no GPU time, or another data type is counted and left out; so is the first step, where there are several, since it
warms up.

The file is read piece by piece: a trace of hundreds of MB needs some hundred bytes per operator and kernel. The output
is there when all is done, or not at all. Exit codes as stepcast's: 2 usage, 3 bad trace, 5 a file can't be read or written.
"""
import argparse
import bisect
import collections
import gzip
import json
import os
import statistics
import sys
import zlib

PIECE = 1 << 22  # characters
LARGEST_EVENT = 1 << 24
BAD_INPUT, BAD_FILE = 3, 5
DTYPES = {'float': 'fp32', 'c10::BFloat16': 'bf16', 'c10::Half': 'fp16', 'c10::Float8_e4m3fn': 'fp8', 'c10::Float8_e5m2': 'fp8'}
GPU = ('kernel', 'gpu_memcpy', 'gpu_memset')
PRODUCTS = {'aten::mm': 0, 'aten::_scaled_mm': 0, 'aten::addmm': 1}  # where the first factor stands among the inputs
# Fused attention: its kernel, and where the queries and the causal flag stand among the inputs (ATen's native_functions.yaml).
ATTENTION = {
    'aten::_scaled_dot_product_flash_attention': ('flash_attention_forward', 0, 4),
    'aten::_scaled_dot_product_efficient_attention': ('flash_attention_forward', 0, 6),
    'aten::_scaled_dot_product_cudnn_attention': ('flash_attention_forward', 0, 6),
    'aten::_scaled_dot_product_flash_attention_backward': ('flash_attention_backward', 1, 11),
}
# cuDNN's convolutions: where input, weight, padding, stride, dilation and groups stand (native_functions.yaml).
CONVOLUTIONS = {
    'aten::cudnn_convolution': (0, 1, 2, 3, 4, 5),
    'aten::convolution_backward': (1, 2, 5, 4, 6, 9),
}
TRANSPOSED, OUTPUT_MASK = 7, 10  # of aten::convolution_backward
GRADIENTS = ('dgrad', 'wgrad')  # as cuDNN names kernels, in the order of the mask
# Names of the kernels in which cuBLAS and CUTLASS multiply fp32 numbers on tensor cores.
TF32_MARKS = ('tf32', 's1688gemm')


class BadTrace(Exception):
    pass


class Pieces:
    """Text of a file, of which only what is not yet read through is kept. `text[at:]` is ahead."""

    def __init__(self, file):
        self.file, self.text, self.at, self.before = file, '', 0, 0

    def more(self):
        """Appends a piece; False at the end of the file."""
        piece = self.file.read(PIECE)
        self.before += self.at
        self.text, self.at = self.text[self.at:] + piece, 0
        return bool(piece)

    def place(self, at):
        return 'character %d' % (self.before + at + 1)

    def skip_to(self, word):
        """Behind `word`; False when the file does not hold it."""
        while True:
            found = self.text.find(word, self.at)
            if found >= 0:
                self.at = found + len(word)
                return True
            self.at = max(self.at, len(self.text) - len(word))  # it may have been cut
            if not self.more():
                return False

    def skip_blanks(self, blanks):
        while True:
            while self.at < len(self.text) and self.text[self.at] in blanks:
                self.at += 1
            if self.at < len(self.text) or not self.more():
                return


def opened(path):
    with open(path, 'rb') as file:
        packed = file.read(2) == b'\x1f\x8b'
    return (gzip.open if packed else open)(path, 'rt', encoding='utf-8', errors='replace')


def next_event(pieces, decoder):
    """The event that begins here, with as many pieces as it takes."""
    while True:
        try:
            event, pieces.at = decoder.raw_decode(pieces.text, pieces.at)
            return event
        except json.JSONDecodeError as error:
            if len(pieces.text) - pieces.at > LARGEST_EVENT:  # else it may just not be all here yet
                raise BadTrace('is no JSON at %s (%s), or holds an event of more than %d MB: export the trace anew' %
                               (pieces.place(error.pos), error.msg, LARGEST_EVENT >> 20)) from None
        except RecursionError:
            raise BadTrace('is nested too deeply at %s: is it a trace of torch.profiler?' % pieces.place(pieces.at)) from None
        if not pieces.more():
            raise BadTrace('ends in the middle of its events, or is no JSON at %s: was the run killed while it wrote?' %
                           pieces.place(0))


def events(path):
    """The objects of "traceEvents", one after the other."""
    decoder = json.JSONDecoder()
    with opened(path) as file:
        pieces = Pieces(file)
        if not pieces.skip_to('"traceEvents"') or not pieces.skip_to('['):
            raise BadTrace('has no list "traceEvents": give what torch.profiler exports with export_chrome_trace()')
        while True:
            pieces.skip_blanks(' \t\r\n,')
            if pieces.text[pieces.at:pieces.at + 1] == ']':
                return
            yield next_event(pieces, decoder)


def elements(dims):
    product = 1
    for dim in dims:
        product *= dim
    return product


def concrete(arguments, place):
    """The number, flag or list that stands there among the inputs; None where the trace does not hold it."""
    values = arguments.get('Concrete Inputs') or []
    try:
        return json.loads(str(values[place]).lower())
    except (IndexError, ValueError):
        return None


def same_for_both(pair):
    """The one number of rows and columns, or None."""
    numbers = pair if isinstance(pair, list) else []
    return numbers[0] if len(numbers) == 2 and numbers[0] == numbers[1] and type(numbers[0]) is int else None


def convolution_of(name, shapes, arguments):
    """(dims, passes): the catalogue's dimensions, and which of the passes the operator makes. A text says why not."""
    input_at, weight_at, padding_at, stride_at, dilation_at, groups_at = CONVOLUTIONS[name]
    backward = name == 'aten::convolution_backward'
    x, w = ((shapes[at:] + [[]])[0] for at in (input_at, weight_at))
    padding, stride, dilation, groups = (concrete(arguments, at) for at in (padding_at, stride_at, dilation_at, groups_at))
    transposed = concrete(arguments, TRANSPOSED) if backward else False
    mask = concrete(arguments, OUTPUT_MASK) if backward else [True]
    if None in (padding, stride, dilation, groups, transposed, mask):
        return 'convolution without its stride and padding'
    if len(x) != 4 or len(w) != 4 or transposed or groups != 1 or same_for_both(dilation) != 1 or w[1] != x[1]:
        return 'convolution in groups, dilated, transposed, or not of images'
    padding, stride = same_for_both(padding), same_for_both(stride)
    if padding is None or stride is None:
        return 'convolution with two strides or paddings'
    passes = [one for one, made in zip(GRADIENTS, mask) if made] if backward else ['forward']
    return (x[0], x[1], x[2], x[3], w[0], w[2], w[3], stride, padding), tuple(passes)


def kernel_of(name, shapes, backward):
    """(kernel, dims) of an operator, or None. A shape that is no tensor's is an empty list."""
    if name in PRODUCTS:
        a, b = (shapes[PRODUCTS[name]:] + [[], []])[:2]
        if len(a) == len(b) == 2 and a[1] == b[0]:
            return 'gemm_dgrad' if backward else 'gemm_forward', (a[0], b[1], a[1])
    if name == 'aten::bmm':
        a, b = (shapes + [[], []])[:2]
        if len(a) == len(b) == 3 and a[2] == b[1]:
            return 'batched_gemm_backward' if backward else 'batched_gemm_forward', (a[1], b[2], a[2], a[0])
    if name == 'aten::native_layer_norm' and shapes and len(shapes[0]) >= 2:
        return 'layer_norm_forward', (elements(shapes[0][:-1]), shapes[0][-1])
    if name in ATTENTION:
        kernel, first, _ = ATTENTION[name]
        q, k = (shapes[first:] + [[], []])[:2]  # (batch, heads, tokens, head_dim)
        if len(q) == len(k) == 4:
            return kernel, (q[0], q[1], k[1], q[2], k[2], q[3])
    return None


def is_causal(name, arguments):
    """The flag among the concrete inputs of fused attention; None where the trace does not hold it."""
    concrete, place = arguments.get('Concrete Inputs') or [], ATTENTION[name][2]
    return {'True': True, 'False': False}.get(str(concrete[place])) if len(concrete) > place else None


def tensor_shapes(arguments):
    """Whole numbers for each tensor among the inputs; numbers and lists of tensors have no shape."""
    return [dims if isinstance(dims, list) and all(isinstance(dim, int) for dim in dims) else []
            for dims in arguments.get('Input Dims') or []]


class Trace:
    def __init__(self):
        self.operators = {}  # External id -> (time, thread, kind)
        self.kinds = {}  # (name, shapes, dtype, causal, convolution) -> the same, so that equal ones are kept once
        self.gpu = collections.defaultdict(float)  # External id -> us
        self.tf32 = set()  # External ids
        self.gradients = collections.defaultdict(float)  # (External id, one of GRADIENTS) -> us
        self.autograd = collections.defaultdict(list)  # thread -> [(begin, end)]
        self.steps = []
        self.left_out = collections.Counter()

    def add(self, event):
        if not isinstance(event, dict) or event.get('ph') != 'X':
            return
        try:
            self.add_complete(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadTrace('has an event "%s" without what every event has (%s: %s): is it a trace of torch.profiler?' % (
                str(event.get('name'))[:40], type(error).__name__, error)) from None

    def add_complete(self, event):
        category, name = event.get('cat', ''), str(event.get('name', ''))
        arguments = event.get('args') or {}
        number = arguments.get('External id')
        if category in GPU:
            if number:  # what nobody launched by name, say a graph, has none
                self.gpu[number] += float(event['dur'])
                for gradient in GRADIENTS:
                    if gradient in name:
                        self.gradients[number, gradient] += float(event['dur'])
                if any(mark in name for mark in TF32_MARKS):
                    self.tf32.add(number)
            return
        begin = float(event['ts'])
        if category == 'user_annotation' and name.startswith('ProfilerStep#'):
            self.steps.append((begin, begin + float(event['dur'])))
        elif category == 'cpu_op' and name.startswith('autograd::engine::evaluate_function'):
            self.autograd[event.get('tid')].append((begin, begin + float(event['dur'])))
        elif category == 'cpu_op' and number:
            self.add_operator(number, begin, event.get('tid'), name, arguments)

    def add_operator(self, number, begin, thread, name, arguments):
        shapes = tensor_shapes(arguments)
        convolution = convolution_of(name, shapes, arguments) if name in CONVOLUTIONS else None
        if isinstance(convolution, str):
            self.left_out[convolution] += 1
            return
        if convolution is None and kernel_of(name, shapes, False) is None:
            return
        dtype = DTYPES.get((arguments.get('Input type') or [''])[0])
        if dtype is None:
            self.left_out['another data type'] += 1
            return
        causal = is_causal(name, arguments) if name in ATTENTION else False
        if causal is None:
            self.left_out['attention without its causal flag'] += 1
            return
        kind = (name, tuple(map(tuple, shapes)), dtype, causal, convolution)
        self.operators[number] = (begin, thread, self.kinds.setdefault(kind, kind))

    def below_autograd(self, thread, time):
        """Functions of a thread follow one another: the last one that has begun is the one that may run."""
        intervals = self.autograd[thread]
        last = bisect.bisect_right(intervals, (time, float('inf'))) - 1
        return last >= 0 and time < intervals[last][1]

    def points(self):
        """{(kernel, dims, dtype, causal): [us, ...]}"""
        first_end = min((end for _, end in self.steps), default=0) if len(self.steps) > 1 else float('-inf')
        for intervals in self.autograd.values():
            intervals.sort()
        times = collections.defaultdict(list)
        for number, (time, thread, (name, shapes, dtype, causal, convolution)) in self.operators.items():
            if convolution:
                dims, passes = convolution
            else:
                kernel, dims = kernel_of(name, list(shapes), self.below_autograd(thread, time))
            if self.gpu.get(number, 0) <= 0:
                self.left_out['no GPU time'] += 1
            elif time < first_end:
                self.left_out['first step'] += 1
            elif min(dims[:8]) <= 0:  # a convolution's padding, the ninth, may be 0
                self.left_out['empty tensors'] += 1
            else:
                if dtype == 'fp32' and number in self.tf32:
                    dtype = 'tf32'
                if convolution:
                    self.add_passes(number, dims, passes, dtype, times)
                else:
                    times[(kernel, dims, dtype, causal)].append(self.gpu[number])
        return times

    def add_passes(self, number, dims, passes, dtype, times):
        """A point of each pass that the operator made, where its kernels tell them apart."""
        total = self.gpu[number]
        spent = {one: self.gradients[number, one] for one in passes} if len(passes) > 1 else dict.fromkeys(passes, total)
        if not spent:
            self.left_out['convolution without a gradient of input or weight'] += 1
        elif min(spent.values()) <= 0 or sum(spent.values()) < total * (1 - 1e-6):
            self.left_out['both gradients of a convolution in kernels that do not say which'] += 1
        else:
            for one, time in spent.items():
                times[('convolution_' + one, dims, dtype, False)].append(time)


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


def write_whole(path, text):
    """The file is there when it is whole, or as it was before."""
    part = '%s.part-%d' % (path, os.getpid())
    try:
        with open(part, 'w', encoding='utf-8') as file:
            file.write(text)
        os.replace(part, path)
    except OSError:
        if os.path.exists(part):
            os.remove(part)
        raise


def fail(path, error, code):
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    print('%s: %s' % (path, why), file=sys.stderr)
    sys.exit(code)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('trace')
    parser.add_argument('-o', '--output', required=True)
    arguments = parser.parse_args()
    trace = Trace()
    try:
        for event in events(arguments.trace):
            trace.add(event)
    except (BadTrace, EOFError, gzip.BadGzipFile, zlib.error) as error:
        fail(arguments.trace, error, BAD_INPUT)
    except OSError as error:
        fail(arguments.trace, error, BAD_FILE)
    times = trace.points()
    for why, count in sorted(trace.left_out.items()):
        print('left out, %s: %d' % (why, count), file=sys.stderr)
    if not times:
        fail(arguments.trace, 'no operator with shapes and GPU time; profile with record_shapes=True and CUDA activities', BAD_INPUT)
    rows = [json.dumps(point(key, times[key])) for key in sorted(times)]
    try:
        write_whole(arguments.output, '[\n  ' + ',\n  '.join(rows) + '\n]\n')
    except OSError as error:
        fail(arguments.output, error, BAD_FILE)
    print('%d kernels from %d launches' % (len(rows), sum(map(len, times.values()))), file=sys.stderr)


if __name__ == '__main__':
    main()
