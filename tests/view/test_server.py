"""The server over real HTTP: who is let in, what is asked for, what is given."""

import json
import re
import signal
import socket
import subprocess
import sys
import zipfile
from io import BytesIO

import httpx
import numpy as np
import pytest
from viewing import frames, noisy, serving, write

import pkn
from pkn.evidence.receipts import verify_receipt
from pkn.io.images import read_image

RGB, GREY = noisy(270, 300, 3), noisy(97, 131, 1).astype(np.uint16) * 257
VIEW = {"file": 0, "page": 0, "luma": 1, "chroma": 1, "stretched": 0}
WHOLE = VIEW | {"level": 0, "top": 0, "left": 0, "bottom": 270, "right": 300}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    write(folder / "rgb.png", RGB)
    write(folder / "grey.tif", GREY)
    (folder / "secret.txt").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def guard(folder):
    with serving(folder / "rgb.png", folder / "grey.tif") as guard:
        yield guard


@pytest.fixture
def stranger(guard):
    with httpx.Client(base_url=f"http://127.0.0.1:{guard.port}", timeout=60) as client:
        yield client


@pytest.fixture
def client(guard, stranger):
    stranger.headers["X-Pkn-Token"] = guard.token
    return stranger


def raw(guard, path, host=None, token=True):
    """Status of a request whose path nobody has tidied."""
    with socket.create_connection(("127.0.0.1", guard.port), timeout=10) as connection:
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{guard.port}'}", "Connection: close"]
        lines += [f"X-Pkn-Token: {guard.token}"] if token else []
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split()[1]), answer


def test_no_token_no_answer(guard, stranger):
    for path in ("/", "/view.js", "/files", "/layer", "/export", "/nothing", "/?token=", "/?token=wrong"):
        assert stranger.get(path).status_code == 403
    assert stranger.get(f"/files?token={guard.token}").status_code == 403  # in the address of the page alone
    assert stranger.get("/files", headers={"X-Pkn-Token": guard.token + "x"}).status_code == 403


