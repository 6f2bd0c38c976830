"""The engine's own folder keeps itself out of version control."""

from mlmake.stores.ignore import ignore_itself


def test_everything_is_ignored_and_a_users_own_rule_stays(tmp_path):
    folder = tmp_path / ".mlmake"
    ignore_itself(str(folder))
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [(".gitignore", "*\n")]
    (folder / ".gitignore").write_text("mine")
    ignore_itself(str(folder))
    assert (folder / ".gitignore").read_text() == "mine"
