"""The workflow drawn: a tree for the terminal, dot, mermaid; it knows what is declared, not what is up to date."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlmake.model.graph import Graph, Listing
from mlmake.views.screen import Screen, cut, printable


@dataclass(frozen=True, slots=True)
class Node:
    """A target (all its instances) or one action, and what it needs: `reads` by its inputs, `after` in order only.

    `size` is the number of instances; 0 of a list that is not known yet, and of what stands for it.
    """

    name: str
    size: int
    reads: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """Everything that comes before it, each once."""
        return tuple(dict.fromkeys(self.reads + self.after))


def drawing(graph: Graph, actions: Iterable[str], *, expand: bool = False) -> dict[str, Node]:
    """The nodes for these actions and all they need, upstream first; matrices folded unless expanded."""
    wanted = _closure(graph, actions)
    if expand:
        # Of a list that is known its instances are shown, and not what stands for those that may come.
        wanted = [action for action in wanted if not _is_known(graph, action)]
    members: dict[str, list[str]] = {}
    for action in wanted:
        members.setdefault(action if expand else graph.actions[action].target, []).append(action)
    nodes = {}
    for name, instances in members.items():
        size = sum(not isinstance(graph.actions[i].command, Listing) for i in instances)
        reads = _names(graph, (up for i in instances for up in graph.actions[i].upstream), name, expand=expand)
        after = _names(graph, (up for i in instances for up in graph.actions[i].after), name, expand=expand)
        nodes[name] = Node(name, size, reads, tuple(a for a in after if a not in reads))
    return nodes


def tree(nodes: Mapping[str, Node], screen: Screen) -> list[str]:
    """What is made last on the left, what it needs below it; what was drawn before is only named again."""
    needed = {need for node in nodes.values() for need in node.needs}
    tops = [name for name in nodes if name not in needed]
    lines: list[str] = []
    drawn: set[str] = set()
    stack = [(name, "", "", False) for name in reversed(tops)]
    corner, tee, bar = (
        screen.mark("└── ", "`-- "),
        screen.mark("├── ", "|-- "),
        screen.mark("│   ", "|   "),
    )
    while stack:
        name, lead, below, late = stack.pop()
        node = nodes[name]
        again = name in drawn and bool(node.needs)
        notes = " (order only)" if late else ""
        notes += f" {screen.mark('↑', '^')}" if again else ""
        label = printable(_label(node, screen))
        if screen.width is not None:
            # A drawing whose lines are broken is none.
            label = cut(label, max(1, screen.width - len(lead) - len(notes)), ellipsis=screen.mark("…", "~"))
        lines.append(f"{lead}{screen.paint(label, 'bold')}{screen.paint(notes, 'dim')}")
        if again:
            continue
        drawn.add(name)
        needs = [(need, need not in node.reads) for need in node.needs]
        for number, (need, order_only) in reversed(list(enumerate(needs))):
            last = number == len(needs) - 1
            stack.append((need, below + (corner if last else tee), below + ("    " if last else bar), order_only))
    return lines


def dot(nodes: Mapping[str, Node]) -> list[str]:
    """The graph for Graphviz; dashed edges are order only."""
    lines = ["digraph mlmake {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    lines += [f"  {_quoted(node.name)} [label={_quoted(_label(node))}];" for node in nodes.values()]
    for node in nodes.values():
        lines += [f"  {_quoted(need)} -> {_quoted(node.name)};" for need in node.reads]
        lines += [f"  {_quoted(need)} -> {_quoted(node.name)} [style=dashed];" for need in node.after]
    return [*lines, "}"]


def mermaid(nodes: Mapping[str, Node]) -> list[str]:
    """The graph for Mermaid; dotted edges are order only."""
    ids = {name: f"n{number}" for number, name in enumerate(nodes)}
    lines = ["graph LR"]
    lines += [f'  {ids[node.name]}["{_entities(_label(node))}"]' for node in nodes.values()]
    for node in nodes.values():
        lines += [f"  {ids[need]} --> {ids[node.name]}" for need in node.reads]
        lines += [f"  {ids[need]} -.-> {ids[node.name]}" for need in node.after]
    return lines


def document(nodes: Mapping[str, Node]) -> dict[str, object]:
    """The graph for `graph --json`."""
    listed = [
        {"name": n.name, "instances": n.size, "reads": list(n.reads), "after": list(n.after)} for n in nodes.values()
    ]
    return {"schema": "mlmake.graph/1", "nodes": listed}


def _closure(graph: Graph, actions: Iterable[str]) -> list[str]:
    order: list[str] = []
    done: set[str] = set()
    stack = [(name, False) for name in reversed(list(actions))]
    while stack:
        name, expanded = stack.pop()
        if expanded:
            order.append(name)
        elif name not in done:
            done.add(name)
            action = graph.actions[name]
            stack.append((name, True))
            stack += [(need, False) for need in reversed(action.upstream + action.after) if need not in done]
    return order


def _names(graph: Graph, actions: Iterable[str], own: str, *, expand: bool) -> tuple[str, ...]:
    shown = (n for a in actions for n in (graph.actions[a].upstream if expand and _is_known(graph, a) else (a,)))
    names: Sequence[str] = list(dict.fromkeys(a if expand else graph.actions[a].target for a in shown))
    names = [name for name in names if not (expand and _is_known(graph, name))]
    return tuple(name for name in names if name != own)


def _is_known(graph: Graph, action: str) -> bool:
    command = graph.actions[action].command
    return isinstance(command, Listing) and command.complete


def _label(node: Node, screen: Screen | None = None) -> str:
    times = screen.mark("×", "x") if screen else "×"
    if not node.size and not node.name.endswith("=?"):
        return f"{node.name} {times}?"
    return f"{node.name} {times}{node.size}" if node.size > 1 else node.name


def _quoted(text: str) -> str:
    return '"' + printable(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entities(text: str) -> str:
    return printable(text).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
