"""CL_Benchmark in miniature: made-up rows in the layout and with the labels of its 15 datasets, orders and prompts.

The labels, questions and hyper-parameters are those that the paper and the released code use. The sentences are the
project's own.
"""
import itertools
import json
import random
from pathlib import Path

from files import write_json

QUESTIONS = {
    "SC": "What is the sentiment of the following paragraph? Choose one from the option.",
    "TC": "What is the topic of the following paragraph? Choose one from the option.",
    "NLI": 'What is the logical relationship between the "sentence 1" and the "sentence 2"? Choose one from the option.',
    "QQP": 'Whether the "first sentence" and the "second sentence" have the same meaning? Choose one from the option.',
    "BoolQA": "According to the following passage, is the question true or false? Choose one from the option.",
    "MultiRC": "According to the following passage and question, is the candidate answer true or false? "
    "Choose one from the option.",
    "WiC": "Given a word and two sentences, whether the word is used with the same sense in both sentence? "
    "Choose one from the option.",
}
_FIVE = ["very negative", "negative", "neutral", "positive", "very positive"]
LABELS = {
    ("SC", "amazon"): _FIVE, ("SC", "yelp"): _FIVE, ("SC", "IMDB"): ["Good", "Bad"], ("SC", "SST-2"): ["Good", "Bad"],
    ("TC", "dbpedia"): [
        "Company", "Educational Institution", "Artist", "Athlete", "Office Holder", "Mean of Transportation", "Building",
        "Natural Place", "Village", "Animal", "Plant", "Album", "Film", "Written Work",
    ],
    ("TC", "yahoo"): [
        "Society & Culture", "Science & Mathematics", "Health", "Education & Reference", "Computers & Internet", "Sports",
        "Business & Finance", "Entertainment & Music", "Family & Relationships", "Politics & Government",
    ],
    ("TC", "agnews"): ["World", "Sports", "Business", "Science or Technology"],
    ("NLI", "MNLI"): ["neutral", "entailment", "contradiction"], ("NLI", "CB"): ["entailment", "contradiction", "neutral"],
    ("NLI", "RTE"): ["contradiction", "entailment"], ("QQP", "QQP"): ["False", "True"],
    ("BoolQA", "BoolQA"): ["True", "False"], ("COPA", "COPA"): ["A", "B"], ("MultiRC", "MultiRC"): ["False", "True"],
    ("WiC", "WiC"): ["True", "False"],
}
_THINGS = ["kettle", "bridge", "song", "garden", "lamp", "novel", "ferry", "bakery", "violin", "meadow", "clock", "engine"]
_PLACES = ["by the harbour", "in the old town", "on the hill", "near the station", "under the oaks", "beside the mill"]
_DEEDS = ["opened early", "closed for repairs", "drew a crowd", "was sold twice", "kept its shape", "changed hands"]
_TONES = {
    "very negative": "A disaster from start to finish", "negative": "Rather a let-down", "neutral": "Neither here nor there",
    "positive": "Well worth the trouble", "very positive": "The best I have ever had", "Good": "A warm and clever piece",
    "Bad": "A dull and clumsy piece",
}


def _sentence(kind: str, label: str, picked: random.Random) -> str:
    thing, other = picked.sample(_THINGS, 2)
    place, deed, more = picked.choice(_PLACES), *picked.sample(_DEEDS, 2)
    first, second = f"The {thing} {place} {deed}.", f"The {other} {place} {more}."
    if kind == "SC":
        return f"{_TONES[label]}: the {thing} {place} {deed}.\n"
    if kind == "TC":
        return f"Title: {label} of the {thing}\nText: {first} {{Brackets}} stay.\n"
    if kind == "NLI":
        second = {"entailment": f"Something {deed}.", "contradiction": f"Nothing {deed}."}.get(label, second)
        return f"sentence 1: {first}\nsentence 2: {second}\n"
    if kind == "QQP":
        return f"first sentence: Why has the {thing} {deed}?\nsecond sentence: Why has the {thing if label == 'True' else other} {deed}?\n"
    if kind == "COPA":
        return f"{first} What was the cause?\nA: it rained {place}\nB: the {other} {more}\n"
    if kind == "WiC":
        return f"{thing}\n{first}\nNobody saw the {thing if label == 'True' else other} again.\n"
    return f"passage: {first} {second}\nquestion: Has the {thing} {deed if label == 'True' else more}?\n"


def rows(kind: str, dataset: str, count: int, seed: int) -> list[dict]:
    """Labels in turn, each sentence once."""
    picked, seen, found = random.Random(f"{seed} {dataset} {count}"), set(), []
    for label in itertools.cycle(LABELS[kind, dataset]):
        sentence = _sentence(kind, label, picked)
        if sentence not in seen:
            seen.add(sentence)
            found.append({"label": label, "sentence": sentence})
        if len(found) == count:
            return found


