"""What validators say of real files, real servers and real commands."""

import base64
import math
import os
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from observing import Observed

from mlmake.model.observation import Observation
from mlmake.stores.opening import open_state


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "p"
    root.mkdir()
    return Observed(root)


FOLDER = 'source = "data/raw/"'


# What local sources hold


def test_content_is_names_and_contents_and_nothing_else(project):
    file = project.write("data/raw/a", "one")
    project.write("data/raw/deep/b", "two")
    first = project.content(FOLDER)
    os.utime(file, ns=(10**18, 10**18))
    file.chmod(0o600)
    assert project.content(FOLDER) == first
    project.write("data/raw/a", "1")
    changed = project.content(FOLDER)
    assert changed != first
    file.rename(project.root / "data/raw/c")
    assert project.content(FOLDER) not in (first, changed)
    (project.root / "data/raw/c").rename(file)
    project.write("data/raw/a", "one")
    assert project.content(FOLDER) == first
    project.write("data/raw/.hidden")
    assert project.content(FOLDER) != first


@pytest.mark.parametrize(
    "source",
    ['"data/raw/a.csv"', '"data/raw/*.csv"', '"data/**/*.csv"', '["data/raw/a.csv", "data/raw/"]', '"data/*/"',
     '":make"', '"made/"', '"made/*.csv"', '"made/a.csv"'],
)  # fmt: skip
def test_every_kind_of_local_source(project, source):
    project.write("data/raw/a.csv", "one")
    project.write("made/a.csv", "one")
    text = f"""
        [target.make]
        run = "x"
        outputs = ["made/"]
        [target.t]
        source = {source}
        run = "x"
        outputs = ["out"]
        """
    first = project.said(text)
    assert first.error is None
    assert project.said(text) == first
    project.write("made/a.csv" if "ma" in source else "data/raw/a.csv", "two")
    assert project.said(text).content not in (None, first.content)


def test_files_outside_the_project(project, tmp_path):
    (tmp_path / "far.csv").write_text("a")
    first = project.content('source = "../far.csv"')
    (tmp_path / "far.csv").write_text("b")
    assert project.content('source = "../far.csv"') != first


def test_inputs_are_no_source(project):
    lines = 'source = "data/"\ninputs = ["data/labels.csv", "data/code/"]'
    for path in ("data/a.csv", "data/labels.csv", "data/code/x.py"):
        project.write(path)
    own = lines + '\nprobe = "files"'
    first = project.content(lines)
    assert project.measures(own) == {"files": 1}
    project.write("data/labels.csv", "other")
    project.write("data/code/x.py", "other")
    assert project.content(lines) == first
    project.write("data/a.csv", "other")
    assert project.content(lines) != first
    assert "all files of the source are inputs of the target too" in project.error(
        'source = "data/"\ninputs = ["data/"]'
    )


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('"no/"', "the source no/ is not there; correct `source`, or bring the data"),
        ('"no.csv"', "the source no.csv is not there; correct `source`, or bring the data"),
        ('"data/*.tsv"', "nothing matches the source data/*.tsv; correct `source`, or bring the data"),
        ('"data"', "the source data is a folder; write data/"),
        ('"data/a.csv/"', "the source data/a.csv/ is a file; write it without the final /"),
        ('"empty/"', "the source empty/ holds nothing; correct `source`, or bring the data"),
        ('["data/", "no/"]', "the source no/ is not there; correct `source`, or bring the data"),
    ],
)
def test_a_source_that_is_not_there_is_named(project, source, says):
    project.write("data/a.csv")
    (project.root / "empty").mkdir()
    assert project.error(f"source = {source}") == says
    assert project.error(f'source = {source}\nprobe = "files"') == says


def test_what_cannot_be_read_is_named(project):
    os.mkfifo(project.write("data/a").parent / "pipe")
    assert "pipe, a pipe, socket or device" in project.error('source = "data/"')
    (project.root / "data/pipe").unlink()
    (project.root / "data/a").unlink()
    (project.root / "data/loop").symlink_to("loop")
    assert project.error('source = "data/loop"') == (
        "the source data/loop is not there; correct `source`, or bring the data"
    )


