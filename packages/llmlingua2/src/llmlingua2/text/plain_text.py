"""Files of plain text, read strictly: what is no text is refused with the place where it stops being one."""

from pathlib import Path

__all__ = ["decode", "read_plain_text"]


def decode(content: bytes, name: str) -> str:
    """The text of UTF-8 bytes, a byte order mark dropped.

    Raises:
        ValueError: not UTF-8, or a zero byte; ``name`` and the offset are in the message.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} is not UTF-8 text: byte 0x{content[error.start]:02x} at offset {error.start}"
        ) from None
    if "\0" in text:
        raise ValueError(f"{name} looks binary: a zero byte at offset {content.index(0)}")
    return text


def read_plain_text(path: str | Path) -> str:
    """The text of a file; errors as ``decode``."""
    return decode(Path(path).read_bytes(), str(path))
