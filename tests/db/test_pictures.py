"""Who may see a face: those who have it in hand or have answered it, and reviewers; nobody after a withdrawal."""

import pytest

from db.errors import NotAllowed, NotFound
from db.people import forget, withdraw
from db.pictures import face_evidence, face_picture, likely_pictures
from db.responses import skip, submit
from db.review import set_gold
from db.roles import OPERATOR, Role
from tests.db.laboratory import Lab, maps, marks
from vlfau.action_units import AU_NUMBERS


@pytest.fixture
def item(lab):
    return lab.add()


def may_see(lab, actor, item):
    try:
        return len(face_picture(lab.store, actor, item).sha256) == 64
    except NotAllowed:
        return False


def test_who_has_it_in_hand(lab, item):
    ada, bob = lab.person("Ada"), lab.person("Bob")
    assert not may_see(lab, ada, item)
    lab.next(ada)
    assert may_see(lab, ada, item)
    assert not may_see(lab, bob, item)


@pytest.mark.parametrize("finish", ["submit", "skip"])
def test_who_finished_it_sees_it_in_their_history(lab, item, finish):
    ada = lab.person("Ada")
    lease = lab.next(ada).lease_id
    if finish == "submit":
        submit(lab.store, ada, lease, marks(AU12="present"))
    else:
        skip(lab.store, ada, lease, "too dark")
    assert may_see(lab, ada, item)


def test_not_after_the_lease_ran_out_and_nothing_was_begun(lab, item, clock):
    ada, bob = lab.person("Ada"), lab.person("Bob")
    lab.next(ada)
    clock.tick(60)
    lab.next(bob)  # takes back what is over
    assert not may_see(lab, ada, item)


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
def test_reviewers(lab, item, role):
    assert may_see(lab, lab.person("Rita", role), item)


def test_nobody_once_the_person_in_it_withdrew(lab, item):
    ada = lab.person("Ada")
    lab.next(ada)
    withdraw(lab.store, OPERATOR, "person-0")
    assert not may_see(lab, ada, item)
    assert not may_see(lab, lab.person("Rita", Role.REVIEWER), item)


def test_what_comes_next_can_be_made_ready_and_is_still_nobodys(lab):
    items = [lab.add(seed, probability) for seed, probability in enumerate((0.5, 0.45, 0.3))]
    ada = lab.person("Ada")
    shown = [face_picture(lab.store, lab.person("Rita", Role.REVIEWER), item).sha256 for item in items]
    assert [found.sha256 for found in likely_pictures(lab.store, ada, lab.project, 2)] == shown[:2]
    assert not may_see(lab, ada, items[0])
    assert [lab.answer(ada), lab.answer(ada)] == items[:2]
    assert [found.sha256 for found in likely_pictures(lab.store, ada, lab.project)] == shown[2:]


def test_a_forgotten_face_is_not_there(lab, item):
    forget(lab.store, OPERATOR, "person-0")
    with pytest.raises(NotFound):
        face_picture(lab.store, lab.person("Rita", Role.REVIEWER), item)


def test_the_place_of_the_face_comes_along(lab, item):
    picture = face_picture(lab.store, lab.person("Rita", Role.REVIEWER), item)
    assert picture.face.box_xyxy_px == (4.0, 4.0, 40.0, 40.0)
    assert lab.store.images.read(picture.sha256).shape == (48, 64, 3)


# ---- evidence


def test_where_the_network_looked_is_for_who_sees_the_face(lab):
    item = lab.add(evidence=maps())
    ada = lab.person("Ada")
    assert lab.next(ada).prediction.has_evidence
    shown = face_evidence(lab.store, ada, item)
    assert (shown.shape, shown.max()) == ((len(AU_NUMBERS), 8, 8), 255)
    assert (shown.reshape(-1, 64).argmax(1) == maps().reshape(-1, 64).argmax(1)).all()
    with pytest.raises(NotAllowed, match="not yours to see"):
        face_evidence(lab.store, lab.person("Bob"), item)


@pytest.mark.parametrize("role", list(Role))
def test_of_a_blind_face_nobody_gets_it(store, clock, role):
    lab = Lab(store, clock, blind_share=1.0)
    item = lab.add(evidence=maps())
    ada = lab.person("Ada", role)
    assert lab.next(ada).prediction is None
    with pytest.raises(NotAllowed, match="judged without the model"):
        face_evidence(lab.store, ada, item)


@pytest.mark.parametrize("role", list(Role))
def test_of_a_known_face_nobody_gets_it(lab, role):
    item = lab.add(evidence=maps())
    ada = lab.person("Ada", role)
    lab.next(ada)
    assert face_evidence(lab.store, ada, item).any()
    set_gold(lab.store, OPERATOR, item, marks(AU12="present"))
    with pytest.raises(NotAllowed, match="judged without the model"):
        face_evidence(lab.store, ada, item)


def test_a_prediction_without_it(lab, item):
    ada = lab.person("Ada")
    assert not lab.next(ada).prediction.has_evidence
    with pytest.raises(NotFound, match="added before they were kept"):
        face_evidence(lab.store, ada, item)
