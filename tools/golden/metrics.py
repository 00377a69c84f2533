"""Exact match, ROUGE and stems: rouge-score and NLTK's Porter stemmer, averaged as the released code does."""
import string
from pathlib import Path

import numpy as np
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

from files import write_json

# (kind, dataset, prediction, label)
PAIRS = [
    ("SC", "yelp", "very negative", "very negative"), ("SC", "yelp", "Very Negative!", "very negative"),
    ("SC", "amazon", "negative", "very negative"), ("SC", "amazon", "very very negative", "very negative"),
    ("NLI", "CB", "", "neutral"), ("NLI", "CB", "neutral", ""), ("NLI", "MNLI", "", ""), ("NLI", "MNLI", "--", "?!"),
    ("COPA", "COPA", "  \t ", "B"), ("COPA", "COPA", "b.", "B"), ("COPA", "COPA", "A B", "B A"),
    ("TC", "agnews", "Science & Technology", "Science or Technology"), ("TC", "agnews", "sport", "Sports"),
    ("TC", "agnews", "the world of business", "Business World"),
    ("TC", "dbpedia", "Means of transportations", "Mean of Transportation"),
    ("TC", "dbpedia", "officeholder", "Office Holder"), ("TC", "dbpedia", "Office-holder", "Office Holder"),
    ("TC", "dbpedia", "Educational institutions", "Educational Institution"),
    ("TC", "yahoo", "families and relationship", "Family & Relationships"),
    ("NLI", "RTE", "contradicting", "contradiction"), ("NLI", "RTE", "entailments", "entailment"),
    ("BoolQA", "BoolQA", "TRUE", "True"), ("BoolQA", "BoolQA", "untrue", "True"), ("BoolQA", "BoolQA", "False True", "False"),
    ("MultiRC", "MultiRC", "true, it is true", "True"), ("MultiRC", "MultiRC", "falsely", "False"),
    ("QQP", "QQP", "one two three one", "one one two"), ("QQP", "QQP", "a b c d e", "e d c b a"),
    ("WiC", "WiC", "the birds were singing in the trees", "a bird sings in a tree"),
    ("WiC", "WiC", "in the trees the birds sang", "the birds sang in the trees"),
    ("SC", "IMDB", "enjoyable, enjoyed, enjoying", "enjoy"), ("SC", "IMDB", "happiness happily happier", "happy happy"),
    ("SC", "SST-2", "lying and dying under skies", "lie die sky"), ("SC", "SST-2", "it's good", "its good"),
    ("SC", "yelp", "naïve façade", "naive facade"), ("SC", "yelp", "ÄRGER ärger", "ärger"),
    ("TC", "yahoo", "“curly” ‘quotes’", "curly quotes"), ("TC", "yahoo", "tab\tline\nfeed", "tab line feed"),
    ("TC", "agnews", "no\u00a0break \u2003space", "no break space"), ("TC", "agnews", "next\u0085line\u001cmark", "next line mark"),
    ("TC", "agnews", "zero\u200bwidth\ufeffmark", "zerowidthmark"), ("QQP", "QQP", "3.14 and 2,718", "314 2718"),
    ("QQP", "QQP", "x86_64 $7 100%", "x8664 7 100"), ("NLI", "MNLI", "日本語 text", "text"), ("NLI", "MNLI", "🙂 fine", "fine"),
    ("BoolQA", "BoolQA", "İzmir", "izmir"), ("WiC", "WiC", "ran running runner", "run runs"),
    ("WiC", "WiC", "rationalisation of conditional relations", "rational condition relate"),
    ("MultiRC", "MultiRC", "oscillating generalisations", "oscillator generalize"), ("COPA", "COPA", "Answer: A", "A"),
]
STEM_WORDS = """
abilities ability able abruptly activate adjustable adjustment adoption affected agreeing agrees allowance analogousli
angularity apologies applies argued bagged barking beautiful bees berries bled boxes breathe buses buzzed callousness
carefully caring carries cease classes conditionally controlled controller cries crying decisiveness defensible
dependence derivational dies differently digitizer drying dyed easily electrical electricity employer enjoyed enjoys
failing falling fated filing fizzed flies formalise formality formative goodness gyroscopic happily happiness hesitancy
hissing homologous hopeful hoped hopping howe idly inference irritant jumped kindly lies luckily lying matting meetings
news oddly operator owed placement plotted predication probate probative proceed radically rate rating replacement
revival roll sagging sensational sensibility skis sky spied stopped studied studies taxes tied tanned tying triplicate
troubles troubling using valency vietnamization vileness was wishes worries yes 2nd 20s x abc
""".split()


def normalised(text: str) -> str:
    """Lower case, no ASCII punctuation, white space (Python's) folded."""
    return " ".join("".join(c for c in text.lower() if c not in string.punctuation).split())


def write_metrics(folder: Path) -> None:
    scorer = rouge_scorer.RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
    pairs = []
    for index, (task, dataset, prediction, label) in enumerate(PAIRS):
        score = scorer.score(label, prediction)
        pairs.append({
            "id": index, "task": task, "dataset": dataset, "prediction": prediction, "label": label,
            "normalized_prediction": normalised(prediction), "normalized_label": normalised(label),
            "exact_match": normalised(prediction) == normalised(label),
            "rouge1": score["rouge1"].fmeasure, "rougeL": score["rougeL"].fmeasure,
        })
    overall = _averages(pairs)
    by_task = {k: v for task in _unique(pairs, "task") for k, v in _averages([p for p in pairs if p["task"] == task], task).items()}
    by_dataset = {
        k: v for name in _unique(pairs, "dataset")
        for k, v in _averages([p for p in pairs if p["dataset"] == name], name).items()
    }
    write_json(folder / "pairs.json", pairs)
    write_json(folder / "aggregated.json", {
        "overall": overall, "by_task": by_task, "by_dataset": by_dataset, "merged": {**overall, **by_task, **by_dataset},
    })
    stemmer = PorterStemmer()
    write_json(folder / "stems.json", {word: stemmer.stem(word) for word in STEM_WORDS}, compact=True)


def _unique(pairs: list[dict], field: str) -> list[str]:
    return list(dict.fromkeys(pair[field] for pair in pairs))


def _averages(pairs: list[dict], group: str | None = None) -> dict[str, float]:
    """Percent, rounded to 4 places."""
    suffix = f"_for_{group}" if group else ""
    return {
        f"{name}{suffix}": round(float(np.mean([float(pair[name]) for pair in pairs])) * 100, 4)
        for name in ("exact_match", "rouge1", "rougeL")
    }
