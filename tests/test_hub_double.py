"""The double of the Hub answers the real client as the Hub would, and fails when it is told to."""

import warnings

import pytest

from tests.hub_double import TOKEN

# how huggingface_hub 2.4 hands a large file to its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def api(hub):
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=TOKEN)
    api.create_repo("org/things", repo_type="dataset", private=True)
    return api


def upload(api, path, data, **options):
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(path, data)]
    return api.create_commit(
        "org/things", operations, commit_message=f"add {path}", repo_type="dataset", **options
    )


def test_small_and_large_files_come_back_as_they_went(api, hub, tmp_path):
    from huggingface_hub import snapshot_download

    upload(api, "notes/a.txt", b"plain text")
    upload(api, "photo.bin", b"\0\1\2" * 1000)
    folder = snapshot_download("org/things", repo_type="dataset", token=TOKEN, local_dir=tmp_path / "copy")
    read = {path: (tmp_path / "copy" / path).read_bytes() for path in ("notes/a.txt", "photo.bin")}
    assert read == {"notes/a.txt": b"plain text", "photo.bin": b"\0\1\2" * 1000}
    assert folder == str(tmp_path / "copy")
    assert hub.repository("dataset", "org/things").commits[-1].files["photo.bin"].large
    assert any(asked.startswith("PUT /large/") for asked in hub.requests)


def test_a_tree_lists_files_folders_and_pages(api, monkeypatch):
    monkeypatch.setattr("tests.hub_answers.PAGE", 2)
    for name in ("a/b/c.txt", "a/d.txt", "e.txt"):
        upload(api, name, name.encode())
    deep = [line.path for line in api.list_repo_tree("org/things", repo_type="dataset", recursive=True)]
    assert deep == [".gitattributes", "a", "a/b", "a/b/c.txt", "a/d.txt", "e.txt"]
    flat = [line.path for line in api.list_repo_tree("org/things", "a", repo_type="dataset")]
    assert flat == ["a/b", "a/d.txt"]
    (found,) = api.get_paths_info("org/things", ["e.txt"], repo_type="dataset")
    assert found.size == 5


def test_a_private_repository_is_hidden_from_those_without_a_token(api):
    from huggingface_hub.errors import RepositoryNotFoundError

    assert api.repo_info("org/things", repo_type="dataset").private
    with pytest.raises(RepositoryNotFoundError):
        api.repo_info("org/things", repo_type="dataset", token=False)


def test_a_commit_on_an_older_state_is_refused(api):
    from huggingface_hub.errors import HfHubHTTPError

    before = api.repo_info("org/things", repo_type="dataset").sha
    upload(api, "a.txt", b"1", parent_commit=before)
    with pytest.raises(HfHubHTTPError, match="412"):
        upload(api, "b.txt", b"2", parent_commit=before)


def test_deleted_files_and_squashed_commits_are_gone(api, hub):
    upload(api, "a.txt", b"1")
    api.delete_file("a.txt", "org/things", repo_type="dataset")
    assert "a.txt" not in hub.repository("dataset", "org/things").files
    assert len(api.list_repo_commits("org/things", repo_type="dataset")) == 3
    api.super_squash_history("org/things", repo_type="dataset")
    assert len(api.list_repo_commits("org/things", repo_type="dataset")) == 1


def test_faults(api, hub):
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import get_session

    hub.fail("POST .*/commit/", status=500)
    with pytest.raises(HfHubHTTPError, match="500"):
        upload(api, "a.txt", b"1")
    upload(api, "a.txt", b"1")

    hub.fail("POST .*/commit/", cut_after=10)
    with pytest.raises(Exception, match=r"(?i)disconnected|reset|broken|closed|EOF"):
        upload(api, "b.txt", b"2")
    assert "b.txt" not in hub.repository("dataset", "org/things").files

    hub.fail("POST .*/commit/", lose_answer=True)
    with pytest.raises(Exception, match=r"(?i)disconnected|reset|broken|closed|EOF"):
        upload(api, "c.txt", b"3")
    assert "c.txt" in hub.repository("dataset", "org/things").files

    hub.stop()
    with pytest.raises(Exception, match=r"(?i)refused|connect"):
        get_session().get(f"{hub.url}/api/whoami-v2")
    hub.start()
    assert api.whoami()["name"] == "org"


def test_a_space_takes_secrets_variables_volumes_and_hardware(api, hub):
    from huggingface_hub import Volume

    api.create_repo("org/page", repo_type="space", space_sdk="gradio")
    api.add_space_secret("org/page", "A", "secret")
    api.add_space_variable("org/page", "B", "variable")
    api.set_space_volumes("org/page", [Volume(type="bucket", source="org/b", mount_path="/data")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert api.request_space_hardware("org/page", "t4-small").requested_hardware == "t4-small"
    space = hub.repository("space", "org/page").space
    assert (space["secrets"], space["variables"]) == ({"A": "secret"}, {"B": "variable"})
    assert space["volumes"][0]["mountPath"] == "/data"


def test_a_job_is_submitted(api, hub):
    job = api.run_uv_job(
        "https://example.org/train.py", secrets={"HF_TOKEN": "x"}, timeout="2h", flavor="t4-small"
    )
    (asked,) = hub.hub.jobs
    assert job.id == asked["id"]
    assert (asked["flavor"], asked["timeoutSeconds"]) == ("t4-small", 7200)