def test_a_folder_without_its_mark_is_not_complete(project):
    lines = FOLDER + '\nready = "_SUCCESS"'
    project.write("data/raw/a")
    assert project.error(lines) == (
        "the source data/raw/ is not complete: it has no _SUCCESS yet; wait for it, or correct `ready`"
    )
    project.write("data/raw/_SUCCESS", "")
    first = project.content(lines)
    project.write("data/raw/_SUCCESS", "at noon")
    assert project.content(lines) == first
    assert project.measures(lines + '\nprobe = "files"') == {"files": 1}


def test_only_what_has_changed_is_read_again(tmp_path):
    state = open_state(str(tmp_path / "state"))
    project = Observed(tmp_path / "p", state)
    for number in range(50):
        project.write(f"data/raw/{number}.csv", f"id\n{number}\n")
    for lines, opened in ((FOLDER, "content"), (FOLDER + '\nprobe = "records"', "records")):
        read = []
        sys.addaudithook(lambda event, args, read=read: read.append(args[0]) if event == "open" else None)

        def reads(lines=lines, read=read):
            del read[:]
            said = project.said(f'[target.t]\n{lines}\nrun = "x"\noutputs = ["out"]')
            assert said.error is None
            return said, [path for path in read if isinstance(path, str) and path.endswith(".csv")]

        first, opened_first = reads()
        assert len(opened_first) == 50, opened
        again, opened_again = reads()
        assert (again, opened_again) == (first, [])
        project.write("data/raw/7.csv", f"id\n{opened}\n8\n9\n"[: 20 if opened == "records" else 12])
        changed, opened_then = reads()
        assert changed != first
        assert [os.path.basename(path) for path in opened_then] == ["7.csv"]
    state.close()


# Measures


def test_measures_of_files(project):
    project.write("data/raw/a.csv", 'id,text\n1,"a\nb"\n2,c')
    project.write("data/raw/deep/b.jsonl", "1\n2\n")
    project.write("data/raw/_SUCCESS", "")
    project.write("data/raw/.a.csv.crc", b"\xff")
    assert project.measures(FOLDER + '\nprobe = "records"') == {"records": 4}
    assert project.measures(FOLDER + '\nprobe = "files"') == {"files": 4}
    assert project.measures(FOLDER + '\nprobe = "lines"') == {"lines": 7}
    assert project.measures(FOLDER + '\nprobe = "bytes"') == {"bytes": 24}


def test_a_suffix_that_is_not_known_says_which_are(project):
    project.write("data/raw/a.csv", "a\n")
    project.write("data/raw/notes.txt")
    assert project.error(FOLDER + '\nprobe = "records"') == (
        "data/raw/notes.txt: its records cannot be counted: known are .csv, .tsv, .jsonl, .ndjson, .parquet, .npy,"
        ' .npz, .tfrecord, .tfrecords (texts and TFRecord also with .gz); narrow `source`, take probe = "bytes", or'
        " write probe = { run = … }"
    )


def test_a_file_that_is_not_whole_is_named(project):
    project.write("data/raw/a.npy", "nothing")
    assert project.error(FOLDER + '\nprobe = "records"').startswith("data/raw/a.npy: it is no NumPy file")


def test_content_beside_the_measure_if_it_is_wanted(project):
    project.write("data/raw/a.csv", "id\n1\n")
    text = f'[target.t]\n{FOLDER}\nprobe = "records"\nrun = "x"\noutputs = ["out"]'
    assert project.said(text) == Observation(None, {"records": 1})
    assert project.said(text, content=True) == Observation(project.content(FOLDER), {"records": 1})


def test_without_a_validator_nothing_is_said(project):
    assert project.said('[target.t]\nrun = "x"\noutputs = ["out"]') == Observation()


# Commands


def probed(project, probe, more="", name="t"):
    return project.said(f'[target.t]\nprobe = {probe}\n{more}\nrun = "x"\noutputs = ["out-{{instance}}"]', name)


