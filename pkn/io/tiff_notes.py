"""What microscopes' TIFF files say of their pages: OME-XML, ImageJ's description and tags, or any other description.

They name axes and channels and give physical sizes. All is kept as it came, page for page in the same order, but for
what the pixels contradict: sizes and types. So what a reader knew of the file it knows of the result.
"""

import re
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
from tifffile import TiffFile, TiffPage

IMAGEJ = (50838, 50839)  # sizes and content of labels, colours, overlays
LARGEST = 2**26  # bytes of a tag that is kept
OME_TYPES = {"bool": "bit", "float32": "float", "float64": "double"}
NAMESPACE = re.compile(r"\{(.*)\}OME$")


@dataclass(frozen=True)
class TiffNotes:
    """Notes of a TIFF file.

    Parameters
    ----------
    description : bytes
        The first page's ImageDescription.
    tags : tuple of (int, int, int, bytes)
        Code, type, count and value of further tags, in the file's byte order.
    byteorder : {"<", ">"}
        Of the file.
    """

    description: bytes
    tags: tuple[tuple[int, int, int, bytes], ...] = ()
    byteorder: str = "<"

    @property
    def is_imagej(self) -> bool:
        """Whether ImageJ, or a program that imitates it, wrote them."""
        return self.description.startswith(b"ImageJ=")

    @property
    def is_ome(self) -> bool:
        """Whether they are OME-XML."""
        return b"<OME" in self.description[:4096] or b":OME" in self.description[:4096]

    def fitted(self, size: tuple[int, ...], dtype: np.dtype[Any]) -> "TiffNotes":
        """The notes for as many pages of another size (H, W) or type, which OME-XML names."""
        if not self.is_ome:
            return self
        root = ElementTree.fromstring(self.description)
        for image in _all(root, "Pixels"):
            for side, pixels in zip("YX", size, strict=True):
                before, physical = int(image.get(f"Size{side}", pixels)), image.get(f"PhysicalSize{side}")
                image.set(f"Size{side}", str(pixels))
                if physical is not None and before != pixels:
                    image.set(f"PhysicalSize{side}", repr(float(physical) * before / pixels))
            image.set("Type", OME_TYPES.get(dtype.name, dtype.name))
            image.attrib.pop("SignificantBits", None)
            image.attrib.pop("BigEndian", None)
            for part in _all(image, "TiffData"):  # names of files: the result has another
                for identity in _all(part, "UUID"):
                    part.remove(identity)
        if found := NAMESPACE.match(root.tag):
            ElementTree.register_namespace("", found[1])
        return replace(self, description=ElementTree.tostring(root, "utf-8", xml_declaration=True))

    def page_tags(self) -> dict[str, Any]:
        """Arguments of ``TiffWriter.write`` for the first page."""
        return {"description": self.description, "extratags": [(*tag, True) for tag in self.tags]}


def read_notes(tif: TiffFile, page: TiffPage) -> TiffNotes | None:
    """The notes of a file whose first page is ``page``, or None.

    Raises
    ------
    ValueError
        If OME-XML is damaged, or its pages are in several files.
    """
    tag = page.tags.get(270)
    if tag is None or not 0 < tag.count <= LARGEST:
        return None
    description = _raw(tif, tag).rstrip(b"\0")
    tags = tuple(
        (code, found.dtype, found.count, _raw(tif, found)) for code in IMAGEJ if (found := page.tags.get(code))
    )
    if sum(len(value) for *_, value in tags) > LARGEST:
        tags = ()
    notes = TiffNotes(description, tags, tif.byteorder)
    if notes.is_ome:
        _check_ome(notes.description)
    return notes


def _raw(tif: TiffFile, tag: Any) -> bytes:
    tif.filehandle.seek(tag.valueoffset)
    return bytes(tif.filehandle.read(tag.valuebytecount))


def _check_ome(description: bytes) -> None:
    if b"<!ENTITY" in description or b"<!DOCTYPE" in description:  # a few can be written so that they fill the memory
        raise ValueError("its OME-XML declares entities; expected plain elements")
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError as error:
        raise ValueError(f"its OME-XML is damaged ({error})") from None
    files = {part.get("FileName") for part in _all(root, "UUID")}
    if len(files) > 1:
        raise ValueError(f"its pages are in {len(files)} files by its OME-XML; expected one")


def _all(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [part for part in element.iter() if part.tag.rpartition("}")[2] == name]


def planes_of(tif: TiffFile, pages: list[TiffPage]) -> np.ndarray | None:
    """The planes (N, H, W or H, W, 3) of an ImageJ file that has pages for some of them only, or None."""
    number = number_of_planes(tif, pages)
    return None if number == len(pages) else np.asarray(tif.series[0].asarray()).reshape(number, *pages[0].shape)


def number_of_planes(tif: TiffFile, pages: list[TiffPage]) -> int:
    """How many planes a file has: as many as pages, but in ImageJ's files of more than 4 GB.

    Those have all pixels one after the other behind a single page.
    """
    if not tif.is_imagej:
        return len(pages)
    return int(np.prod(tif.series[0].shape)) // max(int(np.prod(pages[0].shape)), 1)
