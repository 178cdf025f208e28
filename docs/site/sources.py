"""Links from pages to files of the project: on the site each leads to the file, highlighted."""

import pathlib
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.osutil import relative_uri

FOLDER = "source"
LEXERS = {".py": "python", ".toml": "toml", ".cff": "yaml", ".cfg": "ini"}


class LinksToFiles(SphinxTransform):
    """Has links to files that are no pages lead to pages of their own.

    MyST takes some for downloads, and Python files for pages, since notebooks are Python files.
    """

    default_priority = 500

    def apply(self, **_: Any) -> None:
        """Marks the links of one page."""
        for node in list(self.document.findall(_is_file_link)):
            target = node["reftarget"]
            if isinstance(node, addnodes.download_reference):
                target = self.env.relfn2path(target)[0]
            elif target in self.env.found_docs:
                continue
            else:  # The name of a page that is none: without its suffix.
                target = f"{target}.py"
            path = pathlib.Path(self.env.srcdir, target).resolve()
            path = path.relative_to(pathlib.Path(self.env.srcdir).resolve())
            self.env.note_dependency(path.as_posix())
            link = addnodes.pending_xref(
                "", refdomain="", reftype=FOLDER, reftarget=path.as_posix(), refwarn=True
            )
            link.line, link.source = node.line, node.source
            link += node.children
            node.replace_self(link)


def _is_file_link(node: nodes.Node) -> bool:
    if isinstance(node, addnodes.download_reference):
        return True
    return isinstance(node, addnodes.pending_xref) and node.get("refdomain") == "doc"


def resolve(
    app: Sphinx, env: Any, node: addnodes.pending_xref, content: nodes.Element
) -> nodes.reference | None:
    """The link to a file's page, which is made at the end; None where there is no such file."""
    if node["reftype"] != FOLDER or not pathlib.Path(env.srcdir, node["reftarget"]).is_file():
        return None
    app.linked_files.add(node["reftarget"])
    here = app.builder.get_target_uri(node["refdoc"] if "refdoc" in node else env.docname)
    page = app.builder.get_target_uri(f"{FOLDER}/{node['reftarget']}")
    return nodes.reference("", "", content, internal=True, refuri=relative_uri(here, page))


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each file that a link leads to: name, context, template."""
    for name in sorted(app.linked_files):
        path = pathlib.Path(app.srcdir, name)
        code = app.builder.highlighter.highlight_block(
            path.read_text(encoding="utf-8"), LEXERS.get(path.suffix, "text"), linenos="inline"
        )
        context = {"title": name, "body": f"<h1>{name}</h1>\n{code}", "parents": []}
        yield f"{FOLDER}/{name}", context, "page.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds all of it to a build."""
    app.linked_files = set()
    app.add_transform(LinksToFiles)
    app.connect("missing-reference", resolve)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
