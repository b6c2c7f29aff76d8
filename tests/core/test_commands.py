import logging
from pathlib import Path

import pytest

from camtrap_tf.core.commands import Command, Ending, Step, command, counted, follow, listed


def test_a_command_is_spelled_as_one_types_it():
    made = command("bundle", "my card", run=["a b", "c"], out=Path("x"), share=0.5, no=None)
    assert made.arguments == ("my card", "--run=a b", "--run=c", "--out=x", "--share=0.5")
    assert str(made) == "camtrap bundle 'my card' '--run=a b' --run=c --out=x --share=0.5"
    assert str(command("shard", verify=True, look=False)) == "camtrap shard --verify --nolook"


def test_an_ending_offers_commands_in_their_order():
    ending = Ending("9 pictures.", (command("review", "answers"), "open report.html"))
    assert str(ending) == "9 pictures.\nNext: camtrap review answers\n  or: open report.html"
    assert str(Ending("9 pictures.")) == "9 pictures."


def test_following_shows_each_command_and_leaves_out_what_is_done(tmp_path, caplog):
    caplog.set_level(logging.INFO, "camtrap")
    (tmp_path / "made").touch()
    ran = []

    def steps():
        yield Step(command("prepare"), tmp_path / "made")
        yield Step(command("shard", out="s"), tmp_path / "absent")
        yield Step(command("train", run=str(len(ran))))  # sees what came before

    def camtrap(verb, arguments):
        ran.append(Command(verb, tuple(arguments)))
        return Ending(f"{verb} is done.") if verb == "shard" else None

    follow(steps(), camtrap)
    assert list(map(str, ran)) == ["camtrap shard --out=s", "camtrap train --run=1"]
    assert [record.message.strip() for record in caplog.records] == [
        "$ camtrap prepare", f"done before: {tmp_path / 'made'}", "$ camtrap shard --out=s",
        "shard is done.", "$ camtrap train --run=1",
    ]  # fmt: skip


def test_an_error_ends_it():
    def camtrap(verb, arguments):
        raise ValueError(verb)

    with pytest.raises(ValueError, match="one"):
        follow([Step(command("one")), Step(command("two"))], camtrap)


def test_counts_in_words():
    assert counted(1, "capture events") == "1 capture event"
    assert listed({f"s{i}": 9 - i for i in range(8)}) == (
        "9 s0, 8 s1, 7 s2, 6 s3, 5 s4, 4 s5, 5 of 2 other kinds"
    )
    assert listed({}) == ""
