"""Adapters against the libraries they are named after."""

import builtins
import importlib
import subprocess
import sys
from types import SimpleNamespace

import pytest

import radjudge
from radjudge.integrations.radeval import RadJudgeMetric
from radjudge.integrations.sklearn import make_scorer
from radjudge.integrations.trl import reward_fn, text_of

REFERENCES = ["Small left effusion.", "Mild cardiomegaly.", "No acute disease.", "Scoliosis.", "Hiatal hernia."]
CANDIDATES = ["Small right effusion.", "Mild cardiomegaly.", "Left pneumothorax.", "Lungs clear.", "Hiatal hernia."]
SPANISH = "El corazon es de tamano normal y los pulmones estan sin infiltrados ni derrame pleural."


@pytest.fixture(scope="module")
def results():
    return radjudge.score(references=REFERENCES, candidates=CANDIDATES)


def test_evaluate(results, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_EVALUATE_OFFLINE", "1")
    module = pytest.importorskip("radjudge.integrations.evaluate")
    metric = module.RadJudge(cache_dir=str(tmp_path))
    values = metric.compute(predictions=CANDIDATES, references=REFERENCES)
    assert values["score"] == pytest.approx(results.mean.score)
    assert values["total_errors"] == pytest.approx(results.mean.total_errors)
    assert values["failed"] == 0
    for prediction, reference in zip(CANDIDATES, REFERENCES, strict=True):
        metric.add(prediction=prediction, reference=reference)
    values = metric.compute(per_sample=True)
    assert values["total_errors_per_sample"] == [item.total_errors for item in results]
    aged = metric.compute(predictions=CANDIDATES, references=REFERENCES, contexts=[{"age": 30}] * 5)
    assert aged["total_errors"] == values["total_errors"]


def test_torchmetrics_alone(results):
    pytest.importorskip("torchmetrics")
    from radjudge.integrations.torchmetrics import RadJudgeScore

    metric = RadJudgeScore()
    assert metric.higher_is_better
    metric.update(CANDIDATES[:2], REFERENCES[:2])
    metric.update(CANDIDATES[2:], REFERENCES[2:])
    assert metric.compute().item() == pytest.approx(results.mean.score, abs=1e-12)
    metric.reset()
    assert metric.pairs == 0
    counts = RadJudgeScore(key="total_errors", on_failed="skip")
    assert not counts.higher_is_better
    counts.update([*CANDIDATES, SPANISH], [*REFERENCES, SPANISH])
    assert counts.compute().item() == pytest.approx(results.mean.total_errors)
    assert counts.failed == 1
    with pytest.raises(ValueError, match="1 of 1 pairs could not be judged"):
        metric.update([SPANISH], [SPANISH])
    for options, match in (({"key": "bleu"}, "key must be"), ({"on_failed": "zero"}, "on_failed")):
        with pytest.raises(ValueError, match=match):
            RadJudgeScore(**options)


RANK = """
import sys
import torch.distributed as dist
from radjudge.integrations.torchmetrics import RadJudgeScore
rank, path, references, candidates = int(sys.argv[1]), sys.argv[2], {references!r}, {candidates!r}
dist.init_process_group("gloo", init_method="file://" + path, rank=rank, world_size=2)
metric = RadJudgeScore()
share = slice(0, 2) if rank == 0 else slice(2, None)
metric.update(candidates[share], references[share])
print(repr(metric.compute().item()))
dist.destroy_process_group()
"""


def test_torchmetrics_on_two_gloo_ranks_equals_one_process(results, tmp_path):
    pytest.importorskip("torchmetrics")
    code = RANK.format(references=REFERENCES, candidates=CANDIDATES)
    command = [sys.executable, "-c", code]
    ranks = [
        subprocess.Popen([*command, str(rank), str(tmp_path / "store")], stdout=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    values = [float(process.communicate(timeout=120)[0].strip().splitlines()[-1]) for process in ranks]
    assert values[0] == values[1] == pytest.approx(results.mean.score, abs=1e-12)


def test_trl_reward_on_text_and_chat(results):
    reward = reward_fn(key="score")
    expected = [item.score for item in results]
    assert reward(CANDIDATES, ground_truth=REFERENCES, prompts=["x"] * 5, trainer_state=None) == expected
    chats = [[{"role": "user", "content": "?"}, {"role": "assistant", "content": text}] for text in CANDIDATES]
    assert reward(completions=chats, ground_truth=REFERENCES) == expected
    assert reward_fn("total_errors", column="answer")(CANDIDATES, answer=REFERENCES) == [
        -item.total_errors for item in results
    ]
    assert reward.__name__ == "radjudge_score"


def test_trl_reward_never_scores_what_it_cannot_judge():
    reward = reward_fn()
    with pytest.raises(ValueError, match="1 of 1 pairs could not be judged: UnsupportedLanguageError"):
        reward([SPANISH], ground_truth=[SPANISH])
    with pytest.raises(TypeError, match="no column 'ground_truth'; columns: answer"):
        reward(["x"], answer=["y"])
    with pytest.raises(TypeError, match=r"completions\[0\] must be"):
        reward([None], ground_truth=["y"])
    with pytest.raises(ValueError, match="key must be"):
        reward_fn("bleu")
    parts = [{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert text_of(parts) == "ab"


def test_pandas_frames(results):
    pd = pytest.importorskip("pandas")
    from radjudge.integrations.pandas import score_frame
    from radjudge.tables import Columns

    frame = pd.DataFrame({"ref": REFERENCES, "cand": CANDIDATES, "age": [30, None, 60, 70, 80]}, index=list("abcde"))
    scored, found = score_frame(frame)
    assert list(scored.index) == list("abcde")
    assert scored["radjudge_total_errors"].tolist() == [item.total_errors for item in results]
    assert scored["radjudge_location"].tolist() == [1, 0, 0, 0, 0]
    assert "radjudge_score" not in frame
    assert found.pairs[1].context is None
    assert len(found.to_pandas()) == 5
    with pytest.raises(ValueError, match="columns: ref, cand, age"):
        score_frame(frame, columns=Columns(reference="truth"))
    frame.loc["b", "cand"] = float("nan")
    with pytest.raises(TypeError, match=r"candidates\[1\]"):
        score_frame(frame)


def test_radeval_and_sklearn_like_classes(results):
    metric = RadJudgeMetric()
    assert metric.compute(REFERENCES, CANDIDATES) == {"radjudge_score": results.mean.score}
    seen = []
    values = metric.compute(REFERENCES, CANDIDATES, per_sample=True, detailed=True, on_progress=lambda: seen.append(1))
    assert list(values) == metric.metric_keys(detailed=True)
    assert values["radjudge_location"] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert len(seen) == 5
    with pytest.raises(ValueError, match="none of 1 pairs"):
        metric.compute([SPANISH], [SPANISH])
    estimator = SimpleNamespace(predict=lambda X: CANDIDATES)
    assert make_scorer()(estimator, None, REFERENCES) == pytest.approx(results.mean.score)
    assert make_scorer("total_errors")(estimator, None, REFERENCES) == pytest.approx(-results.mean.total_errors)


@pytest.mark.parametrize("name", ["evaluate", "torchmetrics", "pandas"])
def test_missing_library_names_the_pip_line(name, monkeypatch):
    module = f"radjudge.integrations.{name}"
    monkeypatch.delitem(sys.modules, module, raising=False)
    real = builtins.__import__

    def without(wanted, *args, **kwargs):
        if wanted.split(".")[0] in ("evaluate", "torchmetrics", "pandas", "torch", "datasets"):
            raise ImportError(wanted)
        return real(wanted, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=rf'pip install "radjudge\[{name}\]"'):
        importlib.import_module(module)
