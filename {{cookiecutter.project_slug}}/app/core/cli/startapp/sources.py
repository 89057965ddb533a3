"""Source code from the templates. A template imports all that it may need: what a new file does not use goes."""

import ast
from collections import Counter
from collections.abc import Iterator

Import = ast.Import | ast.ImportFrom
Function = ast.FunctionDef | ast.AsyncFunctionDef


def prune(source: str) -> str:
    """Remove unused imports, and sort the others in each block."""
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    lines = source.splitlines()
    for block in reversed(list(_blocks(tree))):
        kept = [each for each in block if set(map(_bound, each.names)) & used]
        written = [_written(each, used) for each in sorted(kept, key=_place)]
        end = block[-1].end_lineno or block[-1].lineno
        if not written and end < len(lines) and not lines[end]:
            end += 1  # the empty line after the block
        lines[block[0].lineno - 1 : end] = written
    return "\n".join(lines).rstrip() + "\n"


def _blocks(tree: ast.Module) -> Iterator[list[Import]]:
    block: list[Import] = []
    for node in tree.body:
        if not isinstance(node, Import):
            continue
        if block and node.lineno > (block[-1].end_lineno or 0) + 1:
            yield block
            block = []
        block.append(node)
    if block:
        yield block


def _place(node: Import) -> tuple[bool, str]:
    return isinstance(node, ast.ImportFrom), str(getattr(node, "module", node.names[0].name))


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name


def _written(node: Import, used: set[str]) -> str:
    return ast.unparse(type(node)(**{**vars(node), "names": [each for each in node.names if _bound(each) in used]}))


def clashes(source: str) -> set[str]:
    """Return the names that have two meanings, because somebody chose one that the template uses, too."""
    tree = ast.parse(source)
    counted = Counter(_bound_in_module(tree))
    found = {name for name, count in counted.items() if count > 1}
    functions = {node.name for node in tree.body if isinstance(node, Function)}  # a test names its fixtures
    for node in ast.walk(tree):
        if isinstance(node, Function):
            parameters, assigned = _bound_in_function(node)
            found |= (set(parameters) & assigned) | ((set(parameters) | assigned) & (set(counted) - functions))
            found |= {name for name in parameters if parameters.count(name) > 1}
        elif isinstance(node, ast.ClassDef):
            found |= _bound_in_class(node) & _read_in_class(node)
    return found


def _bound_in_module(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from map(_bound, node.names)
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name


def _bound_in_function(function: Function) -> tuple[list[str], set[str]]:
    """Return the parameters, and the other names that it binds."""
    parameters = [node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)]
    names = (node for each in function.body for node in ast.walk(each) if isinstance(node, ast.Name))
    return parameters, {node.id for node in names if isinstance(node.ctx, ast.Store)}


def _bound_in_class(node: ast.ClassDef) -> set[str]:
    names = (name for each in node.body for name in ast.walk(each) if isinstance(name, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def _read_in_class(node: ast.ClassDef) -> set[str]:
    """A field may hide a name in the body of its class. But keys are meant to be read there."""
    body = (each for each in node.body if not isinstance(each, Function))
    names = (name for each in body for name in ast.walk(each) if isinstance(name, ast.Name))
    read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
    return {name for name in read if name != "id" and not name.endswith("_id")}
