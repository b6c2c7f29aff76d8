import importlib

from absl import flags

from camtrap_tf import cli
from camtrap_tf.verbs import demo


def test_the_demo_is_a_list_of_verbs_as_one_types_them(tmp_path):
    verbs = []
    for step in demo.steps(tmp_path, 90, 3):
        verbs.append(step.command.verb)
        values = flags.FlagValues()
        importlib.import_module(cli.VERBS[verbs[-1]].module).define(values)
        values([verbs[-1], *step.command.arguments])  # raises where a flag is not there
    assert verbs == [
        "synthesize", "prepare", "shard", "train", "train", "bundle", "export", "evaluate",
        "report",
    ]  # fmt: skip


def test_a_finished_demo_runs_nothing(tmp_path, capsys):
    (tmp_path / "report.html").touch()
    assert cli.main(["demo", f"--out={tmp_path}"]) == 0
    assert f"open {tmp_path / 'report.html'}" in capsys.readouterr().out
