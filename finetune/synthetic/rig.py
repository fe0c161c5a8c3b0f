"""The face rig: a mesh with identity modes and expression shapes, cut down to what is rendered.

Letters: V vertices of the compact mesh, S its skin vertices (the first ones), T triangles, K expression shapes.
The rig is ICT-FaceKit (MIT, (c) 2020 USC Institute for Creative Technologies). Its unit is called cm here; the
eyes are 6.3 of these apart (a real face: about 6 cm).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from finetune.synthetic.correspondence import LIP_GAP_PAIRS, Correspondence
from finetune.synthetic.sculpt import sculpted_shapes
from vlfau.errors import DataError

IDENTITY_MODES = 60
SKIN_VERTICES = 6706
"""The rig's narrow face area; ears, scalp and neck come from the photo by flow instead."""
MATERIALS = ("skin", "socket", "gums", "teeth", "eye_left", "eye_right", "anchor")
_RIG_REGIONS = {
    "socket": "mouthsocket",
    "gums": "gumstongue",
    "teeth": "teeth",
    "eye_left": "eyeballL",
    "eye_right": "eyeballR",
}
NEIGHBOURS = 8


@dataclass(frozen=True)
class Rig:
    """The compact mesh on one device; every tensor is float32 or int64.

    neutral (V, 3), identity (60, V, 3) unit-normal modes, expression (K, V, 3) offsets at weight 1, triangles (T, 3),
    material (V,) index into `MATERIALS`, skin_neighbours (S, 8), landmark_vertices and landmark_weights (478, 3),
    lid (S,) 1 on skin near the eye slit, lash (S,) 1 at the lids' edges, lip_gap (K,) cm of lip gap per weight.
    """

    neutral: Tensor
    identity: Tensor
    expression: Tensor
    expression_names: tuple[str, ...]
    triangles: Tensor
    material: Tensor
    parts: dict[str, slice]
    skin_neighbours: Tensor
    landmark_vertices: Tensor
    landmark_weights: Tensor
    lid: Tensor
    lash: Tensor
    lip_gap: Tensor

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.neutral.device

    @property
    def skin(self) -> slice:
        """The skin vertices, always first."""
        return self.parts["skin"]

    @property
    def skin_triangles(self) -> Tensor:
        """Triangles (T', 3) whose corners are all skin."""
        return self.triangles[(self.triangles < self.skin.stop).all(1)]

    def shape_index(self, name: str) -> int:
        """The position of an expression shape, by its name in the rig."""
        return self.expression_names.index(name)

    def landmarks(self, points: Tensor) -> Tensor:
        """Per-vertex values (..., V, C) -> values at the 478 landmarks (..., 478, C)."""
        return (points[..., self.landmark_vertices, :] * self.landmark_weights[..., None]).sum(-2)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> "Rig":
        """Read the rig's npz (see the data's README for its arrays). Raises `DataError` if it cannot be read."""
        try:
            with np.load(path) as arrays:
                table = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError) as error:
            raise DataError(
                f"The face rig cannot be read. {path} gave: {error}. Point --data at a folder with face_rig/."
            ) from error
        return _compact(table, Correspondence.load(), torch.device(device))


