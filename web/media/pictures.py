"""Reads pictures and makes new ones of them that hold nothing but what is seen. Imports Pillow and pi_heif alone; runs inside the sandbox."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from typing import IO, TYPE_CHECKING, Any, cast

import pi_heif
from PIL import AvifImagePlugin, Image, ImageCms, ImageFile, ImageOps

from web.media.found import Found, Pictures, Refused
from web.media.signs import Kind

if TYPE_CHECKING:
    from web.media.child import RemoteFile

SHOWN_PIXELS, THUMB_PIXELS = 2048, 320
MOST_PIXELS = 50_000_000
# A photo (JPEG) is read at half, a quarter or an eighth of its size.
MOST_PHOTO_PIXELS = 300_000_000
MOST_FRAMES = 1000
QUALITY = 84
# What Pillow raises for pictures that make no sense.
_BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, RuntimeError, AttributeError, struct.error, zlib.error
)
_ORIENTATION = 0x0112
_LONG_SIDE = 60_000


def prepare() -> None:
    """Load what reading wants, and make one picture of each kind that is made here."""
    Image.init()
    pi_heif.register_heif_opener()
    pi_heif.options.DECODE_THREADS = 1
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None  # looked at here, in words
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    ImageCms.createProfile("sRGB")
    for mode in ("RGB", "RGBA"):
        derive(Image.new(mode, (4, 4)))


def read(file: RemoteFile, kind: Kind) -> tuple[Found, Pictures]:
    """Look at a picture. Returns: its size as shown, and the pictures made of it. Raises: Refused."""
    warnings.simplefilter("ignore")
    damaged = Refused("damaged", thing=kind.media_type)
    file.seek(0)
    try:
        image = Image.open(cast(IO[bytes], file), formats=[kind.form])
        width, height = image.size
        most = MOST_PHOTO_PIXELS if kind.form == "JPEG" else MOST_PIXELS
        if width * height > most or max(width, height) > _LONG_SIDE:
            raise Refused("pixels", found=-(-width * height // 1_000_000), most=most // 1_000_000)
        frames = getattr(image, "n_frames", 1) if kind.form != "TIFF" else 1
        if frames > MOST_FRAMES:
            raise Refused("frames", found=frames, most=MOST_FRAMES)
        if image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8):
            width, height = height, width
    except MemoryError:
        raise
    except _BROKEN as error:
        raise damaged from error
    found: Found = {"media_type": kind.media_type, "form": "image", "width": width, "height": height}
    try:
        return with_pictures(found, _upright(image))
    except MemoryError:
        return found, {}  # kept, and shown by its name
    except _BROKEN as error:
        raise damaged from error


def _upright(image: Image.Image) -> Image.Image:
    """Returns a picture of at most SHOWN_PIXELS a side, turned as it said, in the colours of the web."""
    image.seek(0)
    image.draft("RGB", (SHOWN_PIXELS, SHOWN_PIXELS))
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA") or (image.mode in ("RGB", "L") and "transparency" in image.info):
        image = image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    elif image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    image.thumbnail((SHOWN_PIXELS, SHOWN_PIXELS), Image.Resampling.BICUBIC, reducing_gap=2.0)
    image = ImageOps.exif_transpose(image)
    image = _of_the_web(image, profile)
    return image.convert("RGBA" if image.mode in ("RGBA", "LA", "La", "RGBa", "PA") else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    lowest, highest = cast(tuple[float, float], image.getextrema())
    factor = 255 / max(highest - lowest, 1)
    wide = image if image.mode == "F" else image.convert("I")
    return wide.point(lambda value: value * factor - lowest * factor).convert("L")


def _of_the_web(image: Image.Image, profile: object) -> Image.Image:
    """Returns the picture with its colours as every screen knows them; as they are where their profile makes no sense."""
    if isinstance(profile, bytes) and len(profile) < 4_000_000 and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            into = "RGBA" if image.mode == "RGBA" else "RGB"
            changed = ImageCms.profileToProfile(image, theirs, ImageCms.createProfile("sRGB"), outputMode=into)
            if changed is not None:
                return changed
    return image


def with_pictures(found: Found, image: Image.Image) -> tuple[Found, Pictures]:
    """Return what was found with the pictures that are made of `image`."""
    made, media_type = derive(image)
    return {**found, "shown_type": media_type, "thumb_type": media_type}, made


def derive(image: Image.Image) -> tuple[Pictures, str]:
    """Return a picture anew, large and small, with nothing beside its pixels, and their media type."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    form = "WEBP" if image.mode == "RGBA" else "JPEG"
    options: dict[str, Any] = {"method": 2} if form == "WEBP" else {}
    made = {}
    for name, pixels in (("shown", SHOWN_PIXELS), ("thumb", THUMB_PIXELS)):
        part = Image.frombytes(image.mode, image.size, image.tobytes())
        part.thumbnail((pixels, pixels), Image.Resampling.BICUBIC)
        out = io.BytesIO()
        part.save(out, form, quality=QUALITY, **options)
        made[name] = out.getvalue()
    return made, f"image/{form.lower()}"
