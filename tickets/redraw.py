"""A program of its own: draws an image anew, small and large, so that nothing of the sender's bytes is ever shown.

Reads the image on standard input. Writes a line of JSON {width, height, sizes} and then the pictures as WebP, without
any of the original's metadata. Ends with an error for what is no PNG, JPEG, GIF or WebP, or has too many pixels. It is
run as a process that may end badly: decoders are where hostile images aim. Knows neither Django nor the desk.
"""

import io
import json
import sys
import warnings

from PIL import Image, ImageOps

MOST_PIXELS = 40_000_000
MOST_MEMORY = 1024 * 1024 * 1024  # bytes of address space
MOST_TIME = 10  # seconds of the processor
SIZES = ((480, 360), (1920, 1920))


def drawn(content: bytes) -> tuple[tuple[int, int], list[bytes]]:
    """The dimensions of the small picture, and the small and the large one. Raises whatever the decoders raise."""
    pictures: list[bytes] = []
    with Image.open(io.BytesIO(content), formats=["PNG", "JPEG", "GIF", "WEBP"]) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        image.draft("RGB", SIZES[-1])  # a JPEG need not be decoded in full
        upright = ImageOps.exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")
    for size in reversed(SIZES):
        upright.thumbnail(size)
        plain = Image.new(upright.mode, upright.size)
        plain.paste(upright)
        written = io.BytesIO()
        plain.save(written, "WEBP", quality=80, method=4)
        pictures.insert(0, written.getvalue())
    return upright.size, pictures


def main() -> None:
    _bind()
    warnings.simplefilter("error")  # a bomb is a warning first
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    (width, height), pictures = drawn(sys.stdin.buffer.read())
    head = {"width": width, "height": height, "sizes": [len(each) for each in pictures]}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + b"".join(pictures))


def _bind() -> None:
    try:
        import resource
    except ImportError:  # no such system; the time limit of whoever waits for us remains
        return
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_TIME, MOST_TIME))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


if __name__ == "__main__":
    main()
