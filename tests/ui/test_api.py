"""The typed endpoint of a really launched app, used by `gradio_client` and by hand-made requests."""

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

    return client.predict(handle_file(photo), words, api_name="/analyse")


def test_the_endpoint_is_documented_and_typed(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    (endpoint,) = [endpoints[name] for name in endpoints]
    assert list(endpoints) == ["/analyse"]
    assert [parameter["parameter_name"] for parameter in endpoint["parameters"]] == ["photo", "words"]
    assert endpoint["parameters"][1]["type"] == {"type": "boolean"}
    assert "Find the faces in a photo" in endpoint["description"]


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
    begun = httpx.post(f"{app.url}gradio_api/call/analyse", json={"data": [photo, False]}, timeout=60).json()
    answer = httpx.get(f"{app.url}gradio_api/call/analyse/{begun['event_id']}", timeout=60)
    return answer.text.strip().splitlines()[-2:]


def test_a_file_of_the_server_cannot_be_read_or_removed(app, tmp_path, photos):
    own = tmp_path / "own.jpg"
    own.write_bytes(photos["face"].read_bytes())
    event, data = call(app, {"path": str(own)})
    assert event == "event: error"
    assert "not an uploaded photo" in data
    assert own.exists()
