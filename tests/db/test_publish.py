"""A project goes to the double of the Hub with consent, and comes back as a data set; who is forgotten leaves it."""

from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download, metadata_load, snapshot_download
from pyarrow import parquet

from db.cli import main
from db.errors import NotAllowed, StoreError
from db.people import forget
from db.photos import subject_code
from db.publish import publish
from db.roles import OPERATOR
from db.values import Consent
from tests.hub_double import TOKEN

# how huggingface_hub 2.4 hands a large file to its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def crowd(lab):
    """Three faces, of which two may be published, with an answer each."""
    for seed in range(3):
        lab.add(seed, consent=Consent.PUBLISH if seed else Consent.ANNOTATE)
    ann = lab.person("ann")
    for _ in range(3):
        lab.answer(ann, AU12="present")
    return lab


def publish_it(lab, **options):
    return publish(
        lab.store, OPERATOR, lab.project, "org/faces", "cc-by-nc-4.0", "faces@example.org", **options
    )


def table(name, revision=None):
    return parquet.read_table(hf_hub_download("org/faces", name, repo_type="dataset", revision=revision))


def test_only_who_agreed_is_published_private_and_gated(crowd, hub):
    done = publish_it(crowd)
    found = hub.repository("dataset", "org/faces")
    assert (done.faces, done.answers, done.revision) == (2, 2, found.commits[-1].oid)
    assert (found.private, found.gated) == (True, "manual")
    faces = table("faces.parquet")
    assert faces.num_rows == 2
    assert faces["image"][0].as_py()["bytes"].startswith(b"\x89PNG")
    assert set(found.files) == {".gitattributes", "README.md", "answers.parquet", "faces.parquet"}


def test_it_is_gated_before_there_is_anything_to_read(crowd, hub):
    publish_it(crowd)
    steps = [asked.split("/")[-1] for asked in hub.requests]
    assert steps.index("settings") < steps.index("main")


def test_the_data_sets_library_reads_it(crowd, hub, tmp_path):
    from datasets import load_dataset

    publish_it(crowd)
    folder = snapshot_download("org/faces", repo_type="dataset", local_dir=tmp_path / "copy", token=TOKEN)
    loaded = load_dataset(
        "parquet", data_files=f"{folder}/faces.parquet", split="train", cache_dir=str(tmp_path / "c")
    )
    assert loaded[0]["image"].size[0] > 0
    assert loaded[0]["AU12"] > 0.5


def test_labels_alone_have_no_photos(crowd, hub):
    publish_it(crowd, labels_only=True)
    faces = table("faces.parquet")
    assert "image" not in faces.column_names
    assert {"sha256", "AU12", "AU12_n"} <= set(faces.column_names)
    assert not [data for data in hub.repository("dataset", "org/faces").files.values() if b"\x89PNG" in data]


def test_the_card_tells_of_consent_and_asks_for_a_purpose(crowd, hub):
    publish_it(crowd)
    path = hf_hub_download("org/faces", "README.md", repo_type="dataset")
    head, text = metadata_load(path), Path(path).read_text("utf-8")
    assert head["license"] == "cc-by-nc-4.0"
    assert head["configs"][0]["data_files"] == "faces.parquet"
    assert "Purpose" in head["extra_gated_fields"]
    for told in ("write to faces@example.org", "earlier states are dropped", "split by it"):
        assert told in text


def test_who_is_forgotten_is_in_no_state_of_the_repository(crowd, hub):
    publish_it(crowd)
    gone = table("faces.parquet")["sha256"].to_pylist()[0]
    item = table("faces.parquet")["item"].to_pylist()[0]
    forget(crowd.store, OPERATOR, subject_code(crowd.store, OPERATOR, item))
    publish_it(crowd)
    assert gone not in table("faces.parquet")["sha256"].to_pylist()
    assert len(HfApi().list_repo_commits("org/faces", repo_type="dataset")) == 1


def test_nothing_agreed_is_nothing_published(lab, hub):
    lab.add(1, consent=Consent.ANNOTATE)
    with pytest.raises(StoreError, match="nothing to publish"):
        publish_it(lab)
    assert hub.requests == []


def test_an_annotator_may_not(crowd, hub):
    with pytest.raises(NotAllowed):
        publish(crowd.store, crowd.person("ann"), crowd.project, "org/faces", "other", "x@example.org")
    assert hub.requests == []


def test_by_command_and_a_hub_that_fails(crowd, hub, capsys):
    words = [
        "--url",
        crowd.store.url.render_as_string(hide_password=False),
        "--data",
        str(crowd.store.folder),
        "publish",
        "org/faces",
        "--licence",
        "other",
        "--contact",
        "x@y.org",
    ]
    hub.fail("POST .*/commit/", status=500)
    assert main(words) == 1
    assert "publish again" in capsys.readouterr().err
    assert main(words) == 0
    assert "2 faces and 2 answers are in org/faces at " in capsys.readouterr().out
