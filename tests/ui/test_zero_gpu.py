"""On ZeroGPU the same is said of the same face, by a function that declares a short time."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.ui.conftest import ROOT
from ui import zero_gpu
from vlfau.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def folder(predictor, tmp_path_factory):
    made = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(made, predictor.checkpoint.model, predictor.checkpoint.words, predictor.checkpoint.card)
    return made


def test_a_lent_predictor_says_what_its_checkpoint_says(folder, image):
    from vlfau.checkpoint import load_checkpoint
    from vlfau.finder import MediaPipeFinder
    from vlfau.predictor import Predictor

    plain = Predictor(load_checkpoint(folder), MediaPipeFinder())
    wanted, said = plain.predict(image), zero_gpu.lent(plain, folder).predict(image)
    assert [face.description for face in said] == [face.description for face in wanted]
    assert [unit.probability for unit in said[0].action_units] == pytest.approx(
        [unit.probability for unit in wanted[0].action_units], abs=1e-6
    )


def test_without_a_face_no_gpu_is_asked_for(folder, predictor, monkeypatch):
    monkeypatch.setattr(zero_gpu, "read_faces", None)
    assert zero_gpu.lent(predictor, folder).predict_aligned([]) == []


@pytest.mark.parametrize(("faces", "seconds"), [(1, 11), (5, 15), (500, 60)])
def test_the_declared_time_is_short_and_grows_with_the_faces(faces, seconds):
    assert zero_gpu.declared_s(None, [None] * faces, True) == seconds


def test_elsewhere_nothing_is_marked():
    def function():
        return 1

    assert not zero_gpu.is_there()
    assert zero_gpu.with_gpu(function) is function


def test_there_the_function_is_marked_with_its_time(monkeypatch):
    marked = {}
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(
        sys.modules,
        "spaces",
        SimpleNamespace(GPU=lambda function, duration: marked.update({function: duration})),
    )
    zero_gpu.with_gpu(max)
    assert marked == {max: zero_gpu.declared_s}


def test_it_is_marked_before_torch_is_loaded():
    code = "import sys, ui.zero_gpu; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
