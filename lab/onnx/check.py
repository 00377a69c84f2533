"""Checks exports: ONNX's own checker, onnxruntime's shapes, and that Optimum writes what transformers writes.

    python3 check.py EXPORT [MODEL]      EXPORT: a folder that `gorp-web export` wrote
                                         MODEL: the same model for transformers, as `gorp-web merge` writes it;
                                         both must then write the same

Prints a line for each check, and exits with 1 when one fails. `pip install -r requirements.txt` first.
"""
import glob
import json
import os
import sys

import numpy
import onnx
import onnxruntime

# Operators that only onnxruntime knows: its own domain, and one that it registers in the standard's.
OWN = {("com.microsoft", "RotaryEmbedding"), ("com.microsoft", "FastGelu"), ("com.microsoft", "MatMulNBits"),
       ("", "SimplifiedLayerNormalization")}
PROMPTS = [f"{first} {second}" for first in ("Once upon a time", "The big dog", "A little girl", "One day", "In the park")
           for second in ("there was", "she said", "he went", "they saw", "it is", "the sun", "a box", "my friend")]
NEW_TOKENS = 12
# f32 sums in another order; a top token changes only where two are closer than that.
TOLERANCE = 1e-4

failures = 0


def report(what, passed, detail=""):
    global failures
    failures += not passed
    print(f"{'ok  ' if passed else 'FAIL'} {what}{': ' if detail else ''}{detail}", flush=True)


def check_graph(path):
    """The ONNX checker, on a copy whose own operators are replaced by an Identity of their first input."""
    name = os.path.basename(path)
    model = onnx.load(path, load_external_data=False)
    own = 0
    for node in model.graph.node:
        if (node.domain, node.op_type) in OWN:
            own += 1
            node.op_type, node.domain = "Identity", ""
            del node.input[1:]
            del node.attribute[:]
    data = {entry.value for tensor in model.graph.initializer for entry in tensor.external_data
            if entry.key == "location"}
    copy = f"{path}.checked"
    try:
        onnx.save(model, copy)
        onnx.checker.check_model(copy)
        report(f"{name}: ONNX checker", True, f"{len(model.graph.node)} nodes, {own} of onnxruntime's own")
    except onnx.checker.ValidationError as error:
        report(f"{name}: ONNX checker", False, str(error))
    finally:
        os.remove(copy)
    missing = [file for file in data if not os.path.exists(os.path.join(os.path.dirname(path), file))]
    report(f"{name}: data files", not missing, ", ".join(sorted(data)))


def dimensions_of(value, sizes):
    return [sizes.setdefault(size, 0) if isinstance(size, str) else size for size in value.shape]


def check_shapes(path):
    """onnxruntime loads the graph, infers the shapes of its nodes, and gives outputs of the declared shapes."""
    name = os.path.basename(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 2  # a warning reports a declared shape that differs from the inferred one
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for batch, length, past in ((1, 1, 0), (2, 5, 0), (3, 1, 4)):
        sizes = {"batch_size": batch, "sequence_length": length, "encoder_sequence_length": 7,
                 "decoder_sequence_length": length, "past_sequence_length": past,
                 "past_sequence_length + sequence_length": past + length, "past_decoder_sequence_length": past,
                 "past_decoder_sequence_length + decoder_sequence_length": past + length,
                 "encoder_sequence_length_out": 7 if past else 0, "encoder_sequence_length_new": 0 if past else 7}
        sizes["head_dim"] = next((output.shape[-1] for output in session.get_outputs()
                                  if output.name.startswith("present.")), 0)
        feeds = {}
        for value in session.get_inputs():
            shape = dimensions_of(value, sizes)
            if value.type == "tensor(int64)":
                feeds[value.name] = numpy.ones(shape, numpy.int64)
            else:
                feeds[value.name] = numpy.random.default_rng(1).standard_normal(shape).astype(numpy.float32)
        outputs = session.run(None, feeds)
        wrong = [value.name for value, output in zip(session.get_outputs(), outputs)
                 if list(output.shape) != dimensions_of(value, sizes) or not numpy.isfinite(output).all()]
        report(f"{name}: shapes at batch {batch}, {length} tokens, {past} cached", not wrong, ", ".join(wrong))


def opened(folder):
    """The export as Optimum opens it, with the tokenizer."""
    from optimum.onnxruntime import ORTModelForCausalLM, ORTModelForSeq2SeqLM
    from transformers import AutoTokenizer

    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    is_seq2seq = bool(config.get("is_encoder_decoder"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = (ORTModelForSeq2SeqLM if is_seq2seq else ORTModelForCausalLM).from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right" if is_seq2seq else "left"
    return model, tokenizer, is_seq2seq


def check_optimum(folder, reference_folder):
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    model, tokenizer, is_seq2seq = opened(folder)
    inputs = tokenizer(PROMPTS, return_tensors="pt", padding=True, return_token_type_ids=False)
    written = model.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
    report("Optimum generates", written.shape[0] == len(PROMPTS), f"{len(PROMPTS)} prompts, with caches: {model.can_use_cache}")
    if reference_folder is None:
        return
    family = AutoModelForSeq2SeqLM if is_seq2seq else AutoModelForCausalLM
    reference = family.from_pretrained(reference_folder, dtype=torch.float32).eval()
    more = {"decoder_input_ids": written[:, :4]} if is_seq2seq else {}
    with torch.no_grad():
        wanted = reference(**inputs, **more).logits
        expected = reference.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False,
                                      pad_token_id=model.generation_config.pad_token_id,
                                      eos_token_id=model.generation_config.eos_token_id)
    if is_seq2seq:
        found, real = model(**inputs, **more).logits, torch.ones(wanted.shape[:2], dtype=torch.bool)
    else:
        mask = inputs["attention_mask"]
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        found, real = model(**inputs, position_ids=positions).logits, mask.bool()
    error = ((found - wanted)[real].norm() / wanted[real].norm()).item()
    length = min(written.shape[1], expected.shape[1])
    same = (written[:, :length] == expected[:, :length]).all(1).sum().item()
    names = " ".join(glob.glob(os.path.join(folder, "onnx", "*.onnx")))
    is_exact = not any(suffix in names for suffix in ("_fp16", "_quantized", "_q4"))
    report("Optimum's logits against transformers'", not is_exact or error < TOLERANCE, f"relative error {error:.2e}")
    report("Optimum writes what transformers writes", not is_exact or same == len(PROMPTS),
           f"{same} of {len(PROMPTS)} answers equal")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder, reference_folder = sys.argv[1], (sys.argv[2] if len(sys.argv) == 3 else None)
    graphs = sorted(glob.glob(os.path.join(folder, "onnx", "*.onnx")))
    report("graphs", bool(graphs), ", ".join(map(os.path.basename, graphs)))
    for path in graphs:
        check_graph(path)
        check_shapes(path)
    check_optimum(folder, reference_folder)
    sys.exit(1 if failures else 0)


main()
