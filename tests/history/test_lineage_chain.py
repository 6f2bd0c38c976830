"""The chain upstream, by digests alone: numbers stand for contents."""

from mlmake.history.lineage import Part, follow, standing
from mlmake.model.digest import Digest, digest_of
from mlmake.model.trace import Product, Trace


def d(content):
    return digest_of(content)


def result(order, action, outputs, inputs=(), discovered=(), read=()):
    return Trace(
        action=action,
        recipe=d(action),
        facts=(),
        inputs=tuple((path, d(content)) for path, content in dict(inputs).items()),
        discovered=tuple((path, d(content)) for path, content in dict(discovered).items()),
        outputs=tuple(Product(None, path, d(content), 1, None) for path, content in outputs.items()),
        started=0,
        ended=float(order),
        seconds=1,
        run=f"r{order}",
        order=order,
        read=tuple(read),
    )


def chain(root, traces, held=None):
    """Makers by (reader, path); `held` are files inside folder outputs by (order, path)."""
    held = held or {}
    looks = []

    def making(digests):
        looks.append(digests)
        return [t for t in traces if any(p.digest in digests for p in t.outputs)]

    def inside(product, path):
        order = next(t.order for t in traces if product in t.outputs)
        if order not in held:
            return None
        return d(held[order][path]) if path in held[order] else Digest("")

    links = follow(
        [root],
        making=making,
        filling=lambda folders: [t for t in traces if any(p.path in folders for p in t.outputs)],
        inside=inside,
    )
    return {
        (order, part.path): (part.maker, part.certain) for order, link in links.items() for part in link.ingredients
    }, looks


def test_upstream_is_what_was_read_and_not_the_latest():
    old, new = result(1, "a", {"a": 1}, {"src": 10}), result(3, "a", {"a": 2}, {"src": 11})
    reader = result(2, "b", {"b": 5}, {"a": 1})
    found, _ = chain(reader, [old, new, reader])
    assert found == {(2, "a"): (1, True), (1, "src"): (None, True)}


def test_of_equal_bytes_the_newest_before_the_reader_counts():
    twins = [result(order, "a", {"a": 1}) for order in (1, 2, 4)]
    reader = result(3, "b", {"b": 5}, {"a": 1})
    assert chain(reader, [*twins, reader])[0] == {(3, "a"): (2, True)}


def test_the_same_bytes_at_another_path_are_another_thing():
    elsewhere = result(1, "copy", {"copy": 1})
    reader = result(2, "b", {"b": 5}, {"a": 1})
    assert chain(reader, [elsewhere, reader])[0] == {(2, "a"): (None, True)}


def test_a_diamond_is_followed_once():
    top = result(1, "top", {"t": 1}, {"src": 9})
    left, right = result(2, "left", {"l": 2}, {"t": 1}), result(3, "right", {"r": 3}, {"t": 1})
    end = result(4, "end", {"e": 4}, {"l": 2, "r": 3})
    found, looks = chain(end, [top, left, right, end])
    assert found[(2, "t")] == found[(3, "t")] == (1, True)
    assert len(looks) == 3, "one look a level"


def test_what_a_step_only_loads_is_told_apart_and_followed_too():
    maker = result(1, "gen", {"lib/made.py": 7})
    reader = result(2, "b", {"b": 5}, {"in": 1}, discovered={"lib/made.py": 7, "x.csv": 8, "s.py": 9}, read=["x.csv"])
    links = follow([reader], making=lambda _: [maker], filling=lambda _: [], inside=lambda *_: None)
    told = {part.path: (part.part, part.maker) for part in links[2].ingredients}
    assert told == {
        "in": (Part.INPUT, None),
        "lib/made.py": (Part.CODE, 1),
        "x.csv": (Part.DATA, None),
        "s.py": (Part.CODE, None),
    }


def test_a_file_inside_a_folder_is_found_by_its_own_digest():
    old, new = result(1, "split", {"shards/": 100}), result(2, "split", {"shards/": 200})
    reader = result(3, "b", {"b": 5}, {"shards/x/1.csv": 7})
    held = {1: {"x/1.csv": 7}, 2: {"x/1.csv": 8}}
    assert chain(reader, [old, new, reader], held)[0] == {(3, "shards/x/1.csv"): (1, True)}
    assert chain(reader, [old, new, reader], {1: {"x/1.csv": 6}, 2: {}})[0] == {(3, "shards/x/1.csv"): (None, True)}


def test_where_the_bytes_of_a_folder_are_gone_its_maker_is_not_certain():
    folder = result(1, "split", {"shards/": 100})
    later = result(3, "split", {"shards/": 300})
    reader = result(2, "b", {"b": 5}, {"shards/1.csv": 7})
    assert chain(reader, [folder, later, reader])[0] == {(2, "shards/1.csv"): (1, False)}


def test_a_result_that_reads_what_it_made_before_is_no_maker_of_itself():
    first = result(1, "a", {"a": 1})
    again = result(2, "a", {"a": 1}, discovered={"a": 1})
    assert chain(again, [first, again])[0] == {(2, "a"): (1, True)}


def test_what_stands_is_what_is_on_the_disk():
    old, new, twin = (
        result(1, "a", {"a": 1, "m": 5}),
        result(2, "a", {"a": 2, "m": 5}),
        result(3, "a", {"a": 1, "m": 5}),
    )
    disk = {"a": d(1), "m": d(5)}
    assert standing([old, new], disk, new) == old, "put back by hand or by `restore`"
    assert standing([old, new, twin], disk, new) == twin, "the newest that fits"
    assert standing([old, new, twin], disk, old) == old, "the latest, if it fits"
    assert standing([old, new], {"a": d(2)}, new) is None, "not whole"
