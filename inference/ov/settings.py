"""What an `openvino:` URL and the model's own files say. Knows nothing of OpenVINO itself."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from msgspec import Meta

from bus.errors import BadSettings
from inference.yesno import JUDGE_PROMPT

CARD = "lookout.json"
LANGUAGE_MODEL = "openvino_language_model.xml"
FORM = "openvino:/path/to/model?device=CPU&slots=8, or openvino:OWNER/NAME of the hub"
UNKNOWN_CONTEXT = 1 << 30

T = TypeVar("T")
Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]
Switch = Literal["on", "off", "1", "0"]


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand behind the `?`."""

    id: str = ""
    device: str = "CPU"
    slots: Count = 8
    threads: Annotated[int, Meta(ge=0)] = 0  # 0: as the card says
    cache_gb: Annotated[int, Meta(ge=0)] = 0  # 0: as much as the requests in flight need
    max_side: Count = 1344  # a larger picture is scaled down to it, unless the card says how
    judge: Literal["auto", "forced"] = "auto"
    download: Switch = "on"  # whether a model of the hub may be fetched
    check_memory: Switch = "on"  # whether a model that will not fit is refused
    start_s: Seconds = 300.0
    first_token_s: Seconds = 120.0
    token_s: Seconds = 30.0

    @property
    def may_download(self) -> bool:
        return self.download in ("on", "1")

    @property
    def may_check_memory(self) -> bool:
        return self.check_memory in ("on", "1")


class Card(msgspec.Struct, frozen=True):
    """`lookout.json`: what a model expects that its other files do not say."""

    id: str = ""
    fit: Literal["", "squash"] = ""  # squash: the whole picture at `size`, whatever its shape
    size: tuple[Count, Count] | None = None  # width, height
    pictures_first: bool = False  # it learned pictures before everything else, not in their turn
    single_turn: bool = False  # it learned one question and its answer, no conversation
    single_picture: bool = False  # it learned from one picture at a time: sees the newest only
    blank_picture: bool = False  # it learned nothing without a picture: a grey one stands in
    judge_prompt: str = JUDGE_PROMPT
    longest_string: int = 0  # characters of one in JSON, where the request sets no limit; 0: any
    longest_list: int = 0  # items likewise: a small model does not find an end by itself
    threads: Annotated[int, Meta(ge=0)] = 0  # 0: as many as OpenVINO likes


class Config(msgspec.Struct, frozen=True):
    """What interests us of a model's `config.json`."""

    model_type: str = ""
    max_position_embeddings: int | None = None
    text_config: "Config | None" = None
    llm_config: "Config | None" = None

    @property
    def context(self) -> int:
        """How many tokens the language model was made for."""
        parts = (self, self.text_config, self.llm_config)
        known = (part.max_position_embeddings for part in parts if part)
        return next((count for count in known if count), UNKNOWN_CONTEXT)


class Settings(msgspec.Struct, frozen=True):
    path: Path
    query: Query = Query()
    card: Card = Card()
    config: Config = Config()

    @property
    def model(self) -> str:
        return self.query.id or self.card.id or self.path.name

    @property
    def properties(self) -> dict[str, int]:
        """What OpenVINO is told when it compiles a model."""
        threads = self.query.threads or self.card.threads
        return {"INFERENCE_NUM_THREADS": threads} if threads else {}


def parse(url: str) -> Settings:
    """The settings in *url*, with the model's files looked at but not loaded."""
    parts = urlsplit(url)
    if parts.netloc or not parts.path:
        raise BadSettings(f"bad engine URL {url!r}: write it as {FORM}, or with a relative path")
    path = Path(unquote(parts.path)).expanduser().resolve()
    if not (path / LANGUAGE_MODEL).is_file():
        raise BadSettings(f"no OpenVINO vision-language model in {path}: no {LANGUAGE_MODEL} there")
    card = _read(path / CARD, Card) if (path / CARD).exists() else Card()
    return Settings(path, parse_query(url), card, _read(path / "config.json", Config))


def parse_query(url: str) -> Query:
    text = urlsplit(url).query
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
        return msgspec.convert(dict(pairs), Query, strict=False)
    except ValueError as error:
        known = ", ".join(Query.__struct_fields__)
        raise BadSettings(f"bad engine URL {url!r}: {error}; it may set {known}") from error


def _read(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, ValueError) as error:
        raise BadSettings(f"cannot read {file}: {error}") from error
