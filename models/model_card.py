"""Write the model card of an artifact, its README.md: `write_card(folder, scheme, config, metrics)`."""

from pathlib import Path
from typing import Any

from labels.files import write_whole
from labels.scheme import LabelScheme

TEMPLATE = Path(__file__).parent / "card.md.jinja"


def write_card(folder: Path, scheme: LabelScheme, config: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Write the card from the label scheme, the filled config and the content of metrics.json."""
    from huggingface_hub import ModelCard, ModelCardData

    backbone = config["model"]["backbone"]
    data = ModelCardData(
        language="en",
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=None if backbone.startswith("package:") else backbone,
        metrics=["f1", "accuracy"],
        tags=["news", "sentence-classification", scheme.name],
    )
    values = {"scheme": scheme, "config": config, "test": metrics["test"], "metrics": metrics}
    card = ModelCard.from_template(data, template_path=str(TEMPLATE), **values)
    write_whole(folder / "README.md", str(card) + "\n")
