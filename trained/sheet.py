"""Sample sheets: a square of images in one PNG."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from study.files import replacing

ENLARGE = 2
GAP_PIXELS = 1


def save_sheet(images: torch.Tensor, path: str | Path) -> None:
    """Write images as a square sheet.

    Parameters
    ----------
    images : Tensor, (n, 1, y, x) or (n, 3, y, x), in [0, 1]
    path : path
        A .png file.
    """
    pixels = (images.clamp(0, 1).movedim(1, -1).numpy() * 255).round().astype(np.uint8)
    n, height, width, colours = pixels.shape
    side = math.ceil(math.sqrt(n))
    sheet = np.full((side * (height + GAP_PIXELS), side * (width + GAP_PIXELS), colours), 255, np.uint8)
    for i, image in enumerate(pixels):
        y, x = (i // side) * (height + GAP_PIXELS), (i % side) * (width + GAP_PIXELS)
        sheet[y : y + height, x : x + width] = image
    sheet = sheet.repeat(ENLARGE, 0).repeat(ENLARGE, 1)
    picture = Image.fromarray(sheet if colours == 3 else sheet[..., 0])
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG")
