"""From generated tokens to text that may be shown: whole characters, cut at stop strings. Pure."""

from collections.abc import Iterable

INCOMPLETE = "\ufffd"  # what a tokenizer writes for bytes that are no character (yet)
WINDOW = 16  # tokens; decoding more than a few costs time, decoding too few loses spaces


class Detokenizer:
    """
    The text of a growing list of tokens, each character once all of its bytes are there.

    A token means something only beside its neighbours, so each time the last few are
    decoded together. The caller does that, because many windows decode in one call:

        words.add(token)
        new = words.read(decode(words.window))
    """

    def __init__(self) -> None:
        self.window: list[int] = []
        self._shown = ""  # the part of the window's text that was returned
        self._seam = (0, 0)  # a place in the window between two characters: tokens, characters

    def add(self, token: int) -> None:
        self.window.append(token)

    def read(self, text: str) -> str:
        """What is new in *text*, the whole window decoded; half a character stays back."""
        if not text.startswith(self._shown):
            self._shown = self._shown.lstrip()  # some tokenizers drop a space at the beginning
        whole = text.rstrip(INCOMPLETE)
        new = whole[len(self._shown) :]
        self._shown += new
        if whole == text:
            self._forget()
        return new

    def _forget(self) -> None:
        """Shorten a window that has become long; call it between two characters."""
        tokens, characters = self._seam
        if len(self.window) - tokens >= WINDOW:
            self.window = self.window[tokens:]
            self._shown = self._shown[characters:]
            self._seam = (len(self.window), len(self._shown))


class StopStrings:
    """
    Cuts a text that comes in pieces before the first stop string in it.

    The end of a piece that may be the beginning of a stop string is held back until
    that is known. The first is the one that is complete first, so it does not matter
    where the pieces were cut.
    """

    def __init__(self, stops: Iterable[str]) -> None:
        self.found = False
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""

    def add(self, piece: str) -> str:
        """What may be shown now; nothing more after a stop string."""
        if self.found:
            return ""
        text = self._held + piece
        if cut := min((cut for stop in self._stops if (cut := _place(stop, text))), default=None):
            self.found = True
            return text[: cut[1]]
        end = len(text) - self._unsure(text)
        self._held = text[end:]
        return text[:end]

    def rest(self) -> str:
        """What was held back, once it is known that nothing follows."""
        held, self._held = self._held, ""
        return held

    def _unsure(self, text: str) -> int:
        """The length of the longest end of *text* that a stop string begins with."""
        longest = max(map(len, self._stops), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stops):
                return length
        return 0


def _place(stop: str, text: str) -> tuple[int, int] | None:
    """Where *stop* first ends and begins in *text*."""
    begin = text.find(stop)
    return None if begin < 0 else (begin + len(stop), begin)
