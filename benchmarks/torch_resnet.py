"""A ResNet-50 training step in PyTorch, run as a child of `benchmarks.training`.

Written by hand after He et al. 2015 (stride in the first convolution of a block, as ours).
Reads a line, runs one step, prints its seconds.
"""

import sys
import time

import torch
from torch import nn


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 times 4, with batch norm, and a shortcut."""

    def __init__(self, inside: int, width: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            *_conv(inside, width, 1, stride),
            nn.ReLU(inplace=True),
            *_conv(width, width, 3, 1),
            nn.ReLU(inplace=True),
            *_conv(width, 4 * width, 1, 1),
        )
        same = stride == 1 and inside == 4 * width
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(*_conv(inside, 4 * width, 1, stride))
        )

    def forward(self, x):
        """The block's output."""
        return torch.relu(self.body(x) + self.shortcut(x))


def _conv(inside: int, outside: int, kernel: int, stride: int) -> tuple:
    conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
    return conv, nn.BatchNorm2d(outside)


def resnet50(classes: int) -> nn.Module:
    """The network."""
    layers = [*_conv(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for stage, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(count):
            layers.append(Bottleneck(inside, width, 2 if stage and not block else 1))
            inside = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, classes))


def main() -> None:
    """One step for every line of input."""
    batch = int(sys.argv[1])
    torch.manual_seed(0)
    model = resnet50(48).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    pixels = torch.randn(batch, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 48, (batch,))
    for _ in sys.stdin:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(pixels), labels).backward()
        optimizer.step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