def _compact(table: dict[str, np.ndarray], correspondence: Correspondence, device: torch.device) -> Rig:
    chosen, parts = _chosen_vertices(table, correspondence)
    compact = np.full(len(table["neutral"]), -1, np.int64)
    compact[chosen] = np.arange(len(chosen))
    drawn = compact.copy()
    drawn[chosen[parts["anchor"]]] = -1
    triangles = drawn[table["tri"]]
    triangles = triangles[(triangles >= 0).all(1)]
    material = np.zeros(len(chosen), np.int64)
    for index, name in enumerate(MATERIALS):
        material[parts[name]] = index

    neutral = table["neutral"][chosen].astype(np.float32)
    kept = [i for i, name in enumerate(table["expression_names"]) if not str(name).startswith("Pupil")]
    shapes = {
        str(table["expression_names"][i]): table["expression"][i][chosen].astype(np.float32) for i in kept
    }
    shapes.update(sculpted_shapes(neutral, shapes, parts["skin"]))
    expression = np.stack(list(shapes.values()))
    vertices = compact[correspondence.vertices]
    lid, lash = _lid_masks(table["neutral"], correspondence)

    def tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device)

    return Rig(
        neutral=tensor(neutral),
        identity=tensor(table["identity"][:IDENTITY_MODES, chosen].astype(np.float32)),
        expression=tensor(expression),
        expression_names=tuple(shapes),
        triangles=tensor(triangles),
        material=tensor(material),
        parts=parts,
        skin_neighbours=tensor(_neighbours(triangles, SKIN_VERTICES)),
        landmark_vertices=tensor(vertices),
        landmark_weights=tensor(correspondence.weights),
        lid=tensor(lid),
        lash=tensor(lash),
        lip_gap=tensor(_lip_gap(expression, tuple(shapes), vertices, correspondence.weights)),
    )


def _chosen_vertices(
    table: dict[str, np.ndarray], correspondence: Correspondence
) -> tuple[np.ndarray, dict[str, slice]]:
    """Vertices of the full rig that are kept, and where each material lies among them."""
    ranges = {
        str(name): tuple(bounds)
        for name, bounds in zip(table["region_names"], table["region_range"], strict=True)
    }
    pieces = [np.arange(SKIN_VERTICES)]
    pieces += [np.arange(*ranges[region]) for region in _RIG_REGIONS.values()]
    # Landmarks that lie just outside the drawn area still need their vertices.
    pieces.append(np.setdiff1d(correspondence.vertices, np.concatenate(pieces)))
    ends = np.cumsum([len(piece) for piece in pieces])
    starts = ends - [len(piece) for piece in pieces]
    parts = {name: slice(int(a), int(b)) for name, a, b in zip(MATERIALS, starts, ends, strict=True)}
    return np.concatenate(pieces), parts


def _neighbours(triangles: np.ndarray, count: int) -> np.ndarray:
    """Up to eight mesh neighbours (count, 8) of each of the first vertices, repeated where there are fewer."""
    near: list[set[int]] = [set() for _ in range(count)]
    for a, b, c in triangles[(triangles < count).all(1)].tolist():
        near[a] |= {b, c}
        near[b] |= {a, c}
        near[c] |= {a, b}
    table = np.zeros((count, NEIGHBOURS), np.int64)
    for vertex, around in enumerate(near):
        ring = sorted(around) or [vertex]
        table[vertex] = (ring * NEIGHBOURS)[:NEIGHBOURS]
    return table


def _lid_masks(neutral: np.ndarray, correspondence: Correspondence) -> tuple[np.ndarray, np.ndarray]:
    def distance(names: tuple[str, ...]) -> np.ndarray:
        edge = neutral[np.concatenate([correspondence.curves[name] for name in names])]
        return np.sqrt(((neutral[:SKIN_VERTICES, None] - edge[None]) ** 2).sum(-1)).min(1)

    upper, lower = distance(("reye_up", "leye_up")), distance(("reye_low", "leye_low"))
    lash = np.maximum(np.exp(-((upper / 0.10) ** 2)), np.exp(-((lower / 0.08) ** 2)))
    return (upper < 0.75).astype(np.float32), lash.astype(np.float32)


def _lip_gap(
    expression: np.ndarray, names: tuple[str, ...], vertices: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """How much each shape opens (or closes) the lips near the middle, in cm per unit weight (K,)."""

    def height(landmark: int) -> np.ndarray:
        return (expression[:, vertices[landmark], 1] * weights[landmark]).sum(-1)

    gap = np.mean([height(upper) - height(lower) for upper, lower in LIP_GAP_PAIRS], axis=0)
    # Rolling a lip inwards moves the inner lip line, but does not part the lips.
    gap[[i for i, name in enumerate(names) if name.startswith("mouthRoll")]] = 0.0
    return gap.astype(np.float32)
