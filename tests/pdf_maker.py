"""Small PDF files, written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

from pypdf import PdfReader, PdfWriter


def pdf(pages: Sequence[Sequence[str]], info: Mapping[str, str] | None = None, *, encrypted: bool = False) -> bytes:
    """A file with these lines of ASCII on its pages."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, lines in enumerate(pages):
        shown = "\n".join(f"({line.replace('(', '').replace(')', '')}) Tj T*" for line in lines)
        content = f"BT /F1 11 Tf 14 TL 50 780 Td\n{shown}\nET".encode()
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            + f"/Contents {5 + 2 * number} 0 R >>".encode()
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream")
    told = "".join(f"/{name} ({value}) " for name, value in (info or {}).items())
    objects.append(f"<< {told}>>".encode())
    data = _file(objects)
    return _encrypted(data) if encrypted else data


def endless_pdf(depth: int = 40, pages: int = 1000) -> bytes:
    """A file of some kilobytes whose pages show a form twice, which shows another twice, and so on: 2 ** 40 lines."""
    kids = b"4 0 R " * pages
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [" + kids + b"] /Count %d >>" % pages]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    objects.append(
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << /XObject << /F 5 0 R >> >> /Contents 5 0 R >>"
    )
    twice, line = b"/F Do /F Do", b"BT /T 11 Tf (more) Tj ET"
    for number in range(depth):
        content, of_it = (line, b"/Font << /T 3 0 R >>") if number == depth - 1 else (
            twice, f"/XObject << /F {6 + number} 0 R >>".encode()
        )  # fmt: skip
        objects.append(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << " + of_it + b" >> "
            + f"/Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"
        )  # fmt: skip
    return _file(objects)


def _file(objects: Sequence[bytes]) -> bytes:
    made, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, one in enumerate(objects, 1):
        offsets.append(len(made))
        made += f"{number} 0 obj\n".encode() + one + b"\nendobj\n"
    at = len(made)
    made += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    made += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    made += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\n".encode()
    return bytes(made) + f"startxref\n{at}\n%%EOF\n".encode()


def _encrypted(data: bytes) -> bytes:
    writer, made = PdfWriter(clone_from=PdfReader(BytesIO(data))), BytesIO()
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(made)
    return made.getvalue()
