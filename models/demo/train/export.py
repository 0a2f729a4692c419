"""The trained model as the folder that the serving engine opens."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from openvino_tokenizers import convert_tokenizer
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from inference.yesno import JUDGE_PROMPT
from models.demo.train.graph import language_model, word_embeddings
from models.demo.train.language import Reader
from models.demo.train.network import Eyes, seen
from models.demo.train.sizes import (
    CONTEXT,
    HEADS,
    LANGUAGE_BLOCKS,
    LANGUAGE_HIDDEN,
    PICTURE,
    PICTURE_TOKENS,
    ROPE_BASE,
    WIDTH,
)
from models.demo.train.words import END, IMAGE, MARKS, PAD, START, Words

TEMPLATE = Path(__file__).with_name("chat_template.jinja")
TOKENIZER = "tokenizer.json"


class Sight(nn.Module):
    """From pixels to the language model's tokens: all that depends on a picture alone."""

    def __init__(self, eyes: Eyes, reader: Reader) -> None:
        super().__init__()
        self.eyes, self.projector = eyes, reader.projector

    def forward(self, pixel_values: Tensor) -> Tensor:
        features, logits, _ = self.eyes(pixel_values)
        tokens: Tensor = self.projector(seen(logits), features)
        return tokens


def export(eyes: Eyes, reader: Reader, tokenizer: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save(vision(eyes, reader), folder / "openvino_vision_embeddings_model.xml")
    weights = weights_of(reader.language)
    save(word_embeddings(weights), folder / "openvino_text_embeddings_model.xml")
    save(language_model(weights), folder / "openvino_language_model.xml")
    shutil.copyfile(tokenizer, folder / TOKENIZER)
    shutil.copyfile(TEMPLATE, folder / TEMPLATE.name)
    export_tokenizer(tokenizer, folder)
    for name, content in settings(Words(tokenizer).count).items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")


def vision(eyes: Eyes, reader: Reader) -> ov.Model:
    sight = Sight(eyes, reader).eval().cpu()
    width, height = PICTURE
    picture = torch.zeros(1, 3, height, width)
    with torch.no_grad():
        model = ov.convert_model(sight, example_input=picture, input=[-1, 3, height, width])
    model.inputs[0].get_tensor().set_names({"pixel_values"})
    model.outputs[0].get_tensor().set_names({"last_hidden_state"})
    return model


def weights_of(module: nn.Module) -> Mapping[str, NDArray[np.float32]]:
    return {name: values.float().cpu().numpy() for name, values in module.state_dict().items()}


def save(model: ov.Model, file: Path) -> None:
    """Weights take two bytes each; the runtime computes with four, or with what it prefers."""
    ov.save_model(model, file, compress_to_fp16=True)


def export_tokenizer(file: Path, folder: Path) -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(file),
        bos_token=MARKS[START],
        eos_token=MARKS[END],
        pad_token=MARKS[PAD],
        additional_special_tokens=list(MARKS[IMAGE:]),
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
    )
    tokenizer.chat_template = TEMPLATE.read_text()
    encoder, decoder = convert_tokenizer(tokenizer, with_detokenizer=True)
    ov.save_model(encoder, folder / "openvino_tokenizer.xml")
    ov.save_model(decoder, folder / "openvino_detokenizer.xml")


def settings(tokens: int) -> dict[str, dict[str, Any]]:
    """The small files beside the weights: of LLaVA's form, which the pipeline knows."""
    ends = {"bos_token_id": START, "eos_token_id": END, "pad_token_id": PAD}
    width, height = PICTURE
    text = {
        **{"model_type": "llama", "vocab_size": tokens, "hidden_size": WIDTH},
        **{"intermediate_size": LANGUAGE_HIDDEN, "num_hidden_layers": LANGUAGE_BLOCKS},
        **{"num_attention_heads": HEADS, "num_key_value_heads": HEADS, **ends},
        **{"max_position_embeddings": CONTEXT, "rope_theta": ROPE_BASE},
        **{"rms_norm_eps": 1e-5, "tie_word_embeddings": True},
    }
    eyes = {"model_type": "clip_vision_model", "image_size": height, "patch_size": height}
    preprocessor = {
        **{"image_processor_type": "CLIPImageProcessor", "do_resize": True},
        **{"size": {"shortest_edge": height}, "do_center_crop": True},
        **{"crop_size": {"height": height, "width": width}, "do_rescale": True},
        **{"rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5] * 3},
        **{"image_std": [0.5] * 3, "do_convert_rgb": True, "resample": 3},
    }
    return {
        "config.json": {
            **{"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"]},
            **{"image_token_index": IMAGE, "image_seq_length": PICTURE_TOKENS},
            **{"vision_config": eyes, "text_config": text, **ends},
            **{"vision_feature_layer": -1, "vision_feature_select_strategy": "default"},
        },
        "generation_config.json": ends,
        "preprocessor_config.json": preprocessor,
        "processor_config.json": {
            **{"processor_class": "LlavaProcessor", "patch_size": height},
            **{"image_token": MARKS[IMAGE], "num_additional_image_tokens": 1},
            "vision_feature_select_strategy": "default",
        },
        "lookout.json": {
            **{"id": "lookout-demo", "fit": "squash", "size": list(PICTURE)},
            **{"pictures_first": True, "single_turn": True, "single_picture": True},
            **{"blank_picture": True, "judge_prompt": JUDGE_PROMPT},
            **{"longest_string": 60, "longest_list": 4, "threads": 1},
        },
    }
