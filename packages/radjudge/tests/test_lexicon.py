"""The lexicon files: broad, consistent, validated, and every term found again by the parser."""

import shutil

import pytest
import yaml

from radjudge import parse_report
from radjudge.lexicon import expand, load_lexicon, plural_of
from radjudge.lexicon_files import ASSETS, load_files


@pytest.fixture(scope="module")
def lexicon():
    return load_lexicon()


def test_the_lexicon_is_broad(lexicon):
    assert len(lexicon.entities) >= 135
    kinds = {entity.kind for entity in lexicon.entities.values()}
    assert kinds == {"pathology", "device", "post_operative"}
    assert {"pneumothorax", "pleural_effusion", "picc", "cabg", "pneumonia"} <= set(lexicon.entities)


def _spellings():
    for name, entry in load_files().entities.items():
        for term in entry.terms:
            for spelling in expand(term):
                yield name, spelling


def test_every_term_is_read_as_its_entity_or_a_related_one(lexicon):
    wrong = []
    for name, spelling in _spellings():
        found = {finding.entity for finding in parse_report(spelling + ".").findings}
        if not any(lexicon.relation(name, entity) or entity == name for entity in found):
            wrong.append((name, spelling, sorted(found)))
    # a term may be shadowed by a longer or earlier meaning, but hardly any is
    assert len(wrong) <= 0.02 * len(list(_spellings())), wrong[:40]


def test_every_entity_is_reachable_by_its_name_or_first_term(lexicon):
    for name, entry in load_files().entities.items():
        names = {
            finding.entity
            for term in entry.terms
            for spelling in expand(term)
            for finding in parse_report(spelling).findings
        }
        assert name in names, name


def test_denied_terms_are_denied():
    for name, entry in load_files().entities.items():
        spelling = next(iter(expand(entry.terms[0])))
        findings = parse_report(f"There is no {spelling}.").findings
        assert all(finding.polarity == "absent" for finding in findings), (name, spelling)


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ("(left|right|) lung", ["left lung", "right lung", "lung"]),
        ("a-b (c|d)", ["a b c", "a b d"]),
        ("plain", ["plain"]),
    ],
)
def test_expand(term, expected):
    assert list(expand(term)) == expected


@pytest.mark.parametrize(
    ("term", "expected"), [("mass", "mass"), ("opacity", "opacities"), ("port", "ports"), ("flex", "flexes")]
)
def test_plural(term, expected):
    assert plural_of(term) == expected


def test_relations(lexicon):
    assert lexicon.relation("pneumonia", "pneumonia") == 1.0
    assert lexicon.relation("pneumonia", "opacity") == lexicon.relation("opacity", "pneumonia") == 0.7
    assert lexicon.relation("pulmonary_edema", "heart_failure") == 0.5
    assert lexicon.relation("pneumonia", "atelectasis") == 0.0
    assert lexicon.relation("pneumonia", "no such entity") == 0.0
    for name, row in lexicon.related.items():
        assert all(lexicon.related[other][name] == value for other, value in row.items())


def test_zones(lexicon):
    def conflict(one, other):
        return lexicon.zones_conflict(frozenset(one), frozenset(other))

    assert conflict({"upper_lobe"}, {"lower_lobe"})
    assert conflict({"apex"}, {"base"})
    assert not conflict({"base"}, {"lower_lobe"})
    assert not conflict({"lingula"}, {"base"})
    assert not conflict({"upper_lobe", "lower_lobe"}, {"base"})
    assert conflict({"cervical"}, {"thoracic"})


@pytest.fixture
def own_lexicon(tmp_path):
    folder = tmp_path / "lexicon"
    shutil.copytree(ASSETS, folder, ignore=lambda _, names: [n for n in names if not n.endswith(".yaml")])
    return folder


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("entities", lambda content: content["pneumonia"].update(colour="red"), "entities.pneumonia.colour"),
        ("entities", lambda content: content["pneumonia"].update(level="dire"), "entities.pneumonia.level"),
        ("entities", lambda content: content["pneumonia"].update(terms=[]), "entities.pneumonia.terms"),
        (
            "entities",
            lambda content: content["pneumonia"].update(parents=["nothing"]),
            "pneumonia.parents names 'nothing'",
        ),
        ("anatomy", lambda content: content["defaults"].update(calcified="nothing"), "defaults.calcified"),
        (
            "anatomy",
            lambda content: content["anatomy"]["heart"]["when"].update(enlarged="nothing"),
            "heart.when.enlarged",
        ),
        (
            "anatomy",
            lambda content: content["anatomy"]["heart"]["normal"]["denies"].append("nothing"),
            "heart denies 'nothing'",
        ),
        ("words", lambda content: content.pop("foreign"), "words.foreign"),
    ],
)
def test_a_faulty_lexicon_is_refused_by_file_and_field(own_lexicon, file, change, message):
    path = own_lexicon / f"{file}.yaml"
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    change(content)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_files(own_lexicon)


def test_circular_parents_are_refused(own_lexicon):
    path = own_lexicon / "entities.yaml"
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    content["opacity"]["parents"] = ["pneumonia"]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ValueError, match="is its own ancestor"):
        load_lexicon(own_lexicon)


def test_broken_yaml_names_its_file(own_lexicon):
    (own_lexicon / "words.yaml").write_text("function: [", encoding="utf-8")
    with pytest.raises(ValueError, match=r"words\.yaml: not valid YAML"):
        load_files(own_lexicon)


def test_a_user_may_add_an_entity(own_lexicon):
    from radjudge import Pair, StructuredJudge

    path = own_lexicon / "entities.yaml"
    path.write_text(
        path.read_text(encoding="utf-8") + "flibbertosis:\n  level: urgent\n  terms: [flibbertosis]\n", encoding="utf-8"
    )
    own, shipped = StructuredJudge(lexicon=own_lexicon), StructuredJudge()
    [result] = own.evaluate([Pair("Flibbertosis in the left lung.", "Flibbertosis in the right lung.")])
    assert [(error.entity, error.attribute) for error in result.errors] == [("flibbertosis", "side")]
    assert own.fingerprint != shipped.fingerprint