def write_benchmark(folder: Path, seed: int, *, train: int = 20, dev: int = 3, test: int = 16) -> None:
    for (kind, dataset), labels in LABELS.items():
        place = folder / "CL_Benchmark" / kind / dataset
        write_json(place / "labels.json", labels, compact=True)
        for number, (split, count) in enumerate((("train", train), ("dev", dev), ("test", test))):
            found = rows(kind, dataset, count, seed + number)
            if dataset == "MNLI" and split != "dev":
                # A row whose annotators disagreed, as in the published files: it is left out.
                found.insert(2, {"label": "-", "sentence": "sentence 1: It rains.\nsentence 2: It pours.\n"})
            write_json(place / f"{split}.json", found, compact=True)
    write_json(folder / "configs" / "instruction_config.json", {
        kind: [{"instruction_type": "zero-shot", "instruction": f"{question}\n"}] for kind, question in QUESTIONS.items()
    })
    write_json(folder / "ORDERS.json", {"orders": orders()}, compact=True)


_SHORT = [
    ["dbpedia", "amazon", "yahoo", "agnews"], ["dbpedia", "amazon", "agnews", "yahoo"], ["yahoo", "amazon", "agnews", "dbpedia"],
]
_LONG = [
    ["MNLI", "CB", "WiC", "COPA", "QQP", "BoolQA", "RTE", "IMDB", "yelp", "amazon", "SST-2", "dbpedia", "agnews", "MultiRC",
     "yahoo"],
    ["MultiRC", "BoolQA", "WiC", "MNLI", "CB", "COPA", "QQP", "RTE", "IMDB", "SST-2", "dbpedia", "agnews", "yelp", "amazon",
     "yahoo"],
    ["yelp", "amazon", "MNLI", "CB", "COPA", "QQP", "RTE", "IMDB", "SST-2", "dbpedia", "agnews", "yahoo", "MultiRC", "BoolQA",
     "WiC"],
]
_ALL = {
    "seed": 42, "num_train_epochs": 1, "max_source_length": 512, "max_target_length": 50, "max_grad_norm": 1.0, "lora_r": 8,
    "lora_alpha": 32, "lora_dropout": 0.1, "galore_proj_type": "std", "devices": 8, "global_batch_size": 64,
}
_T5 = {**_ALL, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "learning_rate": 1e-3, "galore_lr": 1e-5}
_SETTINGS = {
    "t5 short": {**_T5, "per_device_eval_batch_size": 64, "galore_rank": 8, "galore_scale": 1.0, "galore_update_proj_gap": 10},
    "t5 long": {**_T5, "per_device_eval_batch_size": 128, "galore_rank": 32, "galore_scale": 0.25, "galore_update_proj_gap": 20},
    "llama": {
        **_ALL, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 8, "per_device_eval_batch_size": 4,
        "learning_rate": 2e-4, "galore_lr": 1e-6, "galore_rank": 8, "galore_scale": 0.25, "galore_update_proj_gap": 20,
    },
}


def orders() -> dict[str, dict]:
    """The published orders as the released scripts run them, under the scripts' names."""
    kinds = {dataset: kind for kind, dataset in LABELS}
    given = [("t5", "t5 short", i, sequence) for i, sequence in enumerate(_SHORT, 1)]
    given += [("t5", "t5 long", i, sequence) for i, sequence in enumerate(_LONG, 4)]
    given += [("llama", "llama", i, sequence) for i, sequence in enumerate(_SHORT, 1)]
    found = {}
    for family, settings, order, sequence in given:
        rounds = []
        for index, dataset in enumerate(sequence):
            two_epochs = {"num_train_epochs": 2} if family == "t5" and order in (5, 6) and dataset == "MNLI" else {}
            tests = [{"task": kinds[name], "dataset": name} for name in sequence[: index + 1]]
            rounds.append({
                "round": index + 1, "task": kinds[dataset], "dataset": dataset, **_SETTINGS[settings], **two_epochs,
                "tests_after_round": tests,
            })
        found[f"{family}_order{order}"] = {"family": family, "order": order, "sequence": sequence, "rounds": rounds}
    return found


def write_prompts(path: Path, seed: int) -> None:
    """Two prompts per dataset, as strings."""
    found = []
    for (kind, dataset), labels in LABELS.items():
        for index, row in enumerate(rows(kind, dataset, 2, seed + 7)):
            question = f"{QUESTIONS[kind]}\nOption: {', '.join(labels)} \n" if kind in QUESTIONS else ""
            template = question + "{0}\nAnswer:"
            # Python's format leaves braces of the sentence alone.
            source = f"Task:{kind}\nDataset:{dataset}\n" + template.format(row["sentence"])
            found.append({
                "task": kind, "dataset": dataset, "split": "made up", "index": index, "synthetic_sentence": True,
                "sentence": row["sentence"], "label": row["label"], "labels_json": labels,
                "instruction_template": template, "source": source,
                "llama_input": f"<s>{source}", "llama_label": f"{row['label']}</s>",
            })
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def sentences(seed: int, count: int) -> list[str]:
    """Lines of every kind, for training small tokenizers and a small model."""
    picked, pairs = random.Random(seed), [(kind, label) for (kind, _), labels in LABELS.items() for label in labels]
    return [_sentence(*picked.choice(pairs), picked) for _ in range(count)]
