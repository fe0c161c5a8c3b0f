"""A Space is put in place by the real command against the double of the Hub, over real HTTP."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import metadata_load

from spaces.tree import ROOMS, space_files
from tests.hub_double import HubDouble

ROOT = Path(__file__).parents[2]

DOCUMENTED = {
    *("title", "emoji", "colorFrom", "colorTo", "sdk", "python_version", "sdk_version", "suggested_hardware"),
    *("app_file", "app_build_command", "app_port", "base_path", "fullWidth", "header", "short_description"),
    *("models", "datasets", "tags", "thumbnail", "pinned", "license", "hf_oauth", "hf_oauth_scopes"),
    *("hf_oauth_expiration_minutes", "hf_oauth_authorized_org", "disable_embedding", "custom_headers"),
    *("startup_duration_timeout", "preload_from_hub"),
}
"""https://huggingface.co/docs/hub/spaces-config-reference in 2026, without `suggested_storage`, which is ignored."""

COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture
def hub():
    with HubDouble() as double:
        yield double


def deploy(*arguments, environment=None):
    return subprocess.run(
        [sys.executable, "-m", "spaces.deploy", *arguments],
        cwd=ROOT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=120,
    )


def front_matter():
    return metadata_load(ROOT / "spaces" / "README.md")


def requirements(file):
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    return dict(
        re.match(r"([\w-]+)(.*)", line).groups() for line in lines if line and not line.startswith("-")
    )


def test_the_card_has_documented_fields_with_allowed_values():
    card = front_matter()
    assert set(card) <= DOCUMENTED
    assert {card["colorFrom"], card["colorTo"]} <= COLOURS
    assert (card["sdk"], card["app_file"], card["hf_oauth"]) == ("gradio", "app.py", True)
    assert len(card["short_description"]) <= 60
    assert card["hf_oauth_expiration_minutes"] <= 43_200
    assert card["suggested_hardware"] != "zero-a10g", "cannot be suggested, only asked for"


def test_the_gradio_of_the_card_is_one_that_we_allow():
    least, most = re.fullmatch(r">=(6\.\d+),<(\d+)", requirements("requirements.txt")["gradio"]).groups()
    version = [int(part) for part in front_matter()["sdk_version"].split(".")]
    assert [int(part) for part in least.split(".")] <= version < [int(most)]


def test_the_requirements_are_ours_with_a_torch_that_zero_gpu_has():
    ours, there = requirements("requirements.txt"), requirements("spaces/requirements.txt")
    assert there.pop("torch") in {"==2.8.0", "==2.9.1", "==2.10.0", "==2.11.0"}
    assert there.pop("spaces")
    # torch is named above; Gradio comes with the image, in the version that the card names
    assert there == {name: cap for name, cap in ours.items() if name not in ("torch", "gradio")}


def test_everything_that_the_pages_import_is_in_the_tree_and_nothing_else():
    files = space_files()
    assert {path.split("/")[0] for path in files if "/" in path} == set(ROOMS)
    assert {
        "app.py",
        "README.md",
        "requirements.txt",
        "ui/style.css",
        "vlfau/checkpoints/small/config.json",
    } <= set(files)
    assert not [path for path in files if path.startswith("spaces/") or "__pycache__" in path]