def test_a_command_measures(project):
    assert probed(project, '{ run = "echo 3" }').measures == {"probe": 3}
    assert probed(project, """{ run = ["echo", '{"a": {"b": 1}, "day": "x"}'] }""").measures == {"a.b": 1, "day": "x"}
    assert math.isnan(probed(project, '{ run = "echo NaN" }').measures["probe"])


def test_a_command_is_interpolated_like_a_step(project):
    project.write("data/a b.csv")
    project.write("data/c.csv")
    said = project.said(
        """
        [params]
        model = { lr = 0.1 }
        [target.t]
        source = "data/*.csv"
        probe = { run = "printf '%s|' {source} {k} {matrix.k} {params.model.lr} {target} {instance} {python} {root}" }
        run = "x"
        env = { HERE = "in {inputs.f} of {target}" }
        inputs = { f = "data/c.csv" }
        outputs = ["out-{k}"]
        matrix = { k = ["one two"] }
        """,
        "t@k=one%20two",
    )
    assert said.error is None
    told = said.measures["probe"]
    assert told == f"data/a b.csv|data/c.csv|one two|one two|0.1|t|t@k=one%20two|{sys.executable}|{project.root}|"


def test_a_command_has_the_environment_of_its_step(project, monkeypatch):
    monkeypatch.setenv("PASSED", "yes")
    run = """{ run = 'echo "$PASSED $OWN $MLMAKE_TARGET"; cat' }"""
    said = probed(project, run, 'env = { OWN = "of {instance}", PASSED = true }')
    assert said.measures == {"probe": "yes of t t"}


def test_a_function_measures(project):
    project.write(
        "shop.py",
        """
        def rows(source, k, limit, params, missing=4):
            return {"n": [str(source), k, limit, missing, params["limit"]]}
        """,
    )
    project.write("data/a.csv")
    said = project.said(
        """
        [params]
        limit = 9
        [target.t]
        source = "data/a.csv"
        probe = { call = "shop:rows" }
        run = "x"
        outputs = ["out-{k}"]
        matrix = { k = [1] }
        """,
        "t@k=1",
    )
    assert said.measures == {"n": '["data/a.csv", 1, 9, 4, 9]'}


def test_a_database_that_only_a_probe_can_see(project):
    with sqlite3.connect(project.root / "shop.db") as db:
        db.execute("create table users (id)")
        db.executemany("insert into users values (?)", [(1,), (2,)])
    db.close()
    project.write(
        "shop.py",
        """
        import sqlite3
        def users(source):
            return sqlite3.connect(source).execute("select count(*) from users").fetchone()[0]
        """,
    )
    probe = '{ call = "shop:users" }'
    assert probed(project, probe, 'source = "shop.db"').measures == {"probe": 2}


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        ('{ run = "echo out; echo why >&2; exit 3" }',
         "its probe `echo out; echo why >&2; exit 3` failed with exit code 3\nout\nwhy"),
        ('{ run = "exit 3" }', "its probe `exit 3` failed with exit code 3 (it wrote nothing)"),
        ('{ run = "kill -9 $$" }', "its probe `kill -9 $$` was ended by signal 9 (it wrote nothing)"),
        ('{ run = ["true"] }',
         "its probe `true` gave no measure: it printed nothing; it has to print a number, a JSON object or a text"),
        ("""{ run = "echo '{'" }""",
         ("its probe `echo '{'` gave no measure: what it printed begins like a JSON object and is none: Expecting"
          " property name enclosed in double quotes: line 1 column 2 (char 1); it has to print a number, a JSON object"
          " or a text\n{")),
        ('{ run = ["no-such-command"] }',
         ("its probe `no-such-command` could not be started: no-such-command: command not found; install it, correct"
          " the name, or add its folder to PATH")),
        ('{ run = "echo begun; sleep 60", timeout = "1s" }',
         "its probe `echo begun; sleep 60` gave no answer within 1 s; set its `timeout`, or measure less\nbegun"),
    ],
)  # fmt: skip
def test_a_probe_that_fails_shows_what_came_out(project, probe, says):
    assert probed(project, probe) == Observation(error=says)


