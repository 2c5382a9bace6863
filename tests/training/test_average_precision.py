"""Average precision: a case that can be followed with a pencil, and the reference implementation."""

import contextlib
import io

import numpy as np
import pytest

from minivit.training.average_precision import Found, iou, precisions, summary


def scene(*objects, most=3):
    """Labels (M, 5) of one image."""
    rows = np.zeros((most, 5))
    rows[:, 0] = -1
    rows[: len(objects)] = objects
    return rows


def found(*images):
    """Found, of a list of (score, class, box) an image, all of one length."""
    return Found(*(np.array([[answer[i] for answer in image] for image in images]) for i in range(3)))


HERE, THERE, NEARLY = (0.3, 0.3, 0.2, 0.2), (0.7, 0.7, 0.2, 0.2), (0.32, 0.3, 0.2, 0.2)


def test_iou_of_a_box_that_is_moved_by_a_tenth_of_its_width():
    assert iou(np.array(HERE), np.array(NEARLY)) == pytest.approx(0.9 / 1.1)


def test_two_of_three_objects_and_a_false_alarm_between_them():
    """The surest answer is right, the second is not there, the third is right, the fourth takes an object that is taken: so
    precision is 1 up to the recall of 1/3, 2/3 up to 2/3, and nothing beyond."""
    labels = np.stack([scene((0, *HERE), (0, *THERE)), scene((0, *HERE))])
    answers = found([(0.9, 0, HERE), (0.5, 0, NEARLY)], [(0.8, 0, THERE), (0.7, 0, NEARLY)])
    table = precisions(answers, labels, 1, thresholds=[0.5])
    assert table[0, :, 0].tolist() == [1.0] * 34 + [2 / 3] * 33 + [0.0] * 34
    assert precisions(answers, labels, 1, thresholds=[0.9])[0, 34:, 0].max() == 0  # NEARLY is not near enough


def test_an_answer_of_another_class_is_wrong_and_a_class_without_objects_has_no_figure():
    labels, answers = scene((1, *HERE))[None], found([(0.9, 0, HERE), (0.8, 1, HERE)])
    table = precisions(answers, labels, 3)
    assert np.isnan(table[:, :, [0, 2]]).all() and (table[:, :, 1] == 1).all()
    assert summary(answers, labels, 3)["AP"] == 1


def test_objects_of_other_sizes_do_not_count():
    small = (0.7, 0.7, 0.1, 0.1)
    labels, answers = scene((0, *HERE), (0, *small))[None], found([(0.9, 0, HERE), (0.8, 0, small), (0.7, 0, THERE)])
    assert (precisions(answers, labels, 1, areas=(0, 0.02))[0, :, 0] == 1).all()


def test_of_two_objects_too_each_third_has_one():
    small = (0.7, 0.7, 0.1, 0.1)
    result = summary(found([(0.9, 0, HERE), (0.8, 0, small)]), scene((0, *HERE), (0, *small))[None], 1)
    assert result["AP_small"] == result["AP_medium"] == result["AP_large"] == 1


def test_it_is_pycocotools(rng):
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    images, queries, most, classes, side = 40, 6, 4, 4, 1000
    labels, boxes = np.zeros((images, most, 5)), rng.uniform(0.1, 0.5, (images, queries, 4))
    labels[..., 0], guessed = -1, rng.integers(classes, size=(images, queries))
    for i in range(images):
        for j in range(rng.integers(most + 1)):
            labels[i, j] = rng.integers(classes - 1), *rng.uniform(0.3, 0.7, 2), *rng.uniform(0.05, 0.5, 2)
            boxes[i, j], guessed[i, j] = labels[i, j, 1:] * rng.uniform(0.85, 1.15, 4), labels[i, j, 0]
    scores = rng.integers(40, size=(images, queries)) / 40  # many are equally sure
    answers = Found(scores, guessed, boxes)

    def corner(box):
        cx, cy, w, h = (side * box).tolist()
        return [cx - w / 2, cy - h / 2, w, h]

    there = [(i, int(row[0]), row[1:]) for i in range(images) for row in labels[i] if row[0] >= 0]
    objects = [
        dict(id=n, image_id=i + 1, category_id=k + 1, bbox=corner(box), area=float(box[2] * box[3]) * side**2, iscrowd=0)
        for n, (i, k, box) in enumerate(there, 1)
    ]
    ranges = {"all": (0, 1e6), "small": (0, 0.03), "medium": (0.03, 0.09), "large": (0.09, 1e6)}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = dict(
            images=[dict(id=i + 1) for i in range(images)],
            annotations=objects,
            categories=[dict(id=k + 1, name=str(k)) for k in range(classes)],
        )
        truth.createIndex()
        said = truth.loadRes(
            [
                dict(
                    image_id=i + 1,
                    category_id=int(guessed[i, q]) + 1,
                    bbox=corner(boxes[i, q]),
                    score=answers.scores[i, q].item(),
                )
                for i, q in np.ndindex(images, queries)
            ]
        )
        judged = evaluation.COCOeval(truth, said, "bbox")
        judged.params.areaRng = [[low * side**2, high * side**2] for low, high in ranges.values()]
        judged.params.areaRngLbl = list(ranges)
        judged.evaluate()
        judged.accumulate()
    for number, areas in enumerate(ranges.values()):
        expected = judged.eval["precision"][:, :, :, number, -1]
        expected = np.where(expected < 0, np.nan, expected)
        np.testing.assert_allclose(precisions(answers, labels, classes, areas=areas), expected, atol=1e-9)