def test_a_dry_run_says_what_would_happen_and_asks_nobody(hub, tmp_path):
    done = deploy(
        "--repo", "org/page", "--hardware", "zero-a10g", "--dry-run", environment=hub.environment(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert hub.requests == []
    for line in (
        "hardware   zero-a10g",
        "variable   VLFAU_ADMINS=org",
        f"one commit {len(space_files())} files",
    ):
        assert line in done.stdout
    assert re.search(r"^ +[\d,]+  app.py$", done.stdout, re.MULTILINE)


def test_a_space_is_put_in_place_and_brought_up_to_date(hub, tmp_path):
    environment = hub.environment(tmp_path) | {"VLFAU_BACKUP_TOKEN": "hf_hidden"}
    words = [
        "--repo",
        "org/page",
        "--private",
        "--hardware",
        "t4-small",
        "--bucket",
        "org/kept",
        "--admin",
        "ann",
    ]
    words += ["--secret", "VLFAU_BACKUP_TOKEN", "--variable", "VLFAU_BACKUP_REPO=org/backup"]
    first = deploy(*words, environment=environment)
    assert first.returncode == 0, first.stderr
    assert "hf_hidden" not in first.stdout
    found = hub.repository("space", "org/page")
    assert found.files | {".gitattributes": b""} == {
        path: file.read_bytes() for path, file in space_files().items()
    } | {".gitattributes": b""}
    assert (found.private, len(found.commits)) == (True, 2)
    asked = {"VLFAU_ADMINS": "ann", "VLFAU_BACKUP_REPO": "org/backup"}
    assert found.space["variables"] == asked | {"FORWARDED_ALLOW_IPS": "*", "VLFAU_BACKUP": "/data/vl-fau"}
    assert found.space["secrets"]["VLFAU_BACKUP_TOKEN"] == "hf_hidden"
    assert found.space["volumes"] == [{"type": "bucket", "source": "org/kept", "mountPath": "/data"}]
    assert found.space["hardware"] == "t4-small"
    sessions = found.space["secrets"]["VLFAU_SESSION_SECRET"]
    assert len(sessions) >= 32

    _left_over(hub, environment)
    again = deploy("--repo", "org/page", environment=environment)
    assert again.returncode == 0, again.stderr
    assert "old.py" not in found.files
    assert found.space["secrets"]["VLFAU_SESSION_SECRET"] == sessions, "nobody is signed out by a deployment"
    assert found.space["hardware"] == "t4-small"


def test_backups_on_the_hub_need_a_token_there(hub, tmp_path):
    words = ["--repo", "org/page", "--dry-run", "--backup", "hf://datasets/org/backup"]
    refused = deploy(*words, environment=hub.environment(tmp_path))
    assert refused.returncode == 1
    assert "--secret HF_TOKEN" in refused.stderr
    planned = deploy(*words, "--secret", "HF_TOKEN", environment=hub.environment(tmp_path))
    assert "variable   VLFAU_BACKUP=hf://datasets/org/backup" in planned.stdout


def _left_over(hub, environment):
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=environment["HF_TOKEN"])
    api.upload_file(path_or_fileobj=b"1", path_in_repo="old.py", repo_id="org/page", repo_type="space")


def test_when_the_hub_fails_the_message_says_what_to_do_and_the_next_try_goes_on(hub, tmp_path):
    environment = hub.environment(tmp_path)
    hub.fail("POST .*/commit/", status=500)
    failed = deploy("--repo", "org/page", environment=environment)
    assert failed.returncode == 1
    assert "say the same command again" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert deploy("--repo", "org/page", environment=environment).returncode == 0
    assert "app.py" in hub.repository("space", "org/page").files


def test_without_a_token_nothing_is_there(hub, tmp_path):
    done = deploy("--repo", "org/page", environment=hub.environment(tmp_path, token=None) | {"HF_TOKEN": ""})
    assert done.returncode == 1
    assert "Check the token" in done.stderr
    assert hub.hub.repositories == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--repo", "page"], "ORG/NAME"),
        (["--repo", "org/page", "--variable", "A"], "NAME=VALUE"),
        (["--repo", "org/page", "--hardware", "abacus"], "Use one of cpu-basic"),
        (["--repo", "org/page", "--variable", "VLFAU_JOBS_REPO=org/training"], "add --secret HF_TOKEN"),
        (["--repo", "org/page", "--secret", "NOT_SET_ANYWHERE"], "environment has no NOT_SET_ANYWHERE"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_sent(hub, tmp_path, words, message):
    done = deploy(*words, environment=hub.environment(tmp_path))
    assert (done.returncode, hub.requests) == (1, [])
    assert message in done.stderr
