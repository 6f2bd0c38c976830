"""What a function asks for, read from the source of its module; it imports and runs nothing."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mlmake.mlfile.interpolate import Mistake
from mlmake.mlfile.nearest import closest


@dataclass(frozen=True, slots=True)
class Signature:
    """The names a function asks for, those with a default, whether it takes any other, and its own source text."""

    arguments: tuple[str, ...]
    optional: frozenset[str]
    rest: bool
    source: str


@lru_cache(maxsize=256)
def read_signature(text: str, path: str, function: str) -> Signature | Mistake:
    """The signature of a function at the top level of a module's source."""
    tree = _parsed(text, path)
    if isinstance(tree, Mistake):
        return tree
    found: ast.stmt | None = None
    names: list[str] = []
    for node in _top_level(tree.body):
        bound = _bound(node)
        names += bound
        if function in bound:
            found = node
    if found is None:
        functions = [n.name for n in _top_level(tree.body) if isinstance(n, ast.FunctionDef)]
        meant = closest(function, functions)
        hint = f"did you mean {meant}?" if meant else f"it has {', '.join(functions)}" if functions else "it has none"
        return Mistake(f"{path} has no function {function}", hint)
    where = f"{function} in {path}"
    match found:
        case ast.FunctionDef():
            return _of(found.args, _source(text, found), where)
        case ast.AsyncFunctionDef():
            return Mistake(f"{where} is async, steps are called plainly", "make it a def that calls asyncio.run")
        case ast.Assign(value=ast.Lambda() as value) | ast.AnnAssign(value=ast.Lambda() as value):
            return _of(value.args, _source(text, found), where)
        case ast.ClassDef():
            return Mistake(f"{where} is a class", "name a function that makes and uses it")
        case ast.ImportFrom(module=module) if module and not found.level:
            return Mistake(f"{where} is imported from {module}", f"name it where it is defined: {module}:{function}")
        case ast.Import() | ast.ImportFrom():
            return Mistake(f"{where} is imported from elsewhere", "name it where it is defined")
        case _:
            return Mistake(f"{where} is not defined by def, so its arguments cannot be read", "wrap it in a def")


@lru_cache(maxsize=64)
def _parsed(text: str, path: str) -> ast.Module | Mistake:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        return Mistake(f"{path}:{error.lineno or 1} is not valid Python: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return Mistake(f"{path} is not valid Python: {error}")


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those under its `if`, `try` and `with` too."""
    for node in body:
        yield node
        match node:
            case ast.If():
                yield from _top_level(node.body)
                yield from _top_level(node.orelse)
            case ast.Try():
                for part in (node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody):
                    yield from _top_level(part)
            case ast.With():
                yield from _top_level(node.body)
            case _:
                pass


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement gives a value."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [t.id for t in targets if isinstance(t, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            return [name]
        case ast.Import(names=names):
            return [alias.asname or alias.name.partition(".")[0] for alias in names]
        case ast.ImportFrom(names=names):
            return [alias.asname or alias.name for alias in names]
        case _:
            return []


def _of(arguments: ast.arguments, source: str, where: str) -> Signature | Mistake:
    if arguments.posonlyargs:
        names = ", ".join(a.arg for a in arguments.posonlyargs)
        return Mistake(f"{where} takes {names} by position only, steps are called by name", "take the / away")
    if arguments.vararg:
        return Mistake(
            f"{where} takes *{arguments.vararg.arg}, steps are called by name",
            f"name the arguments, or take all others as **{arguments.vararg.arg}",
        )
    plain = [a.arg for a in arguments.args]
    optional = set(plain[len(plain) - len(arguments.defaults) :]) if arguments.defaults else set()
    optional |= {
        a.arg for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is not None
    }
    names_in_order = (*plain, *(a.arg for a in arguments.kwonlyargs))
    return Signature(names_in_order, frozenset(optional), arguments.kwarg is not None, source)


def _source(text: str, node: ast.stmt) -> str:
    """The lines of a statement with its decorators, without the indent of the first and trailing blanks."""
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    first = min([node.lineno, *(d.lineno for d in decorators)])
    lines = text.splitlines()[first - 1 : node.end_lineno]
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(
        line[indent:].rstrip() if line[:indent].isspace() or not indent else line.rstrip() for line in lines
    )
