"""ZFNet against AlexNet: the first layer, the widths, the cost, and what its later layers see."""

from __future__ import annotations

from functools import partial

from ...analysis.cost import LayerCost
from .. import measure as m
from ..claim import MEASURED_EN, MEASURED_ZH, Claim, cell, printed

CONV = {"conv1": "features.0", "conv2": "features.4", "conv3": "features.8", "conv4": "features.10", "conv5": "features.12"}


def conv(network: str, place: int) -> LayerCost:
    """A network's convolution, counted from 1."""
    return m.convolutions(network)[place - 1]


def kernel_and_stride(network: str) -> str:
    """Of the first convolution."""
    window = m.window(network, conv(network, 1).name)
    return f"{window.kernel[0]}x{window.kernel[1]} stride {window.stride[0]}"


def widths(network: str) -> str:
    """Maps of conv3, conv4 and conv5."""
    return ", ".join(str(conv(network, place).output_shape[1]) for place in (3, 4, 5))


def field_of_conv5(network: str) -> float:
    """Pixels that one position of conv5 sees."""
    return m.fields(network)[conv(network, 5).name].size[0]


def first_map(network: str) -> int:
    """Side of the map after the first convolution."""
    return conv(network, 1).output_shape[-1]


_cell = partial(cell, "zfnet")


# A claim a line, as in a table
# fmt: off
CLAIMS = [
    *(Claim(id=f"zfnet.error.{network}", section="zfnet", text_en=f"{network}: top-5 error on ImageNet", text_zh=f"{network}：ImageNet top-5 错误率", published=printed(text, "%"), compute=None, found="slide", why_en=MEASURED_EN, why_zh=MEASURED_ZH) for network, text in (("AlexNet", "16.4"), ("ZFNet", "11.7"))),
    _cell("conv1", "ZFNet: conv1 is 7x7 stride 2", "ZFNet：conv1 为 7×7、步长 2", "7x7 stride 2", "", partial(kernel_and_stride, "zfnet"), "slide"),
    _cell("conv1_alexnet", "AlexNet: conv1 is 11x11 stride 4", "AlexNet：conv1 为 11×11、步长 4", "11x11 stride 4", "", partial(kernel_and_stride, "alexnet_2012"), "slide"),
    _cell(
        "widths",
        "ZFNet: conv3, 4, 5 have 512, 1024, 512 maps",
        "ZFNet：conv3、4、5 有 512、1024、512 个通道",
        "512, 1024, 512",
        "",
        partial(widths, "zfnet"),
        "slide",
        why=("the paper's Fig. 3, drawn on the same slide, has AlexNet's widths; 512, 1024, 512 is variant (b) of its Table 2", "同一张幻灯片上的论文图 3 与 AlexNet 宽度相同；512、1024、512 是论文表 2 的变体 (b)"),
    ),
    _cell("widths_b", "variant (b): conv3, 4, 5 have 512, 1024, 512 maps", "变体 (b)：conv3、4、5 有 512、1024、512 个通道", "512, 1024, 512", "", partial(widths, "zfnet_512"), "paper"),
    _cell("widths_alexnet", "AlexNet: conv3, 4, 5 have 384, 384, 256 maps", "AlexNet：conv3、4、5 有 384、384、256 个通道", "384, 384, 256", "", partial(widths, "alexnet_2012"), "slide"),
    _cell("widths_fig3", "Fig. 3 of the paper: conv3, 4, 5 have 384, 384, 256 maps", "论文图 3：conv3、4、5 有 384、384、256 个通道", "384, 384, 256", "", partial(widths, "zfnet"), "paper"),
    _cell("conv2", "conv2 has stride 2", "conv2 步长为 2", "2", "px", lambda: m.window("zfnet", conv("zfnet", 2).name).stride[0], "paper"),
    _cell("params", "ZFNet, Fig. 3: parameters", "ZFNet（图 3）：参数量", "62,357,608", "params", partial(m.params, "zfnet"), "arithmetic"),
    _cell("macs", "ZFNet, Fig. 3, at 224: MACs", "ZFNet（图 3），输入 224：乘加次数", "1.168", "G MACs", partial(m.macs, "zfnet"), "arithmetic"),
    _cell("params_b", "variant (b): parameters", "变体 (b)：参数量", "107,627,624", "params", partial(m.params, "zfnet_512"), "arithmetic"),
    _cell("macs_b", "variant (b), at 224: MACs", "变体 (b)，输入 224：乘加次数", "2.477", "G MACs", partial(m.macs, "zfnet_512"), "arithmetic"),
    _cell("down_alexnet", "AlexNet's first convolution divides the image's side by four", "AlexNet 通过第一个卷积层将输入图像下采样了四倍", "4", "x", lambda: m.window("alexnet_2012", "features.0").stride[0], "text"),
    _cell("down", "ZFNet's divides it by two only", "ZFNet 只下采样了两倍", "2", "x", lambda: m.window("zfnet", "features.0").stride[0], "text"),
    Claim(id="zfnet.resolution", section="zfnet", text_en="so its first maps are larger: side against AlexNet's", text_zh="得到更高分辨率的特征图：边长与 AlexNet 之比", published=printed("1", "x", relation=">"), compute=lambda: first_map("zfnet") / first_map("alexnet_2012"), found="text"),
    Claim(id="zfnet.compute", section="zfnet", text_en="which means more compute: MACs against AlexNet's", text_zh="意味着更高的计算量：乘加次数与 AlexNet 之比", published=printed("1", "x", relation=">"), compute=lambda: m.cost("zfnet").macs / m.cost("alexnet_2012").macs, found="text"),
    Claim(
        id="zfnet.field",
        section="zfnet",
        text_en="and a larger receptive field for the layers behind: conv5 against AlexNet's",
        text_zh="和更大的感受野（对于后面的网络层来说）：conv5 与 AlexNet 之比",
        published=printed("1", "x", relation=">"),
        compute=lambda: field_of_conv5("zfnet") / field_of_conv5("alexnet_2012"),
        found="text",
        why_en="the other way round: a smaller kernel and a smaller stride make every later layer see less, 139 instead of 163 pixels at conv5",
        why_zh="恰好相反：更小的卷积核和步长使后面各层看到的范围更小，conv5 为 139 像素而不是 163 像素",
    ),
]
