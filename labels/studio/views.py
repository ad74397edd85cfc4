"""Labelling screens of Label Studio, derived from the scheme: `sentence_view`, `article_view`, `check_view`."""

from html import escape
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from labels.errors import AnnotationError
from labels.scheme import LabelScheme

LABEL, SPAN, TEXT = "label", "span", "text"  # names of the controls and the text in both screens
SPAN_TYPES = {"source": ("q", "#7c3aed"), "loaded_word": ("w", "#dc2626")}

_SENTENCE_VIEW = """\
<View className="voice">
  <Style>
    .voice { max-width: 860px; margin: 0 auto; padding-bottom: 24px; }
    .voice-around { opacity: .6; }
    .voice-sentence { border-left: 4px solid #2563eb; background: #eff4ff; padding: 10px 14px; margin: 10px 0;
                      font-size: 19px; line-height: 1.55; }
    .voice-sentence * { color: #111; }
  </Style>
  <Header value="$headline" size="5"/>
  <View className="voice-around"><Text name="before" value="$before" selectionEnabled="false"/></View>
  <View className="voice-sentence"><Text name="text" value="$text" granularity="word"/></View>
  <View className="voice-around"><Text name="after" value="$after" selectionEnabled="false"/></View>
  <Choices name="label" toName="text" choice="single-radio" required="true"
           requiredMessage="Choose one label for the marked sentence">
CHOICES
  </Choices>
  <Labels name="span" toName="text" showInline="true" opacity="0.4">
SPANS
  </Labels>
  <Collapse bordered="false"><Panel value="Whole article"><Text name="article" value="$article_text"
    selectionEnabled="false"/></Panel></Collapse>
</View>
"""
_ARTICLE_VIEW = """\
<View>
  <Header value="$headline" size="5"/>
  <Labels name="label" toName="text" showInline="true">
LABELS
  </Labels>
  <Text name="text" value="$text" granularity="sentence"/>
</View>
"""


def sentence_view(scheme: LabelScheme) -> str:
    """Return the screen for tasks of one sentence: a key chooses a label, Ctrl+Enter submits."""
    choices = []
    for label in scheme.labels:
        title, definition = escape(label.title), escape(label.definition)
        html = f'<b style="color:{label.colour}">{title}</b> <span style="font-weight:400">{definition}</span>'
        choices.append(
            f"    <Choice value={quoteattr(label.name)} hotkey={quoteattr(label.hotkey)} "
            f"hint={quoteattr(' / '.join(label.examples))} html={quoteattr(html)}/>"
        )
    spans = [
        f'    <Label value="{name}" hotkey="{hotkey}" background="{colour}"/>' for name, (hotkey, colour) in SPAN_TYPES.items()
    ]
    return _SENTENCE_VIEW.replace("CHOICES", "\n".join(choices)).replace("SPANS", "\n".join(spans))


def article_view(scheme: LabelScheme) -> str:
    """Return the screen for tasks of a whole article, whose sentences are marked in the colours of their labels."""
    labels = [
        f"    <Label value={quoteattr(label.name)} hotkey={quoteattr(label.hotkey)} background={quoteattr(label.colour)} "
        f"hint={quoteattr(label.definition)}/>"
        for label in scheme.labels
    ]
    return _ARTICLE_VIEW.replace("LABELS", "\n".join(labels))


def check_view(view: str, scheme: LabelScheme, project: str) -> None:
    """Check that a project's screen offers exactly the labels of the scheme.

    Raises:
        AnnotationError: it offers others; the message names the project and both sets.
    """
    control = ElementTree.fromstring(view).find(f".//*[@name='{LABEL}']")
    offered = [] if control is None else [str(choice.get("value")) for choice in control]
    if set(offered) != set(scheme.names):
        raise AnnotationError(
            f"project {project!r}: its labelling interface offers {', '.join(offered) or 'no labels'}, the scheme has "
            f"{', '.join(scheme.names)}; fix it in the project's settings, or create a new project"
        )
