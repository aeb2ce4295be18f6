"""OpenCV's order of channels: B, G, R, where the package and most others have R, G, B."""

import numpy as np


def bgr_to_rgb(image: np.ndarray) -> np.ndarray:
    """A view of an OpenCV colour picture in the order R, G, B; also the way back, for which ``rgb_to_bgr`` is a name.

    Pictures are never reordered unasked: an array doesn't say which order it has.

    Parameters
    ----------
    image : array of shape (H, W, 3)
        As ``cv2.imread`` gives it; grey pictures, (H, W), are the same in both.

    Returns
    -------
    array of shape (H, W, 3)
        Not a copy. Results of :func:`pkn.denoise` may be given to OpenCV so; where it writes into a picture (``dst=``,
        drawing), give it ``np.ascontiguousarray`` of the view.

    Raises
    ------
    TypeError, ValueError
        If it is no array of that shape.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.io.opencv import bgr_to_rgb, rgb_to_bgr
    >>> picture = np.random.default_rng(0).integers(90, 110, (40, 60, 3), np.uint8)  # of cv2.imread
    >>> clean = rgb_to_bgr(pkn.denoise(bgr_to_rgb(picture), channel_axis=-1, dtype="same"))
    >>> clean.shape, clean.dtype  # for cv2.imwrite
    ((40, 60, 3), dtype('uint8'))
    """
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image is {type(image).__name__}; expected an array, as cv2.imread gives it")
    if image.ndim != 3 or image.shape[2] != 3:
        hint = " (leave out alpha: image[..., :3])" if image.ndim == 3 and image.shape[2] == 4 else ""
        raise ValueError(f"image has shape {image.shape}; expected (H, W, 3){hint}")
    return image[..., ::-1]


rgb_to_bgr = bgr_to_rgb