def test_the_address_sets_a_cookie_for_what_follows(guard, stranger):
    first = stranger.get(f"/?token={guard.token}")
    assert first.status_code == 200
    assert re.search("HttpOnly; SameSite=Strict", first.headers["set-cookie"])
    assert stranger.get("/files").json()["files"] == ["rgb.png", "grey.tif"]
    assert stranger.get("/files", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_other_names_of_this_machine_are_refused(guard):
    for host in (
        "evil.example",
        f"evil.example:{guard.port}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"127.0.0.1:{guard.port}.evil",
    ):
        assert raw(guard, "/files", host)[0] == 403
    assert raw(guard, "/files", f"localhost:{guard.port}")[0] == 200
    assert raw(guard, "/files HTTP/1.1\r\nHost: evil\r\nX: ", None)[0] in (400, 403)


PATHS = """/../secret.txt /%2e%2e/secret.txt /..%2fsecret.txt /page/view.js /session.py /view.js/../secret.txt
//etc/passwd /file:///etc/passwd /view.js%00.png"""


@pytest.mark.parametrize("path", PATHS.split())
def test_no_path_leads_to_files(guard, path):
    status, answer = raw(guard, path)
    assert status in (400, 404)
    assert b"secret\n" not in answer


def test_answers_may_load_nothing_from_elsewhere(client):
    for path in ("/", "/view.js", "/files", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    page = client.get("/").text
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert client.post("/files").status_code == 405


@pytest.mark.parametrize(
    ("path", "changed", "message"),
    [
        ("/about", {"file": "2"}, "file is '2'; expected a whole number from 0 to 1"),
        ("/about", {"file": "../x"}, "file is '../x'; expected a whole number from 0 to 1"),
        ("/about", {"page": "3"}, "page is 3; expected less than 1"),
        ("/layer", {"level": "9"}, "level is '9'; expected a whole number from 0 to 8"),
        ("/layer", {"bottom": "271"}, "bottom is '271'; expected a whole number from 1 to 270"),
        ("/layer", {"luma": "nan"}, "luma is 'nan'; expected a number from 0 to 10"),
        ("/layer", {"stretched": "yes"}, "stretched is 'yes'; expected one of '0', '1'"),
        ("/layer", {"layer": "../x"}, "layer is '../x'; expected original, denoised or a map's name"),
        ("/layer", {"layer": "nothing"}, "layer is 'nothing'; expected original, denoised or one of luma_radius"),
        ("/pixel", {"row": "-1"}, "row is '-1'; expected a whole number from 0 to 269"),
        ("/export", {"kind": "all"}, "kind is 'all'; expected one of 'image', 'maps', 'report', 'receipt'"),
    ],
)
def test_bad_questions_get_one_clear_answer(client, path, changed, message):
    query = WHOLE | {"layer": "denoised", "row": 0, "column": 0, "kind": "image", "suffix": ""} | changed
    answer = client.get(path, params=query)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)


def test_endless_questions_are_refused(client):
    assert client.get("/files", params={"x": "y" * 5000}).status_code == 414


def picture(client, **query):
    """A layer of the whole first image, put together."""
    scale = 2 ** query.get("level", 0)
    out = np.zeros((-(-270 // scale), -(-300 // scale), 4), np.uint8)
    for head, body in frames(client.get("/layer", params=WHOLE | query).content):
        part = np.frombuffer(body, np.uint8).reshape(head["height"], head["width"], 4)
        out[head["top"] : head["top"] + head["height"], head["left"] : head["left"] + head["width"]] = part
    assert head["done"] == head["total"] == 4
    return out


def test_layers_show_image_result_and_maps(client):
    np.testing.assert_array_equal(picture(client, layer="original")[..., :3], RGB)
    whole = pkn.denoise(RGB, strength=(1, 0.5), channel_axis=-1, dtype="same")
    np.testing.assert_array_equal(picture(client, layer="denoised", chroma=0.5)[..., :3], whole)
    means = whole[:268].reshape(67, 4, 75, 4, 3).mean((1, 3))
    assert np.abs(picture(client, layer="denoised", chroma=0.5, level=2)[:67, :, :3] - means).max() <= 0.51
    legends = {each["name"]: each for each in client.get("/legends", params=VIEW).json()}
    assert legends["luma_radius"]["unit"] == "px"
    assert legends["chroma_coarser"]["ticks"] == ["0", "0.5", "1"]
    radius = picture(client, layer="luma_radius")
    assert radius[..., 3].min() == 255
    assert np.ptp(radius[..., 0]) > 20


def exported(client, kind, **query):
    *progress, (head, body) = frames(client.get("/export", params=VIEW | {"kind": kind, "suffix": ""} | query).content)
    assert progress
    return head["name"], body


def test_exports_are_what_the_command_line_writes(client, folder, run, tmp_path):
    name, content = exported(client, "image", file=1, luma=0.5)
    (tmp_path / name).write_bytes(content)
    assert run("denoise", folder / "grey.tif", tmp_path / "clean.tif", "--strength", "0.5").exit_code == 0
    ours, theirs = (read_image(tmp_path / each).pages[0] for each in (name, "clean.tif"))
    assert ours.dtype == np.uint16
    np.testing.assert_array_equal(ours, theirs)
    assert exported(client, "image", file=1, suffix=".png")[0] == "grey-clean.png"


def test_receipts_hold(client, folder, tmp_path):
    name, content = exported(client, "receipt", file=1)
    assert name == "grey-receipt.zip"
    zipfile.ZipFile(BytesIO(content)).extractall(tmp_path)
    checks = verify_receipt(tmp_path / "grey-clean.json", folder / "grey.tif", tmp_path / "grey-clean.tif")
    assert {check.name: check.holds for check in checks}["replay"]
    assert all(check.holds is not False for check in checks)


def test_maps_and_report_are_exported(client, tmp_path):
    name, content = exported(client, "maps", file=1, luma=2)
    (tmp_path / name).write_bytes(content)
    maps = pkn.ParameterMaps.load(tmp_path / name)
    np.testing.assert_array_equal(maps.apply(GREY), pkn.denoise(GREY, strength=2))
    name, content = exported(client, "report", file=1)
    assert name == "grey-report.html"
    assert b"grey.tif, denoised" in content


def test_what_goes_wrong_in_an_export_is_said(client, folder, monkeypatch):
    monkeypatch.setattr("pkn.view.exports.write_page", lambda *given: (_ for _ in ()).throw(OSError("no space")))
    *_, (head, _) = frames(client.get("/export", params=VIEW | {"file": 1, "kind": "report", "suffix": ""}).content)
    assert head == {"error": "no space"}


def test_readers_that_go_away_end_the_work(tmp_path):
    write(tmp_path / "large.png", np.tile(noisy(512, 512, 1), (5, 5)))
    with serving(tmp_path / "large.png") as guard, httpx.Client(timeout=60) as client:
        base, headers = f"http://127.0.0.1:{guard.port}", {"X-Pkn-Token": guard.token}
        everything = WHOLE | {"layer": "denoised", "bottom": 2560, "right": 2560, "level": 1}
        with client.stream("GET", f"{base}/layer", params=everything, headers=headers) as answer:
            next(answer.iter_raw(100))
        answer = client.get(
            f"{base}/layer", params=WHOLE | {"layer": "denoised", "bottom": 9, "right": 9}, headers=headers
        )
        (done,) = frames(answer.content)
        assert done[0]["total"] == 1
        again = client.stream("GET", f"{base}/layer", params=everything, headers=headers)
        with again as answer:
            head = next(iter(frames(next(answer.iter_raw(2**20)))))[0]
        assert head["done"] < 50  # of 100 blocks: the rest was never computed


def test_the_command_serves_this_machine_alone_and_ends(folder):
    command = [sys.executable, "-m", "pkn", "view", str(folder / "grey.tif"), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
    assert httpx.get(address).status_code == 200
    for other in {each[4][0] for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
        if not other.startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((other, httpx.URL(address).port), timeout=5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_the_command_says_what_it_cannot_do(folder, run, monkeypatch):
    answer = run("view", folder / "secret.txt", "--no-browser")
    assert answer.exit_code == 1
    assert "as an image" in answer.output
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = run("view", folder / "grey.tif", "--no-browser", "--port", taken.getsockname()[1])
    assert answer.exit_code == 1
    assert "expected a free one" in answer.output
    monkeypatch.setattr("pkn.cli.view.find_spec", lambda name: None)
    answer = run("view", folder / "grey.tif")
    assert "pip install 'procedural-kernels[view]'" in answer.output


def test_headers_are_json(client):
    assert json.loads(client.get("/about", params=VIEW).text)["strengths"] == 2
