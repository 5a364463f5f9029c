"""ZFNet against AlexNet: the first layer, the widths, the cost, and what its later layers see."""

from __future__ import annotations

from functools import partial

from .. import measure as m
from ..claim import MEASURED_EN, MEASURED_ZH, Claim, Value, printed

CONV = {"conv1": "features.0", "conv2": "features.4", "conv3": "features.8", "conv4": "features.10", "conv5": "features.12"}


def conv(network: str, place: int) -> m.LayerCost:
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


def _claim(name: str, en: str, zh: str, published: tuple[str, str], compute: partial[Value], found: str, **more: str) -> Claim:
    return Claim(
        id=f"zfnet.{name}", section="zfnet", text_en=en, text_zh=zh, published=printed(*published), compute=compute,
        found=found, **more,  # type: ignore[arg-type]
    )  # fmt: skip


CLAIMS = [
    *(
        Claim(
            id=f"zfnet.error.{network}",
            section="zfnet",
            text_en=f"{network}: top-5 error on ImageNet",
            text_zh=f"{network}：ImageNet top-5 错误率",
            published=printed(text, "%"),
            compute=None,
            found="slide",
            why_en=MEASURED_EN,
            why_zh=MEASURED_ZH,
        )
        for network, text in (("AlexNet", "16.4"), ("ZFNet", "11.7"))
    ),
    _claim("conv1", "ZFNet: conv1 is 7x7 stride 2", "ZFNet：conv1 为 7×7、步长 2", ("7x7 stride 2", ""), partial(kernel_and_stride, "zfnet"), "slide"),
    _claim("conv1_alexnet", "AlexNet: conv1 is 11x11 stride 4", "AlexNet：conv1 为 11×11、步长 4", ("11x11 stride 4", ""), partial(kernel_and_stride, "alexnet_2012"), "slide"),
    _claim("widths", "ZFNet: conv3, 4, 5 have 512, 1024, 512 maps", "ZFNet：conv3、4、5 有 512、1024、512 个通道", ("512, 1024, 512", ""), partial(widths, "zfnet"), "slide",
           why_en="the paper's Fig. 3, drawn on the same slide, has AlexNet's widths; 512, 1024, 512 is variant (b) of its Table 2",
           why_zh="同一张幻灯片上的论文图 3 与 AlexNet 宽度相同；512、1024、512 是论文表 2 的变体 (b)"),
    _claim("widths_b", "variant (b): conv3, 4, 5 have 512, 1024, 512 maps", "变体 (b)：conv3、4、5 有 512、1024、512 个通道", ("512, 1024, 512", ""), partial(widths, "zfnet_512"), "paper"),
    _claim("widths_alexnet", "AlexNet: conv3, 4, 5 have 384, 384, 256 maps", "AlexNet：conv3、4、5 有 384、384、256 个通道", ("384, 384, 256", ""), partial(widths, "alexnet_2012"), "slide"),
    _claim("widths_fig3", "Fig. 3 of the paper: conv3, 4, 5 have 384, 384, 256 maps", "论文图 3：conv3、4、5 有 384、384、256 个通道", ("384, 384, 256", ""), partial(widths, "zfnet"), "paper"),
    _claim("conv2", "conv2 has stride 2", "conv2 步长为 2", ("2", "px"), partial(lambda: m.window("zfnet", conv("zfnet", 2).name).stride[0]), "paper"),
    _claim("params", "ZFNet, Fig. 3: parameters", "ZFNet（图 3）：参数量", ("62,357,608", "params"), partial(lambda: m.cost("zfnet").params), "arithmetic"),
    _claim("macs", "ZFNet, Fig. 3, at 224: MACs", "ZFNet（图 3），输入 224：乘加次数", ("1.168", "G MACs"), partial(lambda: m.cost("zfnet").macs), "arithmetic"),
    _claim("params_b", "variant (b): parameters", "变体 (b)：参数量", ("107,627,624", "params"), partial(lambda: m.cost("zfnet_512").params), "arithmetic"),
    _claim("macs_b", "variant (b), at 224: MACs", "变体 (b)，输入 224：乘加次数", ("2.477", "G MACs"), partial(lambda: m.cost("zfnet_512").macs), "arithmetic"),
    _claim("down_alexnet", "AlexNet's first convolution divides the image's side by four", "AlexNet 通过第一个卷积层将输入图像下采样了四倍", ("4", "x"), partial(lambda: m.window("alexnet_2012", "features.0").stride[0]), "text"),
    _claim("down", "ZFNet's divides it by two only", "ZFNet 只下采样了两倍", ("2", "x"), partial(lambda: m.window("zfnet", "features.0").stride[0]), "text"),
    Claim(
        id="zfnet.resolution",
        section="zfnet",
        text_en="so its first maps are larger: side against AlexNet's",
        text_zh="得到更高分辨率的特征图：边长与 AlexNet 之比",
        published=printed("1", "x", relation=">"),
        compute=lambda: first_map("zfnet") / first_map("alexnet_2012"),
        found="text",
    ),
    Claim(
        id="zfnet.compute",
        section="zfnet",
        text_en="which means more compute: MACs against AlexNet's",
        text_zh="意味着更高的计算量：乘加次数与 AlexNet 之比",
        published=printed("1", "x", relation=">"),
        compute=lambda: m.cost("zfnet").macs / m.cost("alexnet_2012").macs,
        found="text",
    ),
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
