"""A notebook as a page: its texts, and its code."""

from __future__ import annotations

import json


def notebook_page(text: str) -> str:
    """The Markdown of a notebook's cells, in their order; outputs are left out."""
    parts = []
    for cell in json.loads(text)["cells"]:
        content = "".join(cell["source"])
        parts.append(content if cell["cell_type"] == "markdown" else f"```python\n{content}\n```")
    return "\n\n".join(parts) + "\n"
