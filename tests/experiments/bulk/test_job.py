"""How a job begins, goes on, or says why it cannot; without Ray."""

import dataclasses
import importlib.util

import pytest

from experiments import detect_bulk
from experiments.bulk import cluster, settings
from tests.experiments.bulk.jobs import DEFAULTS, begin, do_all
from tests.mtcnn_jax.commandline.drawn import make

OWN = {
    field.name: field.default
    for field in dataclasses.fields(settings.Settings)
    if field.name not in ("input", "output", "options")
}
"""The command's own flags, as a command line without them gives them."""


def test_the_workers_are_as_many_as_there_is_room_for(tmp_path):
    def workers(resources, **flags):
        asked = settings.to_settings({"input": "a", "output": "b", **DEFAULTS, **flags})
        return tuple(cluster.count_workers(asked, resources))

    assert workers({"CPU": 8.0}) == (8, 1, 0)
    assert workers({"CPU": 8.0}, cpus_per_worker=3) == (2, 3, 0)
    assert workers({"CPU": 8.0}, workers=5) == (5, 1, 0)
    assert workers({"CPU": 64.0, "GPU": 4.0}, cpus_per_worker=8) == (4, 8, 1)
    for resources, flags in (
        ({"CPU": 8.0}, {"workers": 9}),
        ({"CPU": 2.0}, {"cpus_per_worker": 3}),
        ({"CPU": 8.0, "GPU": 2.0}, {"workers": 3}),
    ):
        with pytest.raises(ValueError, match="there are . CPUs and . GPUs; accepted: up to"):
            workers(resources, **flags)


def run(source, output, **flags):
    detect_bulk.run({"input": str(source), "output": str(output), **OWN, **DEFAULTS, **flags})


def test_what_is_done_is_not_begun_again(tmp_path, capsys):
    make(tmp_path / "in/text.jpg").write_text("no picture")
    do_all(begin(tmp_path / "in", tmp_path / "out"))
    run(tmp_path / "in", tmp_path / "out")  # With no worker: there is nothing to do.
    told = capsys.readouterr().out
    assert "partitions left: 0, partitions done before: 1; see " in told


def test_another_jobs_output_is_refused_and_begun_anew_where_that_is_asked_for(tmp_path):
    make(tmp_path / "in/a.jpg").write_text("no picture")
    make(tmp_path / "other/b.jpg")
    out = tmp_path / "out"
    do_all(begin(tmp_path / "in", out))
    with pytest.raises(ValueError, match='--input was .*in" and is .*other"; accepted: another'):
        begin(tmp_path / "other", out)
    with pytest.raises(ValueError, match=r"--min_face_size was 20 and is 30.0, --voting was"):
        begin(tmp_path / "in", out, min_face_size=30.0, voting=1.0)
    again = begin(f"{tmp_path}/other/../in/", out, workers=3)
    assert again.manifest == begin(tmp_path / "in", out).manifest
    begin(tmp_path / "other", out, overwrite=True)
    assert not list(out.glob("part-*"))
    for file in (out / "_manifest").iterdir():
        file.unlink()
    (out / "part-000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="holds partitions of a job that is not known; accepted"):
        begin(tmp_path / "other", out)


def test_results_do_not_lie_among_parquet_that_is_read(tmp_path):
    with pytest.raises(ValueError, match="in/out is in the folder of Parquet .*in, and would be"):
        run(tmp_path / "in", tmp_path / "in/out", column="image")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"input": "/none/such"}, "'/none/such' cannot be read: No such file or directory"),
        ({"input": "what://photos"}, "'what://photos' cannot be opened: Protocol not known: what"),
        ({"input": "hdfs2://photos"}, "'hdfs2://photos' cannot be opened: Protocol not known"),
        ({"output": "/dev/null/x"}, "_manifest/weights.npz' cannot be written: Not a directory"),
        ({"partition_size": 0}, "--partition_size=0; accepted: whole numbers from 1 up"),
        ({"workers": 0}, "--workers=0; accepted: whole numbers from 1 up"),
        ({"max_pixels": 2**28}, "--max_pixels=268435456; accepted: up to 134217728"),
        ({"min_score": 2.0}, "--min_score=2.0; accepted: scores from 0 to 1"),
        ({"weights": "/none.npz"}, "/none.npz"),
        ({"ray_address": "ray://head:1"}, "--ray_address=ray://head:1; accepted: HOST:PORT"),
        ({"ray_address": "127.0.0.1:9"}, "no cluster answers at --ray_address=127.0.0.1:9"),
    ],
)
def test_what_cannot_begin_says_why(tmp_path, monkeypatch, changed, told):
    make(tmp_path / "in/a.png")
    places = {"source": tmp_path / "in", "output": tmp_path / "out"}
    if "input" in changed:
        changed = {"source": changed.pop("input"), **changed}
    with pytest.raises((OSError, ValueError)) as caught:
        run(**places | changed)
    assert told in str(caught.value)


def test_ray_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs ray, .* pip install 'mtcnn_jax\[bulk\]'"):
        run(tmp_path, tmp_path / "out")
