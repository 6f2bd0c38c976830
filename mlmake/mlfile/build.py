"""From a document to the graph: every name resolved, every mistake noted; what must be looked up is handed in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mlmake.mlfile.calls import Called, Offers, check_arguments, find_function, parameters_asked
from mlmake.mlfile.document import Document
from mlmake.mlfile.environment import read_environment
from mlmake.mlfile.globs import may_meet
from mlmake.mlfile.handed import Handed as Handed
from mlmake.mlfile.inputs import Resolved, Resolver, makers
from mlmake.mlfile.instances import Multiplied
from mlmake.mlfile.interpolate import (
    LATER,
    Mistake,
    Mode,
    Slot,
    Unfillable,
    cannot_fail,
    check,
    fill_string,
    fill_text,
    parse,
    slots_in,
)
from mlmake.mlfile.keypath import KeyPath
from mlmake.mlfile.lists import unknown_target
from mlmake.mlfile.matrix import Keys
from mlmake.mlfile.notes import Notes
from mlmake.mlfile.order import circles
from mlmake.mlfile.outputs import claim_outputs
from mlmake.mlfile.parameters import Parameters
from mlmake.mlfile.paths import normal
from mlmake.mlfile.policy import read_link, read_policy, read_totals
from mlmake.mlfile.probes import read_probe
from mlmake.mlfile.problems import Problem
from mlmake.mlfile.recipe import (
    PER_INSTANCE,
    code_fact,
    command_facts,
    environment_facts,
    input_facts,
    matrix_facts,
    output_facts,
    parameter_facts,
)
from mlmake.mlfile.references import Instances, Listed, is_reference
from mlmake.mlfile.schema import TargetTable
from mlmake.mlfile.selects import read_select
from mlmake.mlfile.serves import read_serve
from mlmake.mlfile.sources import read_source, with_source_makers
from mlmake.mlfile.territory import Territory
from mlmake.mlfile.using import listed_parameters, written_parameters
from mlmake.mlfile.validity import read_validity
from mlmake.model.address import without_secrets
from mlmake.model.digest import Value
from mlmake.model.fact import Fact, fact, recipe_digest
from mlmake.model.former import vanished
from mlmake.model.graph import (
    UNUSED_FOR,
    Action,
    Argv,
    Call,
    Chosen,
    Command,
    FilePath,
    Graph,
    Group,
    Input,
    Listing,
    Made,
    Output,
    Part,
    PartGlob,
    Policy,
    Project,
    Resources,
    Shell,
    Target,
)
from mlmake.model.reason import Code
from mlmake.model.units import seconds, size
from mlmake.model.validity import ALWAYS_VALID

RESOURCES = ("cpus", "memory", "gpus")
_NO_OUTPUTS: tuple[Output, ...] = ()


def build_graph(document: Document, parameters: Parameters, handed: Handed) -> tuple[Graph | None, tuple[Problem, ...]]:
    """The graph of a document, or all that is wrong with it."""
    builder = _Builder(document, parameters, handed)
    graph = builder.build()
    problems = builder.notes.problems()
    return (None if problems else graph), problems


@dataclass(slots=True)
class _Common:
    """What all instances of a target share."""

    where: KeyPath
    env: Mapping[str, str]
    passed: tuple[str, ...]
    listed: Mapping[str, Value]
    written: Mapping[str, Value]
    facts: list[Fact]
    named: tuple[str, ...]
    texts: tuple[tuple[KeyPath, str, Mode], ...]
    fixed: bool


class _Scopes(dict[str, dict[str, object]]):
    """The names of each instance, gathered when first asked for: most targets have no template in their paths."""

    def __init__(self, gather: Callable[[str], dict[str, object]]) -> None:
        super().__init__()
        self._gather = gather

    def __missing__(self, instance: str) -> dict[str, object]:
        scope = self[instance] = self._gather(instance)
        return scope


class _Builder:
    """The steps of building, each of which leaves what the next needs; broken parts are left out after a note."""

    def __init__(self, document: Document, parameters: Parameters, handed: Handed) -> None:
        self.document, self.parameters, self.handed = document, parameters, handed
        self.targets = document.table.target
        self.notes = Notes()
        self.target_of: dict[str, str] = {}
        self.keys: dict[str, Keys] = {}
        self.scopes = _Scopes(self._scope)
        self.outputs: dict[str, tuple[Output, ...]] = {}
        self.protected = dict.fromkeys(map(normal, document.table.project.params), "a file of parameters")
        self.protected |= dict.fromkeys(document.texts, "an Mlfile")
        # As long as there are outputs to come, what was made before is matched by no list.
        self.territory = Territory(handed.listing, vanished(handed.former, self.targets, ()))
        multiplied = Multiplied(
            self.targets,
            parameters,
            claim=self._claim,
            outputs=self.outputs,
            territory=self.territory,
            handed=handed,
            notes=self.notes,
        )
        multiplied.check_patterns(self.outputs)
        self.instances, self.broken = multiplied.instances, multiplied.broken | document.broken
        self.territory.vanished = vanished(handed.former, self.targets, self.target_of)
        self.territory.close(self.notes)
        self._functions: dict[str, Called | Mistake] = {}

    def build(self) -> Graph:
        """Everything, in order."""
        resolver = Resolver(
            self.targets,
            self.instances,
            self.scopes,
            self.outputs,
            self.territory,
            handed=self.handed,
            notes=self.notes,
            broken=self.broken,
        )
        asked = any("gpus" in table.resources for table in self.targets.values())
        totals, problems = read_totals(
            self.document.table.resources,
            self.handed.totals,
            environ=self.handed.environ,
            gpus=self.handed.gpus if asked else None,
        )
        self._take(problems)
        actions: dict[str, Action] = {}
        for name in self.targets:
            self._actions(name, resolver, totals, actions)
        self._wait_for_lists(actions, resolver)
        self._cycles(actions)
        metrics = {name: table.metrics for name, table in self.targets.items() if table.metrics is not None}
        serves = {
            name: read_serve(name, table, resolver, notes=self.notes, metrics=metrics)
            for name, table in self.document.table.serve.items()
        }
        targets = {
            name: Target(
                name,
                table.help,
                table.manual,
                tuple(self.instances[name].ids),
                tuple(table.outputs) if isinstance(table.outputs, dict) else (None,) * len(table.outputs),
                listed.id if (listed := self.instances[name].listed) is not None else None,
            )
            for name, table in self.targets.items()
        }
        sources = (*self.document.texts, *(normal(path) for path in self.document.table.project.params))
        return Graph(
            project=self._project(totals),
            targets=targets,
            actions=actions,
            owners=self.territory.owners,
            serves=serves,
            params=self.parameters.values,
            sources=tuple(dict.fromkeys(sources)),
        )

    def _take(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            self.notes.take(problem)

    def _project(self, totals: Resources) -> Project:
        table, cache = self.document.table.project, self.document.table.cache
        for number, word in enumerate(table.default or ()):
            self._default(word, ("project", "default", number))
        return Project(
            name=table.name or "",
            default=tuple(table.default or ()),
            python=table.python,
            preload=tuple(table.preload),
            shell=tuple(table.shell),
            totals=totals,
            cache_dir=cache.dir,
            link=read_link(cache.link)[0],
            unused_for=(cache.unused_for and seconds(cache.unused_for)) or UNUSED_FOR,
            max_size=None if cache.max_size is None else size(cache.max_size),
        )

    def _default(self, word: str, where: KeyPath) -> None:
        name = word.partition("@")[0]
        if name in self.targets or any(c in word for c in "*?["):
            return
        path = normal(word) if word else word
        if word and isinstance(self.territory.item(path), Made | Part):
            return
        if name.startswith(":"):
            self.notes.add(where, f'"{word}" is a reference, here targets are named', f'write "{word[1:]}"')
        else:
            self.notes.add(where, *unknown_target(name, self.targets))

    def _scope(self, instance: str) -> dict[str, object]:
        """What names stand for in paths; commands know more."""
        name, keys = self.target_of[instance], self.keys[instance]
        scope: dict[str, object] = {**keys, "params": self.parameters.values, "matrix": keys}
        scope |= {"target": name, "instance": instance}
        source = self.targets[name].source
        return scope if source is None else {**scope, "source": source}

    def _claim(self, known: Instances) -> None:
        """The instances of one target are known: so are their outputs."""
        name = known.target
        self.target_of.update(dict.fromkeys(known.ids, name))
        self.keys.update(zip(known.ids, known.keys, strict=True))
        self.outputs |= claim_outputs(
            name,
            self.targets[name],
            known.ids,
            scopes=self.scopes,
            protected=self.protected,
            territory=self.territory,
            target=self.target_of.__getitem__,
            notes=self.notes,
        )

    def _common(self, name: str) -> _Common:
        table = self.targets[name]
        where: KeyPath = ("target", name)
        env, passed, places = read_environment(self.document.table.env, table.env, (*where, "env"), self.notes)
        texts: list[tuple[KeyPath, str, Mode]] = []
        if isinstance(table.run, str):
            texts.append(((*where, "run"), table.run, Mode.SHELL))
        elif table.run is not None:
            texts += [((*where, "run", number), word, Mode.ARGV) for number, word in enumerate(table.run)]
        texts += [(places[variable], text, Mode.TEXT) for variable, text in env.items()]
        named: dict[str, None] = {}
        for _, text, mode in texts:
            if "{" in text:
                for slot in slots_in(text, shell=mode is Mode.SHELL):
                    named[str(slot.path[0])] = None
        source = [table.source] if isinstance(table.source, str) else table.source or []
        others = [*_strings(table.inputs), *_strings(table.outputs), *source, *([table.call] if table.call else [])]
        every = [*((text, mode is Mode.SHELL) for _, text, mode in texts), *((text, False) for text in others)]
        facts = command_facts(
            run=table.run,
            call=table.call,
            select=None
            if table.select is None
            else {f: getattr(table.select, f) for f in table.select.__struct_fields__},
        )
        if table.source is not None:
            facts.append(fact(Code.RECIPE_CHANGED, "source", _told(table.source)))
        facts += environment_facts(env, passed, self.handed.environ)
        return _Common(
            where=where,
            env=env,
            passed=passed,
            listed=listed_parameters(table, where, self.parameters, self.notes),
            written=written_parameters(every, self.parameters),
            facts=facts,
            named=tuple(named),
            texts=tuple(texts),
            fixed=all(cannot_fail(text, mode) for _, text, mode in texts),
        )

    def _actions(self, name: str, resolver: Resolver, totals: Resources, actions: dict[str, Action]) -> None:
        table = self.targets[name]
        known = self.instances[name]
        common = self._common(name)
        resolved = resolver.resolve(name)
        base = {**common.listed, **common.written}
        shared: tuple[Mapping[str, Value], list[Fact]] | None = None
        lists = resolver.lists(name)
        unlisted = {i.listed.id for i in self.instances.values() if i.listed is not None and not i.listed.complete}
        if known.listed is not None:
            lists = tuple(dict.fromkeys((known.listed.id, *lists)))
            actions[known.listed.id] = _standing_for(name, known.listed, table.on_error)
        for place, (instance, keys) in enumerate(zip(known.ids, known.keys, strict=True)):
            outputs = self.outputs.get(instance, _NO_OUTPUTS)
            flawed = name in resolver.flawed or any(listing in unlisted for listing in lists)
            self._check(common, table, instance, keys, None if flawed else resolved[place].inputs, outputs)
            command, inputs, asked, code = self._command(
                common, table, place, instance, keys, resolved[place], resolver
            )
            params = base
            if asked:
                params = base | {dotted: self.parameters.get(dotted) for dotted in asked}
            if shared is None or shared[0] != params:
                shared = (params, parameter_facts(params))
            facts = [*common.facts, *shared[1]]
            if code is not None:
                facts.append(code)
            facts += input_facts(resolved[place].written)
            facts += output_facts(outputs)
            if keys:
                facts += matrix_facts(keys)
            for word in PER_INSTANCE:
                if word in common.named:
                    facts.append(fact(Code.RECIPE_CHANGED, word, name if word == "target" else instance))
            resources, timeout = self._filled_policy(common, table, instance)
            policy, problems = read_policy(
                table, common.where, totals=totals, outputs=outputs, resources=resources, timeout=timeout
            )
            self._take(problems)
            source = read_source(
                table, (*common.where, "source"), known, instance, keys, resolver=resolver, notes=self.notes
            )
            probe = read_probe(
                table,
                (*common.where, "probe"),
                keys=keys,
                scope=self.scopes[instance],
                parameters=self.parameters,
                listed=common.listed,
                find=self._function,
                notes=self.notes,
            )
            validity = read_validity(table, source, probe)
            if validity is not ALWAYS_VALID:
                policy = replace(policy, validity=validity)
            files = frozenset(key for key, value in keys.items() if isinstance(value, FilePath))
            actions[instance] = Action(
                id=instance,
                target=name,
                keys={key: str(value) if key in files else value for key, value in keys.items()} if files else keys,
                command=command,
                inputs=inputs,
                outputs=outputs,
                upstream=(*with_source_makers(makers(inputs), source), *lists),
                after=resolver.after(name, instance, keys) if table.after else (),
                params=shared[0],
                env=common.env,
                passed=common.passed,
                facts=tuple(facts),
                recipe=recipe_digest(facts),
                policy=policy,
                files=files,
            )
            self._count(actions[instance], common.where, known=not (flawed or lists))

    def _count(self, action: Action, where: KeyPath, *, known: bool) -> None:
        """A fan-in cannot wait for more branches than there will ever be."""
        wait = action.policy.wait
        if not known or not isinstance(wait, int) or wait <= (there := len(action.branches)):
            return
        if there:
            hint = f'{there} is the most; or wait = "all"'
        else:
            hint = 'a count needs a list, like inputs = [":train"] of a matrix; leave wait out'
        self.notes.add((*where, "wait"), f"wait is {wait}, and {action.id} has {there} branches", hint)

    def _filled_policy(self, common: _Common, table: TargetTable, instance: str) -> tuple[Mapping[str, object], object]:
        """Resources and the time limit with names filled in."""
        resources: Mapping[str, object] = table.resources
        timeout: object = table.timeout
        if any(isinstance(value, str) and "{" in value for value in resources.values()):
            resources = {
                key: self._fill(value, (*common.where, "resources", key), self.scopes[instance])
                if isinstance(value, str)
                else value
                for key, value in resources.items()
            }
            resources = {key: value for key, value in resources.items() if value is not None}
        if isinstance(timeout, str) and "{" in timeout:
            timeout = self._fill(timeout, (*common.where, "timeout"), self.scopes[instance])
        return resources, timeout

    def _fill(self, text: str, where: KeyPath, scope: Mapping[str, object]) -> Value:
        try:
            return fill_text(text, scope)
        except Unfillable as problem:
            self.notes.mistakes(where, [problem.mistake])
            return None

    def _check(
        self,
        common: _Common,
        table: TargetTable,
        instance: str,
        keys: Keys,
        inputs: Sequence[Input] | None,
        outputs: Sequence[Output],
    ) -> None:
        """Note every mistake in the templates of the command and of the environment."""
        if common.fixed:
            return
        scope = self.scopes[instance]
        full: dict[str, object] = {
            **keys,
            "inputs": _files(inputs, names=not isinstance(table.inputs, list))
            if inputs is not None and "inputs" in common.named
            else LATER,
            "outputs": {o.name or "": o.path for o in outputs}
            if isinstance(table.outputs, dict)
            else [o.path for o in outputs],
            "params": self.parameters.values,
            "matrix": keys,
            "resources": dict.fromkeys((*RESOURCES, *table.resources), LATER),
            "target": scope["target"],
            "instance": instance,
            "python": LATER,
            "root": LATER,
        }
        if "source" in scope:
            full["source"] = scope["source"]
        for where, text, mode in common.texts:
            if "{" in text:
                self.notes.mistakes(where, check(text, full, mode))

    def _command(
        self,
        common: _Common,
        table: TargetTable,
        place: int,
        instance: str,
        keys: Keys,
        resolved: Resolved,
        resolver: Resolver,
    ) -> tuple[Command, tuple[Input, ...], Sequence[str], Fact | None]:
        """The command, its inputs, the parameters it asks for, and the fact of its code."""
        inputs = resolved.inputs
        if isinstance(table.run, str):
            return Shell(table.run), inputs, (), None
        if table.run is not None:
            return Argv(tuple(table.run)), inputs, (), None
        if table.call is not None:
            return self._call(common, table, instance, keys, resolved)
        if table.select is not None:
            name = self.target_of[instance]
            select, inputs = read_select(
                table.select, name, place, resolver=resolver, target_of=self.target_of, notes=self.notes
            )
            return select, inputs, (), None
        return Group(), inputs, (), None

    def _call(
        self, common: _Common, table: TargetTable, instance: str, keys: Keys, resolved: Resolved
    ) -> tuple[Command, tuple[Input, ...], Sequence[str], Fact | None]:
        where = (*common.where, "call")
        assert table.call is not None
        text: Value = table.call
        if "{" in table.call:
            text = self._fill(table.call, where, self.scopes[instance])
        called = self._function(text) if isinstance(text, str) else None
        if not isinstance(called, Called):
            self.notes.mistakes(where, [called] if called is not None else [])
            return Call("", "", ()), resolved.inputs, (), None
        listed: dict[str, list[str]] = {}
        for dotted in common.listed:
            listed.setdefault(dotted.rpartition(".")[2], []).append(dotted)
        offers = Offers(
            keys=tuple(keys),
            inputs=tuple(table.inputs) if isinstance(table.inputs, dict) else (),
            outputs=tuple(table.outputs) if isinstance(table.outputs, dict) else (),
            source=table.source is not None,
            parameters=tuple(self.parameters.values),
            listed=listed,
        )
        self.notes.mistakes(where, check_arguments(called, offers))
        signature = called.signature
        arguments = signature.arguments
        if signature.rest:
            rest = [name for name in (*keys, *listed) if name not in arguments and len(offers.of(name)) == 1]
            arguments = (*arguments, *dict.fromkeys(rest))
        call = Call(called.module, called.function, arguments, signature.optional, signature.rest)
        code = code_fact(called.module, called.function, signature.source)
        return call, resolved.inputs, parameters_asked(called, offers), code

    def _function(self, text: str) -> Called | Mistake:
        """A function by its name, looked for once."""
        if text not in self._functions:
            self._functions[text] = find_function(text, self.handed)
        return self._functions[text]

    def _wait_for_lists(self, actions: dict[str, Action], resolver: Resolver) -> None:
        """A path or pattern among inputs may come to mean outputs of instances that are not known yet."""
        for name, known in self.instances.items():
            listed = known.listed
            if listed is None:
                continue
            outputs = [_as_pattern(text) for text in _strings(self.targets[name].outputs)]
            earlier = _before(listed.id, actions)
            for other, table in self.targets.items():
                own = self.instances[other].ids
                if other == name or not own or listed.id in actions[own[0]].upstream or not earlier.isdisjoint(own):
                    continue
                written = [text for text in _strings(table.inputs) if not is_reference(text)]
                for instance in own:
                    patterns = (self._pattern(text, instance) for text in written)
                    if any(may_meet(pattern, output) for pattern in patterns for output in outputs):
                        action = actions[instance]
                        actions[instance] = replace(action, upstream=(*action.upstream, listed.id))

    def _pattern(self, text: str, instance: str) -> str:
        """What an instance writes among its inputs, as a pattern."""
        if "{" not in text:
            return normal(text) if text else ""
        try:
            return normal(fill_string(text, self.scopes[instance]))
        except Unfillable:
            return _as_pattern(text)  # that is noted where inputs are resolved

    def _cycles(self, actions: Mapping[str, Action]) -> None:
        edges = {i: (*a.upstream, *a.after) if a.after else a.upstream for i, a in actions.items()}
        for circle in circles(edges):
            first = actions[circle[0]]
            key = "inputs" if circle[1 % len(circle)] in first.upstream else "after"
            self.notes.add(
                ("target", first.target, key),
                f"a cycle: {' → '.join((*circle, circle[0]))}",
                "nothing can come before itself; take one of these edges away",
            )


def _standing_for(target: str, listed: Listed, on_error: str) -> Action:
    """The action that stands for the instances of a target that are not known yet."""
    return Action(
        id=listed.id,
        target=target,
        keys={},
        command=Listing(listed.read, listed.complete),
        inputs=(),
        outputs=(),
        upstream=listed.makers,
        after=(),
        params={},
        env={},
        passed=(),
        facts=(),
        recipe=recipe_digest(()),
        policy=Policy(on_error=on_error),
    )


def _before(name: str, actions: Mapping[str, Action]) -> set[str]:
    """All that comes before an action, near or far."""
    seen, stack = set[str](), [name]
    while stack:
        for need in actions[stack.pop()].upstream:
            if need not in seen and need in actions:
                seen.add(need)
                stack.append(need)
    return seen


def _as_pattern(text: str) -> str:
    """A template as a pattern of all that it may give."""
    pieces = ["*" if isinstance(piece, Slot) else piece for piece in parse(text)]
    return normal("".join(pieces)) if pieces else ""


def _told(source: str | list[str]) -> Value:
    """As records may hold it."""
    return without_secrets(source) if isinstance(source, str) else [without_secrets(entry) for entry in source]


def _strings(entries: Sequence[str] | Mapping[str, str | list[str]] | Mapping[str, str]) -> Iterator[str]:
    for value in entries.values() if isinstance(entries, Mapping) else entries:
        if isinstance(value, str):
            yield value
        else:
            yield from value


def _files(inputs: Sequence[Input], *, names: bool) -> object:
    """The inputs for checking templates: what is not known yet as such."""
    found = {}
    flat: list[str] = []
    unknown = False
    for declared in inputs:
        if names and declared.name is None:
            continue
        paths: list[str] = [item.path for item in declared.items if not isinstance(item, PartGlob | Chosen)]
        later = len(paths) < len(declared.items)
        unknown = unknown or later
        flat += paths
        found[declared.name or ""] = LATER if later else paths if declared.many else paths[0] if paths else LATER
    if names:
        return found
    return LATER if unknown else flat
