"""The notes' estimate of the memory that training VGG-16 at a batch of 128 takes, line by line, and the simulated truth."""

from __future__ import annotations

from functools import partial

from .. import measure as m
from ..claim import Claim, printed

BATCH = 128


def parameter_bytes() -> int:
    """Of VGG-16 in single precision."""
    return m.cost("vgg16").parameter_bytes


def states_bytes() -> int:
    """Parameters, gradients and momentum, at the moment of the simulated step that has all of them."""
    kinds = ("parameters", "gradients", "optimizer state")
    return max(sum(moment.by_kind[kind] for kind in kinds) for moment in m.memory("vgg16", BATCH).timeline)


def image_bytes() -> int:
    """One image, and what convolutions, poolings and linear layers put out for it: what the notes add up."""
    graph = m.graph("vgg16")
    image = graph.values[graph.inputs[0]].nbytes
    return image + m.memory_of(m.of_ops(m.cost("vgg16"), "conv2d", "max_pool2d", "linear"))


def batch_bytes() -> int:
    """The notes' forward and backward of the batch."""
    return 2 * BATCH * image_bytes()


def second_moment_copies() -> float:
    """How many copies of the parameters Adam keeps beyond SGD with momentum."""
    adam, sgd = m.memory("vgg16", 1, optimizer="adam"), m.memory("vgg16", 1)
    return (adam.breakdown["optimizer state"] - sgd.breakdown["optimizer state"]) / parameter_bytes()


CLAIMS = [
    Claim(
        id="memory.params",
        section="memory",
        text_en="VGG-16 has 138 M parameters",
        text_zh="VGG16 的参数量为 138M",
        published=printed("138", "M params"),
        compute=partial(m.params, "vgg16"),
        found="text",
    ),
    Claim(
        id="memory.param_bytes",
        section="memory",
        text_en="they take 138 x 4 / 1024 / 1024 = 528 MB",
        text_zh="需要显存 138∗4/1024/1024 = 528MB",
        published=printed("528", "MB"),
        compute=parameter_bytes,
        found="text",
    ),
    Claim(
        id="memory.states",
        section="memory",
        text_en="with one more for SGD and one more for momentum, the model takes 1.54 GB",
        text_zh="SGD 额外再加一份，momentum 再加一份，整个模型需要 1.54GB 显存",
        published=printed("1.54", "GB"),
        compute=lambda: 3 * parameter_bytes(),
        found="text",
        why_en="cut off, not rounded: three times 527.8 MB are 1.546 GB",
        why_zh="这里是截断而非四舍五入：3×527.8MB = 1.546GB",
    ),
    Claim(
        id="memory.states_simulated",
        section="memory",
        text_en="with one more for SGD and one more for momentum, the model takes 1.54 GB, from the simulated step: parameters, gradients, momentum",
        text_zh="SGD 额外再加一份，momentum 再加一份，整个模型需要 1.54GB 显存，由模拟训练步得到：参数、梯度、动量",
        published=printed("1.54", "GB", within=0.01),
        compute=states_bytes,
        found="text",
    ),
    Claim(
        id="memory.adam",
        section="memory",
        text_en="Adam, for its second moment, keeps one copy more",
        text_zh="若是 Adam，因为有二阶的动量，还要再加一份",
        published=printed("1", "copies", within=0.01),
        compute=second_moment_copies,
        found="text",
    ),
    Claim(
        id="memory.image",
        section="memory",
        text_en="the outputs of all layers for one image take 58.12 MB (the image itself included, outputs of ReLU not)",
        text_zh="batch size 为 1 时各层输出需要 58.12MB 显存（含输入图像，不含 ReLU 的输出）",
        published=printed("58.12", "MB"),
        compute=image_bytes,
        found="text",
        why_en="cut off, not rounded: 58.127 MB",
        why_zh="这里是截断而非四舍五入：58.127MB",
    ),
    Claim(
        id="memory.batch",
        section="memory",
        text_en="forward and backward of a batch of 128: 128 x 58.12 x 2 = 14.5 GB",
        text_zh="batch size 为 128 时前向加反向：128∗58.12∗2 = 14.5GB",
        published=printed("14.5", "GB"),
        compute=batch_bytes,
        found="text",
    ),
    Claim(
        id="memory.sum",
        section="memory",
        text_en="both together come to about 16 GB",
        text_zh="模型参数占用和特征图占用两个加起来大概需要 16GB 显存",
        published=printed("16", "GB"),
        compute=lambda: 3 * parameter_bytes() + batch_bytes(),
        found="text",
    ),
    Claim(
        id="memory.peak",
        section="memory",
        text_en="so training VGG-16 at a batch of 128 takes about 16 GB: the simulated peak of a step on CUDA",
        text_zh="因此以 batch size 128 训练 VGG16 大概需要 16GB：在 CUDA 上模拟一个训练步得到的峰值",
        published=printed("16", "GB"),
        compute=lambda: m.memory("vgg16", BATCH).peak_bytes,
        found="text",
        why_en="backward frees each layer's maps as it goes, so the gradients never lie beside all the outputs: the factor 2 is too much; "
        "on the other hand poolings keep 8-byte indices and dropout a mask. The CUDA context and the workspaces of convolutions come on top",
        why_zh="反向传播会边算边释放各层特征图，梯度不会与全部输出同时存在，因此乘以 2 偏大；"
        "另一方面，池化层要保存 8 字节的索引，dropout 要保存掩码。CUDA 上下文和卷积工作区需另计",
    ),
    Claim(
        id="memory.peak_cpu",
        section="memory",
        text_en="so training VGG-16 at a batch of 128 takes about 16 GB: the simulated peak of a step on a CPU",
        text_zh="因此以 batch size 128 训练 VGG16 大概需要 16GB：在 CPU 上模拟一个训练步得到的峰值",
        published=printed("16", "GB"),
        compute=lambda: m.memory("vgg16", BATCH, device="cpu").peak_bytes,
        found="text",
        why_en="as on CUDA, and the CPU's convolutions also copy their inputs into another order",
        why_zh="原因与 CUDA 相同；此外 CPU 卷积还要把输入重新排列成另一种布局",
    ),
]
