from camtrap_tf.answers.people import Shown
from camtrap_tf.reviewing import server
from tests.reviewing.live.conftest import say, truth


def people_for_deer(number: int) -> str:
    return "hiker" if truth(number) == "deer" else truth(number)


def test_people_are_guarded_as_soon_as_somebody_has_named_some(make_live):
    session = make_live(60)
    session.people = Shown.HIDE
    assert not any(session.shows_people(place) for place in range(60))  # nothing is known yet
    for _ in range(16):
        question = session.next(1)["questions"][0]
        say(session, question, people_for_deer(question["place"]))
        session.learn()
    kinds = [people_for_deer(place) for place in range(60)]
    guarded = {place for place in range(60) if session.shows_people(place)}
    assert guarded >= {place for place in range(60) if kinds[place] == "hiker"}
    assert len(guarded) <= 24 + 6  # of the other 36 hardly any
    told = {event["place"] for event in session.events(range(50)) if event["people"]}
    assert told == {place for place in guarded if place < 50}
    client = server.application(session).test_client()
    some = min(guarded)
    response = client.get(f"/pictures/{session.queue}/{some}/0")
    assert response.status_code == 404
    # What a person says decides, against the model.
    open_ones = (p for p in guarded if not session.events([p])[0]["mine"])
    place = next(open_ones)
    say(session, session.events([place])[0], "fox", id="no hiker")
    assert not session.shows_people(place)


def test_all_is_shown_where_nobody_asked_for_less(make_live):
    session = make_live(20)
    for question in session.next(10)["questions"]:
        say(session, question, "person")
    session.learn()
    assert not any(session.shows_people(place) for place in range(20))