def test_a_function_that_fails_shows_its_traceback(project):
    project.write("shop.py", "def users():\n    raise LookupError('no table')\n")
    said = probed(project, '{ call = "shop:users" }').error
    assert said.startswith("its probe `shop:users` failed with exit code 1\nTraceback")
    assert said.endswith("\nLookupError: no table")


def test_cancel_ends_a_hanging_probe_and_answers_nothing_more(project):
    action = project.graph(
        '[target.t]\nprobe = { run = "touch begun; sleep 300" }\nrun = "x"\noutputs = ["o"]'
    ).actions["t"]
    sources, said = project.sources(), []
    thread = threading.Thread(target=lambda: said.append(sources.observe(action)))
    thread.start()
    while not (project.root / "begun").exists():
        assert thread.is_alive()
    began = time.monotonic()
    sources.cancel()
    thread.join(5)
    assert time.monotonic() - began < 2
    assert "was not waited for" in said[0].error
    assert sources.observe(action).error is not None


# Servers


class Answers:
    """What a server says, by path: status, headers; and what it was asked."""

    def __init__(self):
        self.by_path, self.asked, self.hang = {}, [], threading.Event()

    def __call__(self, path, **headers):
        self.by_path[path] = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def web():
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            path = self.path.partition("?")[0]
            answers.asked.append((self.command, self.path, self.headers.get("Authorization")))
            if path == "/hangs":
                answers.hang.wait(20)
            headers = dict(answers.by_path.get(path, {"status": "404"}))
            if self.command == "HEAD" and (refused := headers.pop("head", None)):
                headers["status"] = refused
            self.send_response(int(headers.pop("status", "200")))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_HEAD = do_GET = answer

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    answers.url = f"http://127.0.0.1:{server.server_port}"
    answers.port = server.server_port
    yield answers
    answers.hang.set()
    server.shutdown()
    server.server_close()


def test_the_etag_is_the_validator(project, web):
    lines = f'source = "{web.url}/a"'
    web("/a", ETag='"1"', Last_Modified="Mon, 01 Jan 2026 00:00:00 GMT")
    first = project.content(lines)
    web("/a", ETag='"1"', Last_Modified="Tue, 02 Jan 2026 00:00:00 GMT")
    assert project.content(lines) == first
    web("/a", ETag='"2"')
    assert project.content(lines) != first
    assert {method for method, *_ in web.asked} == {"HEAD"}


def test_without_an_etag_it_is_the_time_with_the_length(project, web):
    lines, seen = f'source = "{web.url}/a"', set()
    for time_, length in (("1", "5"), ("2", "5"), ("2", "6"), ("2", "6")):
        web("/a", Last_Modified=f"Mon, 0{time_} Jan 2026 00:00:00 GMT", Content_Length=length)
        seen.add(project.content(lines))
    assert len(seen) == 3


def test_a_server_that_tells_nothing_asks_for_a_probe(project, web):
    web("/a", Content_Length="5")
    assert project.error(f'source = "{web.url}/a?token=secret"') == (
        f"{web.url}/a?token=…: the server sends neither ETag nor Last-Modified, so nobody can tell whether it has"
        " changed; measure it by probe = { run = … }"
    )
    text = (
        f'[target.t]\nsource = "{web.url}/a"\nprobe = {{ run = "echo {{source}} | wc -c" }}\nrun = "x"\noutputs = ["o"]'
    )
    assert project.said(text) == Observation(None, {"probe": len(web.url) + 3})
    assert project.said(text, content=True) == Observation(None, {"probe": len(web.url) + 3})


@pytest.mark.parametrize("code", ["403", "405", "501"])
def test_get_where_head_is_refused(project, web, code):
    web("/a", head=code, ETag='"1"')
    project.content(f'source = "{web.url}/a"')
    assert [method for method, *_ in web.asked] == ["HEAD", "GET"]


