"""Tests of photos on their way in: the content store, people and consent, faces, predictions, items."""

import io

import numpy as np
import pytest
from PIL import Image

from db.content import ContentStore, sha256_of
from db.errors import Conflict, NotAllowed, NotFound, StoreError, TextError
from db.people import withdraw
from db.photos import add_image, add_item, add_prediction, keep_photo
from db.priority import priority, rarity_weights
from db.projects import ProjectSettings, add_project
from db.rescore import rescore
from db.roles import OPERATOR, Actor
from db.values import Consent, PredictedUnit
from tests.db.laboratory import SaidOfFace, marks, photo
from vlfau.errors import LabelError
from vlfau.images import read_image


class TestContent:
    @pytest.fixture
    def files(self, tmp_path):
        return ContentStore(tmp_path / "images")

    def test_a_photo_comes_back_to_the_last_bit(self, files):
        sha256, size = files.add(photo(1))
        assert (files.read(sha256) == photo(1)).all()
        assert size == files.path(sha256).stat().st_size
        assert files.path(sha256).parent.name == sha256[:2]

    def test_a_part_of_an_array_is_a_photo_too(self, files):
        part = photo(1)[::2, ::-1]
        sha256, _ = files.add(part)
        assert (files.read(sha256) == part).all()

    def test_the_shape_is_part_of_the_name(self):
        flat = np.zeros((2, 6, 3), np.uint8)
        assert sha256_of(flat) != sha256_of(flat.reshape(6, 2, 3))

    def test_place_and_time_of_the_upload_are_gone(self, files):
        upload, exif = io.BytesIO(), Image.Exif()
        exif[0x0110] = "A camera's name"
        exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
        Image.fromarray(photo(1)).save(upload, "PNG", exif=exif, pnginfo=None)
        assert b"camera's name" in upload.getvalue()
        sha256, _ = files.add(read_image(upload.getvalue()))
        with Image.open(files.path(sha256)) as stored:
            assert not stored.getexif()
        assert b"camera" not in files.path(sha256).read_bytes()

    def test_a_damaged_file_is_not_whole(self, files):
        sha256, _ = files.add(photo(1))
        assert files.is_whole(sha256)
        files.path(sha256).write_bytes(files.path(files.add(photo(2))[0]).read_bytes())
        assert not files.is_whole(sha256)
        with pytest.raises(StoreError, match="not what its name says"):
            files.add_file("0" * 64, files.path(sha256).read_bytes())

    def test_a_missing_file(self, files):
        with pytest.raises(NotFound, match="python -m db check"):
            files.read("0" * 64)

    @pytest.mark.parametrize(
        "bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
    )
    def test_what_is_no_photo(self, files, bad):
        with pytest.raises(StoreError, match="shape"):
            files.add(bad)

    def test_a_full_disk_leaves_nothing(self, files, monkeypatch):
        def full(_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            files.add(photo(1))
        assert not [path for path in files.folder.rglob("*") if path.is_file()]


class TestKeeping:
    def test_the_same_photo_twice_is_one(self, lab, count):
        assert lab.add(1) == lab.add(1)
        assert (count("image"), count("face"), count("prediction"), count("item")) == (1, 1, 1, 1)
        assert len(list(lab.store.images.names())) == 1

    def test_the_same_photo_of_somebody_else_is_refused(self, lab):
        lab.add(1, code="P-1")
        with pytest.raises(Conflict, match="another subject code"):
            lab.add(1, code="P-2")
        assert lab.add(1, code="P-1") == 1

    def test_without_a_code_a_person_gets_a_new_one(self, lab, count):
        for seed in (1, 2):
            add_image(lab.store, OPERATOR, photo(seed), Consent.ANNOTATE)
        assert count("subject") == 2

    def test_the_narrower_consent_holds(self, lab, count):
        lab.add(1, consent=Consent.PUBLISH, code="P")
        lab.add(2, consent=Consent.ANNOTATE, code="P")
        lab.add(3, consent=Consent.PUBLISH, code="P")
        assert count("subject WHERE consent = 'annotate'") == 1

    @pytest.mark.parametrize("consent", ["analyse", "", "everything"])
    def test_without_consent_nothing_is_kept(self, lab, consent, count):
        with pytest.raises(LabelError, match="no consent"):
            add_image(lab.store, OPERATOR, photo(1), consent)
        assert count("image") == 0

    def test_who_withdrew_is_not_kept_again(self, lab):
        lab.add(1, code="P")
        withdraw(lab.store, OPERATOR, "P")
        with pytest.raises(Conflict, match="withdrew"):
            lab.add(2, code="P")

    def test_a_stranger_leaves_no_file(self, lab):
        with pytest.raises(NotAllowed):
            keep_photo(lab.store, Actor(99), lab.project, photo(1), [SaidOfFace()], Consent.PUBLISH)
        assert not list(lab.store.images.names())

    def test_codes_are_plain_text(self, lab):
        with pytest.raises(TextError):
            lab.add(1, code="<b>P</b>")

    def test_two_faces_in_a_photo(self, lab, count):
        said = [SaidOfFace(), SaidOfFace(box=(45.0, 4.0, 60.0, 40.0))]
        assert len(keep_photo(lab.store, OPERATOR, lab.project, photo(1), said, Consent.PUBLISH)) == 2
        assert count("face") == 2

    def test_the_face_comes_back_whole(self, lab):
        lab.add(1)
        task = lab.next(lab.person("ann"))
        said = SaidOfFace()
        assert task.face.box_xyxy_px == said.face.box_xyxy_px
        assert (task.face.landmarks_px == said.face.landmarks_px).all()
        assert (task.face.pose, task.face.warnings) == (said.face.pose, said.face.warnings)
        assert (task.chip_transform == said.chip_transform).all()
        assert (read_image(task.image) == photo(1)).all()

    def test_the_real_prediction_fits(self):
        """The network's own types have what the store asks for; checked by name, since they bring torch along."""
        from typing import get_type_hints

        from vlfau.predictor import ActionUnitPrediction, FacePrediction

        assert {"face", "action_units", "description", "chip_transform", "evidence", "model_version"} <= set(
            get_type_hints(FacePrediction)
        )
        assert {"number", "probability", "threshold", "intensity", "text"} <= set(
            get_type_hints(ActionUnitPrediction)
        )


class TestPredictions:
    def test_a_prediction_is_there_and_never_changes(self, lab, count):
        image = add_image(lab.store, OPERATOR, photo(1), Consent.PUBLISH)
        first = add_prediction(lab.store, OPERATOR, image, SaidOfFace(probability=0.2))
        assert add_prediction(lab.store, OPERATOR, image, SaidOfFace(probability=0.9)) == first
        assert count("predicted_unit WHERE probability > 0.5") == 0

    def test_a_new_version_on_the_same_face_is_shown_where_nobody_looked(self, lab, count):
        lab.add(1, probability=0.2)
        lab.add(1, probability=0.5, model_version="small-2", box=(5.0, 4.0, 41.0, 41.0))
        assert (count("face"), count("prediction"), count("item")) == (1, 2, 1)
        assert lab.next(lab.person("ann")).prediction.model_version == "small-2"
        lab.add(1, model_version="small-3")
        assert lab.next(lab.person("ann")).prediction.model_version == "small-2"

    def test_items_of_several_projects(self, lab):
        image = add_image(lab.store, OPERATOR, photo(1), Consent.PUBLISH)
        prediction = add_prediction(lab.store, OPERATOR, image, SaidOfFace())
        other = add_project(lab.store, OPERATOR, ProjectSettings("other"))
        assert add_item(lab.store, OPERATOR, lab.project, prediction) != add_item(
            lab.store, OPERATOR, other, prediction
        )

    def test_what_is_not_there(self, lab):
        with pytest.raises(NotFound, match="no such photo"):
            add_prediction(lab.store, OPERATOR, 9, SaidOfFace())
        with pytest.raises(NotFound, match="no such prediction"):
            add_item(lab.store, OPERATOR, lab.project, 9)
        with pytest.raises(NotFound, match="no such project"):
            lab.store and add_item(lab.store, OPERATOR, 9, _prediction(lab))


def _prediction(lab):
    return add_prediction(
        lab.store, OPERATOR, add_image(lab.store, OPERATOR, photo(1), Consent.PUBLISH), SaidOfFace()
    )


class TestPriority:
    unit = PredictedUnit(12, 0.5, 0.5, None, None)

    def test_uncertainty(self):
        sure = PredictedUnit(12, 0.99, 0.5, None, None)
        assert priority([self.unit], {}, {}) > priority([sure], {}, {}) > 0

    def test_disagreement_among_people_and_with_the_model(self):
        in_unison, against_model, split = ({12: (2, 0)}, {12: (0, 2)}, {12: (1, 1)})
        worth = [priority([self.unit], votes, {}) for votes in (in_unison, against_model, split)]
        assert worth[0] < worth[1] == worth[2]

    def test_rarity(self):
        assert priority([self.unit], {}, {12: 2.0}) == 2 * priority([self.unit], {}, {})
        weights = rarity_weights({4: (90, 10), 12: (1, 99)})
        assert weights[12] > weights[4]
        assert sum(weights.values()) / 2 == pytest.approx(1)

    def test_nothing_predicted(self):
        assert priority([], {}, {}) == 0

    def test_rescore_sees_what_became_rare(self, lab, count):
        for seed in range(3):
            lab.add(seed, probability=0.9)
        lab.answer(lab.person("ann"), AU12="present", AU4="absent")
        before = count("event")
        assert rescore(lab.store, OPERATOR, lab.project) == 3
        assert count("event") > before
        assert marks(AU12="present").occurrences
