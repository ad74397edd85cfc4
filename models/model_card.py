"""The model card of an artifact: `write_card(folder, scheme, config, metrics)` writes README.md."""

from pathlib import Path
from typing import Any

from labels.files import write_whole
from labels.scheme import LabelScheme

TEMPLATE = Path(__file__).parent / "card.md.jinja"


def write_card(folder: Path, scheme: LabelScheme, config: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Write the card from the filled config and what metrics.json holds."""
    from huggingface_hub import ModelCard, ModelCardData

    test = metrics["test"]
    data = ModelCardData(
        language="en",
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=None if config["model"]["backbone"].startswith("package:") else config["model"]["backbone"],
        metrics=["f1", "accuracy"],
        tags=["news", "sentence-classification", scheme.name],
    )
    card = ModelCard.from_template(data, template_path=str(TEMPLATE), scheme=scheme, config=config, test=test, metrics=metrics)
    write_whole(folder / "README.md", str(card) + "\n")