def test_redirects_are_followed_by_head(project, web):
    web("/a", status="302", Location="/b")
    web("/b", status="307", Location=f"{web.url}/c")
    web("/c", ETag='"1"')
    first = project.content(f'source = "{web.url}/a"')
    assert [path for _, path, _ in web.asked] == ["/a", "/b", "/c"]
    assert {method for method, *_ in web.asked} == {"HEAD"}
    web("/c", ETag='"2"')
    assert project.content(f'source = "{web.url}/a"') != first
    web("/c", status="302", Location="/a")
    assert f"{web.url}/a: the server answers 302" in project.error(f'source = "{web.url}/a"')
    web("/c", status="302", Location="file:///etc/passwd")
    assert f"{web.url}/a: " in project.error(f'source = "{web.url}/a"')


def test_several_urls_and_files_together(project, web):
    lines = f'source = ["{web.url}/a", "{web.url}/b", "data/"]'
    project.write("data/x", "1")
    web("/a", ETag='"1"')
    web("/b", ETag='"1"')
    seen = {project.content(lines)}
    web("/b", ETag='"2"')
    seen.add(project.content(lines))
    project.write("data/x", "2")
    seen.add(project.content(lines))
    assert len(seen) == 3


def test_credentials_go_to_their_own_server_and_nowhere_else(project, web):
    told = base64.b64encode(b"me:p@ss").decode()
    source = f"http://me:p%40ss@127.0.0.1:{web.port}/a?api_key=hush"
    web("/a", status="302", Location="/b")
    web("/b", status="302", Location=f"http://localhost:{web.port}/c")
    graph = project.graph(f'[target.t]\nsource = "{source}"\nrun = "x"\noutputs = ["o"]')
    assert not any(word in repr(graph.actions["t"].facts) for word in ("p%40ss", "hush", "me:"))
    error = project.error(f'source = "{source}"')
    assert error == f"http://127.0.0.1:{web.port}/a?api_key=…: the server answers 404 Not Found; correct `source`"
    assert [secret for _, _, secret in web.asked] == [f"Basic {told}", f"Basic {told}", None]


@pytest.mark.parametrize(
    ("status", "mend"), [("404", "correct `source`"), ("401", "look at the credentials"), ("500", "try again later")]
)
def test_a_server_that_refuses_is_told(project, web, status, mend):
    web("/a", status=status)
    error = project.error(f'source = "{web.url}/a"')
    assert error.startswith(f"{web.url}/a: the server answers {status} ")
    assert error.endswith(f"; {mend}")


def test_a_server_that_is_not_there(project, web):
    assert project.error('source = "http://127.0.0.1:9/a"') == (
        "http://127.0.0.1:9/a: the connection was refused; does the server run?"
    )
    assert "http://nowhere.invalid/a: " in project.error('source = "http://nowhere.invalid/a"')
    assert "no secure connection" in project.error(f'source = "https://127.0.0.1:{web.port}/a"')


def test_a_certificate_that_nobody_knows(project, tmp_path):
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl here")
    import ssl

    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        error = project.error(f'source = "https://127.0.0.1:{server.server_port}/a"')
    finally:
        server.shutdown()
        server.server_close()
    assert "its certificate cannot be trusted: self-signed certificate" in error


def test_a_server_that_hangs(project, web, monkeypatch):
    monkeypatch.setattr("mlmake.host.sources.SERVER_TIMEOUT", 0.5)
    assert project.error(f'source = "{web.url}/hangs"') == (
        f"{web.url}/hangs: no answer within 0.5 s; try again, or measure by probe = {{ run = … }}"
    )


def test_cancel_ends_the_waiting_for_a_server(project, web):
    action = project.graph(f'[target.t]\nsource = "{web.url}/hangs"\nrun = "x"\noutputs = ["o"]').actions["t"]
    sources, said = project.sources(), []
    thread = threading.Thread(target=lambda: said.append(sources.observe(action)))
    thread.start()
    while not web.asked:
        assert thread.is_alive()
    began = time.monotonic()
    sources.cancel()
    thread.join(5)
    assert time.monotonic() - began < 2
    assert said[0].error == f"{web.url}/hangs was not waited for"


def test_measures_of_files_are_not_for_urls(project, web):
    assert project.error(f'source = "{web.url}/a.csv"\nprobe = "records"') == (
        f'{web.url}/a.csv: probe = "records" measures files of this machine; leave it out, or write probe ='
        " { run = … }"
    )
