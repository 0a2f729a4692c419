"""How likely the tokens of a text were, told with the text that they make. Pure."""

from collections import deque
from collections.abc import Mapping

from bus.messages import Likely, TokenScore


class Scores:
    """
    The scores of a growing list of tokens, each once the text has come to its token.

    So a stop string that cuts the text cuts them too, and a character of two tokens brings
    both.
    """

    def __init__(self) -> None:
        self._waiting: deque[TokenScore] = deque()
        self._ahead = 0  # bytes of text that were shown, less those of the tokens told

    def add(self, data: bytes, logprob: float) -> None:
        """*data*: the bytes of the token, which need not be whole characters."""
        token = data.decode(errors="replace")
        self._waiting.append(TokenScore(Likely(token, logprob, data)))

    def read(self, text: str) -> tuple[TokenScore, ...]:
        """Those that belong to *text*, which was shown now."""
        self._ahead += len(text.encode())
        told = []
        while self._waiting and self._ahead > 0:
            told.append(self._waiting.popleft())
            self._ahead -= len(told[-1].chosen.data)
        return tuple(told)

    def rest(self) -> tuple[TokenScore, ...]:
        """What waits, once it is known that nothing was cut off."""
        rest = tuple(self._waiting)
        self._waiting.clear()
        return rest


def token_bytes(vocabulary: Mapping[bytes, int]) -> dict[int, bytes]:
    """
    The bytes of each token, by its number.

    Vocabularies that were made by bytes have them as they are. Those of SentencePiece write
    a space as U+2581, and have `<0x0A>` for a byte that is no character.
    """
    by_pieces = b"<0x0A>" in vocabulary
    return {token: _plain(word) if by_pieces else word for word, token in vocabulary.items()}


def _plain(word: bytes) -> bytes:
    if len(word) == 6 and word.startswith(b"<0x") and word.endswith(b">"):
        return bytes.fromhex(word[3:5].decode())
    return word.replace("\u2581".encode(), b" ")
