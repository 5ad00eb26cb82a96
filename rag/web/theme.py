"""The look of Gradio's own parts: newsprint and ink, light and dark. What is ours is in ``page.css``."""

from __future__ import annotations

from collections.abc import Sequence

from rag.web.gradio_setup import gr

SERIF = (
    "Charter",
    "Iowan Old Style",
    "Georgia",
    "Noto Serif",
    "Songti SC",
    "Noto Serif CJK SC",
    "Source Han Serif SC",
    "SimSun",
    "serif",
)
SANS = (
    "system-ui",
    "Segoe UI",
    "Helvetica Neue",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)

# name: (light, dark). Every pair of text and ground has a contrast of at least 4.5 to 1.
COLOURS = {
    "paper": ("#f8f8f5", "#16181b"),
    "sheet": ("#ffffff", "#1e2125"),
    "ink": ("#1b1d20", "#e9e7e1"),
    "quiet": ("#5b6067", "#a3a8ae"),
    "rule": ("#d9d9d3", "#363b41"),
    "accent": ("#1d4f82", "#93bfec"),
    "on_accent": ("#ffffff", "#10202f"),
    "mark": ("#fbeaa5", "#5c4c12"),
}


def build_theme() -> gr.themes.Base:
    """Gradio's plain theme in our colours, with fonts that are on the reader's machine."""
    theme = gr.themes.Base(
        font=[gr.themes.Font(name) for name in SANS],
        font_mono=[gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")],
        radius_size=gr.themes.sizes.radius_sm,
    )
    return theme.set(
        **_both("body_background_fill", "paper"),
        **_both("body_text_color", "ink"),
        **_both("body_text_color_subdued", "quiet"),
        **_both("background_fill_primary", "sheet"),
        **_both("background_fill_secondary", "paper"),
        **_both("block_background_fill", "sheet"),
        **_both("block_border_color", "rule"),
        **_both("block_label_text_color", "quiet"),
        **_both("block_title_text_color", "quiet"),
        **_both("border_color_primary", "rule"),
        **_both("border_color_accent", "accent"),
        **_both("color_accent_soft", "paper"),
        **_both("input_background_fill", "sheet"),
        **_both("input_border_color", "quiet"),
        **_both("input_border_color_focus", "accent"),
        **_both("input_placeholder_color", "quiet"),
        **_both("button_primary_background_fill", "accent"),
        **_both("button_primary_background_fill_hover", "accent"),
        **_both("button_primary_text_color", "on_accent"),
        **_both("button_secondary_background_fill", "sheet"),
        **_both("button_secondary_background_fill_hover", "paper"),
        **_both("button_secondary_text_color", "ink"),
        **_both("button_secondary_border_color", "rule"),
        **_both("checkbox_label_background_fill", "sheet"),
        **_both("checkbox_label_text_color", "ink"),
        **_both("checkbox_background_color_selected", "accent"),
        **_both("checkbox_border_color_selected", "accent"),
        **_both("link_text_color", "accent"),
        block_shadow="none",
        block_border_width="0px",
    )


def colour_variables() -> str:
    """Our colours as CSS variables, e.g. ``--ask-ink``, for ``page.css``."""
    return f":root{{{in_light()}--ask-serif:{font_list(SERIF)}}}.dark{{{in_dark()}}}"


def in_light() -> str:
    """The colours of a light page, as declarations of variables."""
    return "".join(f"--ask-{name.replace('_', '-')}:{light};" for name, (light, _) in COLOURS.items())


def in_dark() -> str:
    """The colours of a dark page, as declarations of variables."""
    return "".join(f"--ask-{name.replace('_', '-')}:{dark};" for name, (_, dark) in COLOURS.items())


def font_list(names: Sequence[str]) -> str:
    """Fonts as the value of ``font-family``; generic ones go without quotation marks.

    >>> font_list(["Noto Serif", "serif"])
    '"Noto Serif",serif'
    """
    return ",".join(name if name in ("serif", "sans-serif", "system-ui") else f'"{name}"' for name in names)


def _both(variable: str, colour: str) -> dict[str, str]:
    light, dark = COLOURS[colour]
    return {variable: light, f"{variable}_dark": dark}
