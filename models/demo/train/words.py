"""The tokenizer: byte pairs learned from the questions and answers themselves."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from models.demo.train.asked import PROMPTS, RULE_PROMPTS, SINGLE, describe, rule, strange
from models.demo.train.facts import Facts
from models.demo.train.nouns import ABSENT
from models.demo.train.sizes import VOCABULARY

MARKS = ("<pad>", "<s>", "</s>", "<image>", "<sys>", "<user>", "<asst>")
PAD, START, END, IMAGE, SYSTEM, USER, ASSISTANT = range(len(MARKS))


def learn(facts: Sequence[Facts], file: Path) -> None:
    dice = Random(0)
    # What is strange must come in pieces, as unknown words do.
    asks = (*(ask for ask in SINGLE if ask is not strange), rule, rule, describe)
    pairs = (ask(dice, one) for one in facts for ask in asks)
    texts = [text for pair in pairs for text in (pair.question, pair.answer)]
    texts += [*RULE_PROMPTS, *PROMPTS, *(f" a {word}" for word in ABSENT)] * 50
    # Such a letter is its own start of a word too, so that "yes" and "no" are one token each.
    texts += ["yes", "no", "Yes", "No"] * 100
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=3,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(file))


class Words:
    def __init__(self, file: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(file))
        self.count = self._tokenizer.get_vocab_size()
        self.line_break = self.ids("\n")[0]

    @lru_cache(maxsize=200_000)  # noqa: B019 - there is one, for as long as the process lives
    def ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text).ids)
