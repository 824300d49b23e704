"""pytorch_model: the model of a training step (`stepcast export training-step`) in plain PyTorch, as one rank has it.

    unsupported(step)                 what it can't build, a sentence for each field; to be asked first
    build(step, dtype, device)        Transformer; transformer(tokens, targets) is the mean loss, tensors (B, S) int64

Layers are those of the program that stepcast simulates and trains: norm, attention, residual, norm, MLP, residual; one
product for queries, keys and values, one for gate and value. Dropout is none, as in live mode.
"""
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

HAS_SDPA = hasattr(functional, "scaled_dot_product_attention")
DEVIATION = 0.02  # of the initial matrices, as GPT-2's [Radford et al. 2019]
ACTIVATIONS = {
    "gelu": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
    "swiglu": functional.silu,
}


def unsupported(step):
    """Sentences with the field at fault; empty when all can be built."""
    model, plan, training, traits = (step[key] for key in ("model", "plan", "training", "traits"))
    wrong = [f"plan.{key} = {plan[key]}: this is the step of one rank; take a scenario with 1"
             for key in ("tp", "pp", "dp") if plan[key] != 1]
    if training["precision"] not in ("bf16", "fp32", "tf32"):
        wrong.append(f"training.precision = {training['precision']}: bf16, fp32 and tf32 are built")
    if not traits["flash_attention"]:
        wrong.append("traits.flash_attention = false: attention is fused here; take a stack with fused attention")
    if training["precision"] == "bf16" and not traits["fp32_gradients"]:
        wrong.append("traits.fp32_gradients = false: gradients are summed in fp32 here")
    if model["position_embedding"] == "alibi":
        wrong.append("model.position_embedding = alibi: learned, rotary and none are built")
    wrong += [f"model.{key} = {model[key]}: parts of BERT are not built"
              for key in ("token_types", "pooler", "mlm_head", "nsp_head") if model[key]]
    return wrong


class Norm(nn.Module):
    def __init__(self, model, **where):
        super().__init__()
        self.rms = model["norm"] == "rms_norm"
        self.weight = nn.Parameter(torch.ones(model["hidden_size"], **where))
        self.bias = nn.Parameter(torch.zeros(model["hidden_size"], **where)) if model["norm_bias"] else None

    def forward(self, x):
        if not self.rms:
            return functional.layer_norm(x, self.weight.shape, self.weight, self.bias)
        if hasattr(functional, "rms_norm"):
            return functional.rms_norm(x, self.weight.shape, self.weight, 1e-5)
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-5)).to(x.dtype) * self.weight


def attend(q, k, v, causal):
    """q (B, heads, S, D), k and v (B, kv_heads, S, D) -> (B, heads, S, D)."""
    repeats = q.shape[1] // k.shape[1]
    if repeats > 1:
        k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    if HAS_SDPA:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = (q @ k.transpose(-2, -1)).float() * q.shape[-1] ** -0.5
    if causal:
        length = scores.shape[-1]
        hidden = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(hidden, float("-inf"))
    return scores.softmax(-1).to(q.dtype) @ v


def rotary_table(model, seq_len, device):
    """Cosines and sines (S, D / 2), fp32 [Su et al. 2021; base 10,000]."""
    half = model["head_dim"] // 2
    rates = 10000.0 ** (-torch.arange(half, device=device, dtype=torch.float32) / half)
    angles = torch.outer(torch.arange(seq_len, device=device, dtype=torch.float32), rates)
    return angles.cos(), angles.sin()


def rotate(x, table):
    cosines, sines = table
    first, second = x.float().chunk(2, -1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1).to(x.dtype)


class Layer(nn.Module):
    def __init__(self, model, recompute_core, **where):
        super().__init__()
        hidden, ffn, bias = model["hidden_size"], model["ffn_hidden_size"], model["linear_bias"]
        self.heads, self.head_dim, self.causal = model["num_heads"], model["head_dim"], model["causal"]
        self.widths = [self.heads * self.head_dim] + 2 * [model["num_kv_heads"] * self.head_dim]
        self.recompute_core, self.gated = recompute_core, model["gated_mlp"]
        self.activation = ACTIVATIONS[model["activation"]]
        self.attention_norm, self.mlp_norm = Norm(model, **where), Norm(model, **where)
        self.qkv = nn.Linear(hidden, sum(self.widths), bias=model["qkv_bias"], **where)
        self.projection = nn.Linear(self.widths[0], hidden, bias=bias, **where)
        self.up = nn.Linear(hidden, (2 if self.gated else 1) * ffn, bias=bias, **where)
        self.down = nn.Linear(ffn, hidden, bias=bias, **where)

    def attention(self, x, table):
        batch, length, _ = x.shape
        q, k, v = (part.view(batch, length, -1, self.head_dim).transpose(1, 2)
                   for part in self.qkv(x).split(self.widths, -1))
        if table is not None:
            q, k = rotate(q, table), rotate(k, table)
        if self.recompute_core:
            context = checkpoint(attend, q, k, v, self.causal, use_reentrant=False)
        else:
            context = attend(q, k, v, self.causal)
        return self.projection(context.transpose(1, 2).reshape(batch, length, -1))

    def mlp(self, x):
        if not self.gated:
            return self.down(self.activation(self.up(x)))
        gate, value = self.up(x).chunk(2, -1)
        return self.down(self.activation(gate) * value)

    def forward(self, x, table):
        x = x + self.attention(self.attention_norm(x), table)
        return x + self.mlp(self.mlp_norm(x))


class Transformer(nn.Module):
    def __init__(self, step, **where):
        super().__init__()
        model, words = step["model"], step["padded_vocab_size"]
        recompute, hidden = step["plan"]["recompute"], model["hidden_size"]
        self.recompute_layers = recompute == "full"
        self.words = nn.Parameter(torch.empty(words, hidden, **where))
        learned = model["position_embedding"] == "learned"
        self.positions = nn.Parameter(torch.empty(model["max_positions"], hidden, **where)) if learned else None
        rotary = model["position_embedding"] == "rotary"
        self.table = rotary_table(model, step["training"]["seq_len"], where["device"]) if rotary else None
        self.embedding_norm = Norm(model, **where) if model["embedding_norm"] else None
        self.layers = nn.ModuleList(Layer(model, recompute == "selective", **where)
                                    for _ in range(model["num_layers"]))
        self.final_norm = Norm(model, **where) if model["final_norm"] else None
        self.head = None if model["tied_embeddings"] else nn.Parameter(torch.empty(words, hidden, **where))

    @torch.no_grad()
    def initialise(self):
        """Matrices normal, biases zero, norms one."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, DEVIATION)
            elif name.endswith("bias"):
                parameter.zero_()
        return self

    def forward(self, tokens, targets):
        x = functional.embedding(tokens, self.words)
        if self.positions is not None:
            x = x + self.positions[:tokens.shape[1]]
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        for layer in self.layers:
            x = checkpoint(layer, x, self.table, use_reentrant=False) if self.recompute_layers else layer(x, self.table)
        if self.final_norm is not None:
            x = self.final_norm(x)
        logits = functional.linear(x, self.words if self.head is None else self.head)
        return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def build(step, dtype, device):
    return Transformer(step, dtype=dtype, device=device).initialise()


def padding_parameters(step):
    """How many of the built parameters are rows that pad the vocabulary."""
    model = step["model"]
    rows = step["padded_vocab_size"] - model["vocab_size"]
    return rows * model["hidden_size"] * (1 if model["tied_embeddings"] else 2)
