"""The monitor in front of the mouse: where a scene lay on it, how it was warped, what of it could be seen.

Geometry of the Allen Brain Observatory (de Vries et al. 2020; the numbers are those of allensdk's
`BrainObservatoryMonitor`): 1200 x 1920 pixels, diagonal 61.214 cm, 15 cm from the eye, gray 127. A scene of 918 x 1174
pixels lay unscaled in its centre. The picture was then warped so that a centimetre of it subtends the same angle
everywhere: at the distance rho from the centre of the screen the mouse was shown what the flat picture has at
d · arctan(rho / d).

Scenes at a lower resolution are placed on a screen that is as much coarser.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from study.commands import unknown

SCREEN = (1200, 1920)  # pixels: rows, columns
FULL_SCENE = (918, 1174)
GRAY = 127 / 255
DIAGONAL_CM, DISTANCE_CM = 61.214, 15.0
PIXEL_CM = DIAGONAL_CM / float(np.hypot(*SCREEN))  # pixels are square


def screen_shape(scene_shape: tuple[int, ...]) -> tuple[int, int]:
    """Return rows and columns of a screen on whose grid a scene of this shape keeps its size."""
    rows, columns = (round(s * n / full) for s, n, full in zip(SCREEN, scene_shape, FULL_SCENE, strict=True))
    return rows, columns


def place_on_screen(scene: np.ndarray) -> np.ndarray:
    """Return a scene (y, x) in [0, 1] in the centre of the gray screen."""
    rows, columns = screen_shape(scene.shape)
    top, left = (rows - scene.shape[0]) // 2, (columns - scene.shape[1]) // 2
    screen = np.full((rows, columns), GRAY)
    screen[top : top + scene.shape[0], left : left + scene.shape[1]] = scene
    return screen


def _offsets_cm(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of every pixel of a screen from its centre, down and to the right, in cm.

    The centre is the pixel 600, 960 of the full screen, as allensdk has it.
    """
    down, right = (
        ((np.arange(n) + 0.5) * full / n - 0.5 - full / 2) * PIXEL_CM
        for n, full in zip(shape, SCREEN, strict=True)
    )
    return np.broadcast_to(down[:, None], shape), np.broadcast_to(right[None], shape)


def _pixels(offset_cm: np.ndarray, n: int, full: int) -> np.ndarray:
    """Return the pixel at an offset from the centre: the inverse of `_offsets_cm` along one axis."""
    return (offset_cm / PIXEL_CM + full / 2 + 0.5) * n / full - 0.5


def warp_coordinates(shape: tuple[int, ...]) -> np.ndarray:
    """Return which pixel of the flat picture every pixel of the warped one shows: (2, y, x)."""
    down, right = _offsets_cm(shape)
    distance = np.maximum(np.hypot(down, right), 1e-12)
    factor = DISTANCE_CM * np.arctan(distance / DISTANCE_CM) / distance
    return np.stack(
        [_pixels(o * factor, n, full) for o, n, full in zip((down, right), shape, SCREEN, strict=True)]
    )


def warp(screen: np.ndarray) -> np.ndarray:
    """Return a screen (y, x) as the monitor showed it, interpolated with cubic splines as allensdk does."""
    warped = ndimage.map_coordinates(screen, warp_coordinates(screen.shape), order=3, mode="nearest")
    return np.clip(warped, 0, 1)


def on_monitor(shape: tuple[int, ...]) -> np.ndarray:
    """Return which pixels of the flat picture were on the monitor after the warp: bool (y, x).

    The warp stretches the picture away from its centre, so its corners and edges fall off the monitor.
    """
    down, right = _offsets_cm(shape)
    distance = np.maximum(np.hypot(down, right), 1e-12)
    angle = distance / DISTANCE_CM
    seen = angle < np.pi / 2
    reach = DISTANCE_CM * np.tan(np.where(seen, angle, 0)) / distance
    height, width = (n * PIXEL_CM / 2 for n in SCREEN)
    return np.asarray(seen & (np.abs(down) * reach <= height) & (np.abs(right) * reach <= width))


def show_scene(scene: np.ndarray) -> np.ndarray:
    """Return the scene alone."""
    return scene


def show_warped(scene: np.ndarray) -> np.ndarray:
    """Return the monitor's picture, spherically warped."""
    return warp(place_on_screen(scene))


def show_seen(scene: np.ndarray) -> np.ndarray:
    """Return the flat picture, gray where the warp moved it off the monitor: equal distances are equal angles."""
    screen = place_on_screen(scene)
    return np.where(on_monitor(screen.shape), screen, GRAY)


VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "scene": show_scene,
    "screen": place_on_screen,
    "warped": show_warped,
    "seen": show_seen,
}


def view(scene: np.ndarray, name: str) -> np.ndarray:
    """Return one view of a scene (y, x) in [0, 1].

    Parameters
    ----------
    scene : array, (y, x), in [0, 1]
    name : "scene", "screen", "warped" or "seen"

    Returns
    -------
    array, (y, x), in [0, 1]
    """
    if name not in VIEWS:
        raise unknown("view", name, VIEWS)
    return VIEWS[name](scene)
