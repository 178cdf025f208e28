"""The cells of a grid, as `--grid` writes it: `ohem_ratio=0.5,0.7,1.0;seed=0,1,2`."""

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence

from experiments.recipes.fields import check_name
from experiments.recipes.overrides import override
from experiments.training.cascade import STAGES, CascadeConfig

LONGEST = 120
"""Letters of a cell's folder at most."""

_FORM = "field=value,value;field=value,value, such as ohem_ratio=0.7,1.0;seed=0,1,2"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A point of a sweep.

    Attributes:
        changes: texts by the names of fields, what this cell has for itself.
        recipe: what it is trained with.
    """

    changes: Mapping[str, str]
    recipe: CascadeConfig

    @property
    def name(self) -> str:
        """Its changes in a line; what its folder is called, too."""
        told = ",".join(f"{name}={text}" for name, text in self.changes.items()) or "recipe"
        fit = re.sub(r"[^\w=.,:|+-]", "_", told)
        if fit == told and len(fit) <= LONGEST:
            return fit
        return f"{fit[:LONGEST]}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def parse_grid(text: str) -> list[dict[str, str]]:
    """The changes of each cell, the last field the first to turn.

    A value for each stage has `|` between its parts, since `,` parts values here.

    Raises:
        ValueError: naming the part that is wrong, and what is accepted.
    """
    axes: dict[str, list[str]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, separator, values = (piece.strip() for piece in part.partition("="))
        if not separator or not values:
            raise ValueError(f"--grid has {part!r}; accepted is {_FORM}")
        check_name(name)
        if name in axes:
            raise ValueError(f"--grid names {name} twice; accepted is once, with all its values")
        axes[name] = [value.strip() for value in values.split(",")]
    if not axes:
        raise ValueError(f"--grid is empty; accepted is {_FORM}")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def make_cells(
    base: CascadeConfig,
    changes: Sequence[Mapping[str, str]],
    stage: str,
    *,
    mined: bool = True,
) -> list[Cell]:
    """The checked cells of a sweep.

    The seed of mining stays the base's where a cell changes another seed: cells that differ in
    training only share their samples.

    Args:
        base: the recipe that all start from.
        changes: of each cell, texts by the names of fields.
        stage: what is trained, a stage or "all".
        mined: whether samples are mined; else the settings of mining play no part.

    Raises:
        ValueError: if a field or value is wrong, or two cells train the same.
    """
    stages = STAGES if stage == "all" else (stage,)
    cells: list[Cell] = []
    for texts in changes:
        own = {"mine_seed": str(base.mining.seed)} if "seed" in texts else {}
        given = {name: text.replace("|", ",") for name, text in {**own, **texts}.items()}
        cell = Cell({**texts}, override(base, given, stages))
        for before in cells:
            if _trained(before, stage, mined) == _trained(cell, stage, mined):
                raise ValueError(
                    f"cells {before.name} and {cell.name} train {stage} with the same settings; "
                    "accepted are cells that differ"
                )
        cells.append(cell)
    if not cells:
        raise ValueError("there are no cells; accepted is one or more")
    return cells


def _trained(cell: Cell, stage: str, mined: bool) -> object:
    """What tells cells apart, of what is trained."""
    if stage == "all":
        return cell.recipe
    return cell.recipe.of(stage), cell.recipe.mining_of(stage) if mined else None


def parse_part(text: str) -> tuple[int, int]:
    """The value of --cells: K and N of "K/N"; (1, 1) for "".

    Raises:
        ValueError: if it is not of that form.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text or "1/1")
    part, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= part <= parts:
        raise ValueError(f"--cells={text}; accepted is K/N for machine K of N, from 1/N to N/N")
    return part, parts
