"""`UNet2DModel` of diffusers, its weights as those of a `TimeUNet`, and what it gives of them.

    python tests/models/diffusers_unet.py

writes tests/golden/time_unet_diffusers.npz: weights, inputs and outputs of small networks, for
tests on machines without diffusers. diffusers 0.42 made it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parents[1] / "golden" / "time_unet_diffusers.npz"

# Attention as in the transfer network: not at the same levels on both ways.
SMALL = {
    "inputs": 3,
    "outputs": 2,
    "widths": (4, 8, 12),
    "blocks": 2,
    "encoder_attention": (3,),
    "decoder_attention": (2,),
    "head_size": 4,
    "groups": 4,
}
SIZE = (8, 12)


def peer(
    *, inputs, outputs, widths, blocks, encoder_attention, decoder_attention, head_size, groups
):
    """The network of diffusers in the same configuration."""
    from diffusers import UNet2DModel

    levels = range(1, len(widths) + 1)
    return UNet2DModel(
        in_channels=inputs,
        out_channels=outputs,
        block_out_channels=tuple(widths),
        layers_per_block=blocks,
        attention_head_dim=head_size,
        norm_num_groups=groups,
        down_block_types=tuple(
            "AttnDownBlock2D" if level in encoder_attention else "DownBlock2D" for level in levels
        ),
        up_block_types=tuple(
            "AttnUpBlock2D" if level in decoder_attention else "UpBlock2D"
            for level in reversed(levels)
        ),
    )


def translated(state: dict[str, np.ndarray], levels: int) -> dict[str, np.ndarray]:
    """Weights of diffusers by the path that they have in a `TimeUNet`, in Keras' layout."""
    found: dict[str, np.ndarray] = {}

    def convolution(path: str, key: str):
        found[f"{path}/kernel"] = state[f"{key}.weight"].transpose(2, 3, 1, 0)
        found[f"{path}/bias"] = state[f"{key}.bias"]

    def dense(path: str, key: str, *more: str):
        found[f"{path}/kernel"] = np.concatenate([state[f"{k}.weight"].T for k in (key, *more)], 1)
        found[f"{path}/bias"] = np.concatenate([state[f"{k}.bias"] for k in (key, *more)])

    def norm(path: str, key: str):
        found[f"{path}/gamma"], found[f"{path}/beta"] = state[f"{key}.weight"], state[f"{key}.bias"]

    def block(path: str, part: str, rank: int):
        key = f"{part}.resnets.{rank}"
        for number in (1, 2):
            norm(f"{path}/norm_{number}", f"{key}.norm{number}")
            convolution(f"{path}/conv_{number}", f"{key}.conv{number}")
        dense(f"{path}/time", f"{key}.time_emb_proj")
        if f"{key}.conv_shortcut.weight" in state:
            convolution(f"{path}/shortcut", f"{key}.conv_shortcut")
        key = f"{part}.attentions.{rank}"
        if f"{key}.to_q.weight" in state:
            norm(f"{path}_attention/norm", f"{key}.group_norm")
            dense(f"{path}_attention/project", *(f"{key}.to_{each}" for each in "qkv"))
            dense(f"{path}_attention/merge", f"{key}.to_out.0")

    def ranks(part: str) -> int:
        return len({key.split(".")[3] for key in state if key.startswith(f"{part}.resnets.")})

    dense("time/dense_1", "time_embedding.linear_1")
    dense("time/dense_2", "time_embedding.linear_2")
    convolution("stem", "conv_in")
    norm("head_norm", "conv_norm_out")
    convolution("head", "conv_out")
    for rank in range(2):
        block(f"middle_{rank + 1}", "mid_block", rank)
    for number in range(levels):
        part, level = f"down_blocks.{number}", number + 1
        for rank in range(ranks(part)):
            block(f"encoder_{level}_{rank + 1}", part, rank)
        if f"{part}.downsamplers.0.conv.weight" in state:
            convolution(f"encoder_{level}_down/conv", f"{part}.downsamplers.0.conv")
        part, level = f"up_blocks.{number}", levels - number
        for rank in range(ranks(part)):
            block(f"decoder_{level}_{rank + 1}", part, rank)
        if f"{part}.upsamplers.0.conv.weight" in state:
            convolution(f"decoder_{level}_up/conv", f"{part}.upsamplers.0.conv")
    return found


def weights_of(model, levels: int) -> dict[str, np.ndarray]:
    """The weights of a network of diffusers, translated."""
    return translated({key: each.numpy() for key, each in model.state_dict().items()}, levels)


def randomised(model) -> None:
    """Weights that tell every layer apart: the normalisations begin with ones and zeros."""
    import torch

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.ndim == 1:
                weight.copy_(0.2 * noise + ("norm" in name and name.endswith("weight")))
            else:
                weight.copy_(noise / weight[0].numel() ** 0.5)


def outputs_of(model, x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """What it gives of channels-last maps."""
    import torch

    with torch.inference_mode():
        fields = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        given = model(fields, torch.from_numpy(times)).sample
    return given.numpy().transpose(0, 2, 3, 1)


if __name__ == "__main__":
    network = peer(**SMALL).eval()
    randomised(network)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, *SIZE, SMALL["inputs"])).astype("float32")
    times = np.array([0.0, 17.0, 999.0], "float32")
    np.savez_compressed(
        GOLDEN,
        x=x,
        times=times,
        y=outputs_of(network, x, times),
        **weights_of(network, len(SMALL["widths"])),
    )
    print(f"{GOLDEN.name}: {GOLDEN.stat().st_size} bytes")
