"""How Sphinx builds these pages; `make docs` runs it. What stands in reference/ comes from the code."""

from __future__ import annotations

import sys
from pathlib import Path

import epochal

sys.path.insert(0, str(Path(__file__).parent))

project = "epochal"
project_copyright = "the epochal authors, Apache-2.0"
release = version = epochal.__version__
language = "en-GB"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "generated"]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}
exclude_patterns = ["_build", "generated"]

smartquotes_action = "D"  # dashes only

nitpicky = True
# types of other packages, whose pages are not here, and of ours that are not public
nitpick_ignore_regex = [(r"py:.*", r"(?!epochal\.).*"), (r"py:.*", r"epochal\.\w+\..*")]

myst_enable_extensions = ["attrs_inline", "attrs_block", "colon_fence", "deflist", "html_image"]
myst_heading_anchors = 4
myst_heading_slug_func = "generated.anchors.slug"
myst_links_external_new_tab = False

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"

copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"
copybutton_exclude = ".linenos, .go"

# the colour of the reports, too
_ACCENTED = (
    "color-brand-primary",
    "color-brand-content",
    "color-brand-visited",
    "color-api-name",
    "color-api-pre-name",
)

html_theme = "furo"
html_title = "epochal"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["epochal.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": dict.fromkeys(_ACCENTED, "#1d6fb8"),
    "dark_css_variables": dict.fromkeys(_ACCENTED, "#6db3f2"),
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
