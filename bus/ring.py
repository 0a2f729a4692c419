"""
A camera's newest frames in a memory-mapped file: written once, copied out by readers.

Nobody locks. A slot carries its generation on both sides of the pixels; the writer
clears it (0: empty), writes, and sets it again, and a reader that does not find the generation it
was told, before and after its copy, throws the copy away. Knows nothing of cameras.

File: header (magic, slot count, slot size), then per slot: head, pixels, tail.
"""

import mmap
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # H x W x 3, RGB

SLOTS = 8
_MAGIC = b"LKRING1\0"
_HEADER = struct.Struct("<8sQQ")  # magic, slots, bytes of pixels per slot
_MARK = 8  # bytes of a generation
_ALIGN = 64


def _stride(size: int) -> int:
    """Bytes from one slot to the next, so that every head lies on its own cache line."""
    return -(-(size + 2 * _MARK) // _ALIGN) * _ALIGN


class _Slots:
    """The mapped file as arrays: generations before and after, pixels between."""

    def __init__(self, memory: mmap.mmap, slots: int, size: int) -> None:
        stride = _stride(size)
        body = np.frombuffer(memory, np.uint8, slots * stride, _ALIGN).reshape(slots, stride)
        self.pixels = body[:, _MARK : _MARK + size]
        self.head = body[:, :_MARK].view(np.uint64)
        self.tail = np.ndarray(
            (slots, _MARK), np.uint8, memory, _ALIGN + _MARK + size, (stride, 1)
        ).view(np.uint64)


def _reserve(descriptor: int, size: int) -> None:
    """Now, so that a full tmpfs fails here and does not kill us with SIGBUS later."""
    if sys.platform == "linux":
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.ftruncate(descriptor, size)


class RingWriter:
    """Creates the file at *path* for frames of at most *size* bytes; removes it in `close`."""

    def __init__(self, path: Path, size: int, slots: int = SLOTS) -> None:
        self.path, self.size, self.slots = path, -(-size // _MARK) * _MARK, slots
        self.generation = 0
        total = _ALIGN + slots * _stride(self.size)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _reserve(descriptor, total)
            self._memory = mmap.mmap(descriptor, total)
        except BaseException:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
        self._memory[: _HEADER.size] = _HEADER.pack(_MAGIC, slots, self.size)
        self._slots = _Slots(self._memory, slots, self.size)

    def write(self, pixels: Pixels) -> tuple[int, int]:
        """Copy *pixels* into the oldest slot; the slot and its new generation."""
        self.generation += 1
        slot = self.generation % self.slots
        self._slots.head[slot] = 0
        np.copyto(
            self._slots.pixels[slot, : pixels.nbytes].reshape(pixels.shape), pixels, casting="no"
        )
        self._slots.tail[slot] = self.generation
        self._slots.head[slot] = self.generation
        return slot, self.generation

    def close(self) -> None:
        with suppress(FileNotFoundError):
            self.path.unlink()
        _unmap(self)


class RingReader:
    """Copies frames out of the ring at *path*; raises FileNotFoundError when it is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, slots, size = _HEADER.unpack(self._memory[: _HEADER.size])
        if magic != _MAGIC:
            raise FileNotFoundError(f"{path} is not a ring of this version")
        self._slots = _Slots(self._memory, slots, size)

    def read(self, slot: int, generation: int, height: int, width: int) -> Pixels | None:
        """A copy of the frame, or None when the writer has reached its slot again."""
        if not self._holds(slot, generation):
            return None
        pixels = self._slots.pixels[slot, : height * width * 3].copy()
        if not self._holds(slot, generation):
            return None
        return pixels.reshape(height, width, 3)

    def _holds(self, slot: int, generation: int) -> bool:
        slots = self._slots
        return 0 < int(slots.head[slot, 0]) == generation == int(slots.tail[slot, 0])

    def close(self) -> None:
        _unmap(self)


def _unmap(ring: RingWriter | RingReader) -> None:
    del ring._slots  # the arrays hold the map open
    with suppress(BufferError):  # a reader in another thread: the collector unmaps it later
        ring._memory.close()
