"""A reader of the ring gets whole frames or none, however fast the writer is."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bus.ring import SLOTS, Pixels, RingReader, RingWriter

WRITER = """
import sys, numpy as np
from pathlib import Path
from bus.ring import RingWriter
ring = RingWriter(Path(sys.argv[1]), 640 * 480 * 3)
frame = np.empty((480, 640, 3), np.uint8)
print("ready", flush=True)
while True:
    frame[:] = ring.generation % 251
    ring.write(frame)
"""


def picture(value: int, height: int = 4, width: int = 6) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


def test_a_frame_is_read_back_as_written(tmp_path: Path) -> None:
    writer = RingWriter(tmp_path / "a.ring", 4 * 6 * 3)
    frame = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    slot, generation = writer.write(frame)
    reader = RingReader(tmp_path / "a.ring")
    copy = reader.read(slot, generation, 4, 6)
    assert copy is not None
    assert (copy == frame).all()
    writer.write(picture(9))
    assert (copy == frame).all()  # ours, not a view of the ring


def test_a_frame_smaller_than_its_slot_keeps_its_shape(tmp_path: Path) -> None:
    writer = RingWriter(tmp_path / "a.ring", 100)
    slot, generation = writer.write(picture(5, 2, 3))
    copy = RingReader(tmp_path / "a.ring").read(slot, generation, 2, 3)
    assert copy is not None
    assert copy.shape == (2, 3, 3)


def test_a_frame_that_was_overwritten_is_refused(tmp_path: Path) -> None:
    writer = RingWriter(tmp_path / "a.ring", 4 * 6 * 3)
    reader = RingReader(tmp_path / "a.ring")
    written = [writer.write(picture(n)) for n in range(SLOTS + 3)]
    read = [reader.read(slot, generation, 4, 6) for slot, generation in written]
    assert [copy is None for copy in read] == 3 * [True] + SLOTS * [False]


def test_a_reader_keeps_its_map_after_the_writer_is_gone(tmp_path: Path) -> None:
    writer = RingWriter(tmp_path / "a.ring", 4 * 6 * 3)
    slot, generation = writer.write(picture(7))
    reader = RingReader(tmp_path / "a.ring")
    writer.close()
    assert not (tmp_path / "a.ring").exists()
    assert reader.read(slot, generation, 4, 6) is not None
    reader.close()
    with pytest.raises(FileNotFoundError):
        RingReader(tmp_path / "a.ring")


def test_no_frame_is_ever_torn_by_a_writer_at_full_speed(tmp_path: Path) -> None:
    path = tmp_path / "a.ring"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        try:
            reader = RingReader(path)
            heads = reader._slots.head
            whole = refused = 0
            while whole < 300 or refused < 1:
                generation = int(heads.max())
                copy = reader.read(generation % SLOTS, generation, 480, 640)
                if copy is None:
                    refused += 1
                    continue
                whole += 1
                assert (copy == (generation - 1) % 251).all()
        finally:
            process.kill()
