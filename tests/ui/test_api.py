"""The typed endpoint of a really launched app, used by `gradio_client` and by hand-made requests."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from vlfau.records import columns

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(app):
    from gradio_client import Client

    client = Client(app.url, verbose=False)
    yield client
    client.close()


def analyse(client, photo, words=True):
    from gradio_client import handle_file

    return client.predict(handle_file(photo), words, api_name="/predict")


TOOLS = ["/predict", "/explain", "/list_action_units", "/export_public_stats"]


def test_the_endpoints_are_documented_and_typed(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(endpoints) == TOOLS
    predict = endpoints["/predict"]
    assert [parameter["parameter_name"] for parameter in predict["parameters"]] == ["photo", "words"]
    assert predict["parameters"][1]["type"] == {"type": "boolean"}
    for endpoint in endpoints.values():
        assert len(endpoint["description"]) > 40
        assert all(parameter["type"] for parameter in endpoint["parameters"])


def test_language_models_get_the_same_and_nothing_that_writes(app):
    pytest.importorskip("mcp")
    tools = httpx.get(f"{app.url}gradio_api/mcp/schema", timeout=60).json()
    assert [f"/{tool['name'].split('__')[-1]}" for tool in tools] == TOOLS
    explain = next(tool for tool in tools if tool["name"].endswith("explain"))
    assert "not feelings" in explain["description"]
    assert set(explain["inputSchema"]["properties"]) == {"photo", "all_units"}


def test_an_explanation_says_how_sure_and_where(client, photos):
    from gradio_client import handle_file

    (face,) = client.predict(handle_file(photos["face"]), True, api_name="/explain")
    x0, y0, x1, y1 = face["box"]
    width, height = x1 - x0, y1 - y0
    assert len(face["action_units"]) == 22
    for unit in face["action_units"]:
        assert unit["present"] == (unit["probability"] >= unit["threshold"])
        assert x0 - width / 2 < unit["seen_at_x"] < x1 + width / 2
        assert y0 - height / 2 < unit["seen_at_y"] < y1 + height / 2
    seen = {unit["action_unit"][:4].strip(): unit for unit in face["action_units"]}
    assert seen["AU1"]["seen_at_y"] < seen["AU12"]["seen_at_y"], "the brow is above the mouth"


def test_the_table_and_the_numbers(client):
    units = client.predict(api_name="/list_action_units")
    assert [unit["code"] for unit in units][:2] == ["AU01", "AU02"]
    assert len(units) == 22
    told = client.predict(api_name="/export_public_stats")
    assert told.keys() == {"model_version", "projects", "faces", "answers", "faces_by_state"}
    assert told["faces"] >= 0


def test_equal_photos_at_the_same_time_are_all_read_and_then_gone(client, app, photos):
    with ThreadPoolExecutor(4) as several:
        answers = list(several.map(lambda _: analyse(client, photos["face"], words=False), range(8)))
    assert [records[0]["success"] for records in answers] == [1] * 8
    assert app.files_of(photos["face"]) == []


def test_a_photo_gives_records_and_is_not_kept(client, app, photos):
    (record,) = analyse(client, photos["face"])
    assert list(record) == list(columns())
    assert (record["file"], record["success"]) == ("face.jpg", 1)
    assert app.files_of(photos["face"]) == []


def test_without_words_there_are_none(client, photos):
    records = analyse(client, photos["group"], words=False)
    assert [record["face"] for record in records] == [0, 1, 2, 3, 4]
    assert "description" not in records[0]


def test_a_broken_photo_is_a_message_and_is_not_kept(client, app, photos):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="damaged or cut short"):
        analyse(client, photos["broken"])
    assert app.files_of(photos["broken"]) == []
    assert "Traceback" not in app.log()


def call(app, photo):
    """The last event that the endpoint answers to a request made by hand."""
    begun = httpx.post(f"{app.url}gradio_api/call/predict", json={"data": [photo, False]}, timeout=60).json()
    answer = httpx.get(f"{app.url}gradio_api/call/predict/{begun['event_id']}", timeout=60)
    return answer.text.strip().splitlines()[-2:]


def test_a_file_of_the_server_cannot_be_read_or_removed(app, tmp_path, photos):
    own = tmp_path / "own.jpg"
    own.write_bytes(photos["face"].read_bytes())
    event, data = call(app, {"path": str(own)})
    assert event == "event: error"
    assert "not an uploaded photo" in data
    assert own.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the processor time from /proc")
def test_pages_that_nobody_uses_hardly_take_the_processor(app):
    def processor_s():
        user, system = Path(f"/proc/{app.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    time.sleep(1)  # what the tests before set going
    before, begin = processor_s(), time.monotonic()
    time.sleep(4)
    assert (processor_s() - before) / (time.monotonic() - begin) < 0.1
