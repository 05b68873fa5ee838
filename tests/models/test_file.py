from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from napari_srgan.models import ModelCard, ModelError, load_file, read_card, save_model
from napari_srgan.models.card import TEXT_FIELDS
from napari_srgan.models.file import FORMAT, KEY
from napari_srgan.nn.generator import GeneratorConfig
from tests.conftest import MakeModel, random_network

CONFIG = GeneratorConfig(channels=1, scale=2, features=4, blocks=1)
CARD = ModelCard("small", CONFIG)
WriteFile = Callable[..., Path]


def weights() -> dict[str, Tensor]:
    state = random_network(CONFIG).state_dict()
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


def header(**changes: Any) -> dict[str, Any]:
    return {"format": FORMAT, **CARD.to_dict(), **changes}


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Return a function that writes a file with any header and any tensors."""

    def write(values: object, state: dict[str, Tensor] | None = None) -> Path:
        path = tmp_path / "broken.safetensors"
        text = values if isinstance(values, str) else json.dumps(values)
        save_file(weights() if state is None else state, path, {KEY: text})
        return path

    return write


def refusal(path: Path) -> str:
    """Return what is said of a file that must be refused, at once, with its name."""
    since = time.process_time()
    with pytest.raises(ModelError) as caught:
        load_file(path)
    assert time.process_time() - since < 1
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 600
    return message


def test_a_saved_model_is_the_model_loaded(tmp_path: Path, make_model: MakeModel) -> None:
    model = make_model(channels=3)
    path = save_model(tmp_path / "m", model.state_dict(), model.card, dtype=torch.float32)
    network, card = load_file(path)
    image = torch.rand(1, 3, 9, 11)
    assert card == model.card
    assert not network.training
    assert torch.equal(network(image), model.network(image))


def test_convolutions_are_stored_in_half_precision_and_statistics_in_full(tmp_path: Path) -> None:
    path = save_model(tmp_path / "m", weights(), CARD)
    with safe_open(path, "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert {v.dtype for v in stored.values() if v.ndim == 4} == {torch.float16}
    assert {v.dtype for v in stored.values() if v.ndim < 4} == {torch.float32}
    network, _ = load_file(path)
    loaded = network.state_dict()
    for name, value in weights().items():
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name], value.half().float() if value.ndim == 4 else value)


def test_the_suffix_is_added_where_it_is_missing(tmp_path: Path) -> None:
    assert save_model(tmp_path / "x4.1", weights(), CARD).name == "x4.1.safetensors"
    assert save_model(tmp_path / "a.safetensors", weights(), CARD).name == "a.safetensors"
    assert len(list(tmp_path.iterdir())) == 2


def test_saving_makes_the_folder(tmp_path: Path) -> None:
    assert save_model(tmp_path / "new" / "m", weights(), CARD).is_file()


def test_weights_that_half_precision_cannot_hold_are_not_saved(tmp_path: Path) -> None:
    path = save_model(tmp_path / "m", weights(), CARD)
    before = path.read_bytes()
    state = weights() | {"tail.weight": torch.full((1, 4, 9, 9), 1e6)}
    with pytest.raises(ModelError, match=r"m\.safetensors: the weights 'tail\.weight' are not all"):
        save_model(path, state, CARD)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = save_model(tmp_path / "m", weights(), CARD)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="JSON"):
        save_model(path, weights(), replace(CARD, figures={"Set5": {"PSNR": {1, 2}}}))  # type: ignore[dict-item]
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_card_comes_back_whole(tmp_path: Path) -> None:
    card = ModelCard(
        name="satellite-x2",
        config=CONFIG,
        end="adversarial",
        description="Aerial images, ×2: déjà vu",
        domains=("satellite", "natural"),
        trained_on="some images",
        degradation="bicubic",
        steps=1234,
        licence="CC0-1.0",
        data_licence="CC-BY-4.0",
        figures={"Set5": {"PSNR": 31.25, "SSIM": 0.5}},
        command="srgan-train evaluate",
        not_for="diagnosis",
    )
    path = save_model(tmp_path / "m", weights(), card)
    assert read_card(path) == card
    assert load_file(path)[1] == card


def test_keys_of_later_versions_are_ignored(write_file: WriteFile) -> None:
    path = write_file(header(colour_space="linear", both_ends=True))
    assert load_file(path)[1] == CARD


def test_tanh_is_part_of_the_model(tmp_path: Path) -> None:
    config = replace(CONFIG, activation="tanh")
    path = save_model(tmp_path / "m", weights(), ModelCard("tanh", config))
    assert load_file(path)[0].config.activation == "tanh"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_dtype_is_taken(write_file: WriteFile, dtype: torch.dtype) -> None:
    state = {k: v.to(dtype) for k, v in weights().items()}
    network, _ = load_file(write_file(header(), state))
    assert torch.equal(network.tail.weight, state["tail.weight"].float())


@pytest.mark.parametrize("name", ["absent.safetensors", "x" * 300 + ".safetensors", "folder"])
def test_no_file_is_said_to_be_absent(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match="there is no such file"):
        load_file(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 8,
        bytes(range(256)) * 20,
        b"just a text\n" * 20,
        (2**62).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"\xff\xfe\xfd\xfc",
    ],
    ids=["empty", "zeros", "bytes", "text", "huge header", "list", "not utf-8"],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    assert "not a whole .safetensors file" in refusal(path)


@pytest.mark.parametrize("part", [0.001, 0.05, 0.5, 0.9, 0.9999])
def test_a_truncated_file_is_refused(tmp_path: Path, part: float) -> None:
    path = save_model(tmp_path / "m", weights(), CARD)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert "not a whole .safetensors file" in refusal(path)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_refused_and_not_executed(tmp_path: Path, writer: str) -> None:
    path, trace = tmp_path / "m.safetensors", tmp_path / "executed"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Bomb(trace)))
    else:
        torch.save({"state": Bomb(trace)}, path)
    assert "not a whole .safetensors file" in refusal(path)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Bomb(trace)))
    assert trace.exists()


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_safetensors_of_another_program_is_refused(
    tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    path = tmp_path / "m.safetensors"
    save_file(weights(), path, metadata)
    assert "not a model of napari-srgan" in refusal(path)


@pytest.mark.parametrize(
    "text", ["", "{", "name: x", "[" * 100_000, '{"a":' * 100_000, "9" * 5000], ids=repr
)
def test_a_header_that_is_not_json_is_refused(write_file: WriteFile, text: str) -> None:
    assert "its header is not JSON" in refusal(write_file(text))


@pytest.mark.parametrize("values", [None, 3, "text", [], [["name", "x"]]])
def test_a_header_without_names_is_refused(write_file: WriteFile, values: object) -> None:
    assert "the header is not a set of named values" in refusal(write_file(json.dumps(values)))


@pytest.mark.parametrize("lacking", ["name", "config"])
def test_a_header_must_have_name_and_config(write_file: WriteFile, lacking: str) -> None:
    values = header()
    del values[lacking]
    assert f"the header lacks ['{lacking}']" in refusal(write_file(values))


@pytest.mark.parametrize("format_", [FORMAT + 1, 1.5, "2", None, [1] * 1000])
def test_a_later_format_asks_for_an_update(write_file: WriteFile, format_: object) -> None:
    message = refusal(write_file(header(format=format_)))
    assert f"this version reads format {FORMAT}: update napari-srgan" in message


@pytest.mark.parametrize("key", ["channels", "scale", "features", "blocks"])
@pytest.mark.parametrize(
    "value", ["4", "", True, False, 4.0, -1, -(10**30), None, [4], {}, "9" * 9999]
)
def test_a_config_of_wrong_types_is_refused(write_file: WriteFile, key: str, value: object) -> None:
    assert key in refusal(write_file(header(config={**CONFIG.to_dict(), key: value})))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("scale", 3, "scale is 3; allowed are (2, 4, 8)"),
        ("scale", 0, "scale is 0"),
        ("scale", 16, "scale is 16"),
        ("scale", 4, "weights are missing, e.g. 'upsample.1"),
        ("channels", 0, "channels is 0"),
        ("channels", 3, "'head.weight' has shape (4, 1, 9, 9), its header says (4, 3, 9, 9)"),
        ("channels", 10**9, "'head.weight' has shape"),
        ("features", 0, "features is 0"),
        ("features", 10**9, "'head.weight' has shape"),
        ("features", 10**30, "'head.weight' has shape"),
        ("blocks", 0, "weights that the model lacks, e.g. 'body.0"),
        ("blocks", 2, "1 weights are missing, e.g. 'body.1.conv1.weight'"),
        ("blocks", 10**12, "1000000000000 blocks in the header, not in the file"),
        ("activation", "relu", "activation is 'relu'"),
        ("activation", 1, "activation is 1"),
        ("activation", [], "activation is []"),
        ("dropout", 0.5, "unknown ['dropout']"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    write_file: WriteFile, key: str, value: object, message: str
) -> None:
    assert message in refusal(write_file(header(config={**CONFIG.to_dict(), key: value})))


@pytest.mark.parametrize("config", [None, "x", 3, [["scale", 4]]])
def test_a_config_without_names_is_refused(write_file: WriteFile, config: object) -> None:
    assert "config is not a set of named values" in refusal(write_file(header(config=config)))


def test_blocks_that_are_only_named_are_not_built(write_file: WriteFile) -> None:
    state = {f"x{i}": torch.zeros(0) for i in range(5000)}
    path = write_file(header(config={**CONFIG.to_dict(), "blocks": 4999}), state)
    assert "weights are missing" in refusal(path)


@pytest.mark.parametrize(
    "key",
    sorted(TEXT_FIELDS),
)
@pytest.mark.parametrize("value", [3, None, ["a"], {"a": "b"}, "red \x1b[31m", "half \ud800"])
def test_texts_that_are_none_are_refused(write_file: WriteFile, key: str, value: object) -> None:
    assert f"the header's {key} is" in refusal(write_file(header(**{key: value})))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", " ", "name is empty"),
        ("end", "middle", "end is 'middle'; allowed are ('fidelity', 'adversarial')"),
        ("domains", "medical", "domains are 'medical', not a list of texts"),
        ("domains", [1], "domains are [1]"),
        ("domains", None, "domains are None"),
        ("steps", "many", "steps are 'many'"),
        ("steps", -1, "steps are -1"),
        ("steps", True, "steps are True"),
        ("figures", 31.2, "figures are 31.2, not numbers by benchmark and metric"),
        ("figures", ["Set5"], "figures are ['Set5']"),
        ("figures", {"Set5": 31.2}, "figures are {'Set5': 31.2}"),
        ("figures", {"Set5": {"PSNR": "31"}}, "figures are"),
        ("figures", {"Set5": {"PSNR": True}}, "figures are"),
        ("figures", {"Set5": {"\x1b": 1}}, "figures are"),
        ("figures", json.loads('{"a":' * 100 + "1" + "}" * 100), "figures are"),
    ],
)
def test_a_card_of_wrong_values_is_refused(
    write_file: WriteFile, key: str, value: object, message: str
) -> None:
    assert message in refusal(write_file(header(**{key: value})))


def test_what_a_header_quotes_is_cut_short(write_file: WriteFile) -> None:
    refusal(write_file(header(end="x" * 10**6)))
    refusal(write_file(header(config={"x" * 10**6: 1})))
    refusal(write_file(header(), weights() | {"x" * 10**6: torch.zeros(1)}))


def test_missing_weights_are_named(write_file: WriteFile) -> None:
    for name in weights():
        state = weights()
        del state[name]
        assert f"1 weights are missing, e.g. '{name}'" in refusal(write_file(header(), state))


def test_extra_weights_are_named(write_file: WriteFile) -> None:
    path = write_file(header(), weights() | {"body.7.act.weight": torch.zeros(1)})
    assert "1 weights that the model lacks, e.g. 'body.7.act.weight'" in refusal(path)


def test_weights_of_another_shape_are_named(write_file: WriteFile) -> None:
    for name, value in weights().items():
        path = write_file(header(), weights() | {name: torch.zeros(*value.shape, 2)})
        assert f"'{name}' has shape" in refusal(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(write_file: WriteFile, value: float) -> None:
    path = write_file(header(), weights() | {"tail.bias": torch.tensor([value])})
    assert "the weights 'tail.bias' are not all finite numbers" in refusal(path)


def test_weights_beyond_float32_are_refused(write_file: WriteFile) -> None:
    big = torch.tensor([1e300], dtype=torch.float64)
    path = write_file(header(), weights() | {"tail.bias": big})
    assert "not all finite" in refusal(path)


def test_negative_variances_are_refused(write_file: WriteFile) -> None:
    path = write_file(header(), weights() | {"body_bn.running_var": torch.full((4,), -1.0)})
    assert "'body_bn.running_var' has negative variances" in refusal(path)


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (torch.int32, "I32"),
        (torch.uint8, "U8"),
        (torch.bool, "BOOL"),
        (torch.complex64, "C64"),
        (torch.float8_e4m3fn, "F8_E4M3"),
    ],
)
def test_weights_of_other_dtypes_are_refused(
    write_file: WriteFile, dtype: torch.dtype, name: str
) -> None:
    path = write_file(header(), weights() | {"tail.bias": torch.zeros(1).to(dtype)})
    assert f"'tail.bias' has dtype {name}; allowed are F16, BF16, F32, F64" in refusal(path)


WHOLE = save(weights(), {KEY: json.dumps(header())})


@pytest.fixture(scope="session")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "m.safetensors"


def loads_or_is_refused(path: Path) -> None:
    try:
        network, card = load_file(path)
    except ModelError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017
    else:
        assert network.config == card.config


@settings(max_examples=300)
@given(
    st.dictionaries(
        # Half of the damage goes into the headers, which are small beside the weights.
        st.integers(0, 3000) | st.integers(0, len(WHOLE) - 1),
        st.integers(1, 255),
        min_size=1,
        max_size=8,
    )
)
def test_flipped_bytes_never_do_anything_but_refuse(damaged: Path, flips: dict[int, int]) -> None:
    content = bytearray(WHOLE)
    for place, flip in flips.items():
        content[place] ^= flip
    damaged.write_bytes(content)
    loads_or_is_refused(damaged)


@settings(max_examples=200)
@given(st.integers(0, 3000) | st.integers(0, len(WHOLE) - 1))
def test_a_file_cut_off_anywhere_is_refused(damaged: Path, length: int) -> None:
    damaged.write_bytes(WHOLE[:length])
    with pytest.raises(ModelError, match="not a whole"):
        load_file(damaged)


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text() | st.sampled_from([*header()]), inner)
        ),
        max_leaves=10,
    )
)
def test_any_json_in_the_header_is_refused(damaged: Path, values: object) -> None:
    save_file(weights(), damaged, {KEY: json.dumps(values)})
    with pytest.raises(ModelError):
        load_file(damaged)


@settings(max_examples=200)
@given(
    st.sampled_from([*CARD.to_dict()]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
)
def test_any_value_in_the_card_is_taken_or_refused(damaged: Path, key: str, value: object) -> None:
    save_file(weights(), damaged, {KEY: json.dumps(header(**{key: value}))})
    loads_or_is_refused(damaged)
