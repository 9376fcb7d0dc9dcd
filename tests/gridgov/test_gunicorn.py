"""What the web server does around its processes."""

import importlib


def test_figures_of_an_earlier_run_are_gone_and_nothing_else_of_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "figures"))
    gunicorn = importlib.import_module("gridgov.gunicorn")
    gunicorn.on_starting(None)
    for name in ("counter_12.db", "histogram_12.db", "mine.txt"):
        (tmp_path / "figures" / name).touch()
    gunicorn.on_starting(None)
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["mine.txt"]
    gunicorn.on_exit(None)
    assert (tmp_path / "figures" / "mine.txt").exists()
