import { expect, test } from 'vitest';
import { PythonFloat, pythonJson, type PythonValue } from './metrics.ts';

// What Python 3 prints for json.dumps of the same value.
test.each<[PythonValue, string]>([
  [new PythonFloat(100), '100.0'],
  [new PythonFloat(-0), '-0.0'],
  [new PythonFloat(66.6667), '66.6667'],
  [new PythonFloat(0.0001), '0.0001'],
  [new PythonFloat(0.00001), '1e-05'],
  [new PythonFloat(0.0000123), '1.23e-05'],
  [new PythonFloat(1e15), '1000000000000000.0'],
  [new PythonFloat(1e16), '1e+16'],
  [new PythonFloat(1.5e300), '1.5e+300'],
  [new PythonFloat(Infinity), 'Infinity'],
  [new PythonFloat(NaN), 'NaN'],
  [64, '64'],
  ['é "x"\n\u007f 😀', '"\\u00e9 \\"x\\"\\n\u007f \\ud83d\\ude00"'],
  [{ b: null, a: { c: 1 } }, '{"b": null, "a": {"c": 1}}'],
])('%j becomes %s', (value, text) => {
  expect(pythonJson(value)).toBe(text);
});

test('indents and sorts metrics as save_metrics does', () => {
  const metrics = { predict_samples: 8, epoch: new PythonFloat(1), nested: {} };
  expect(pythonJson(metrics, 4)).toBe('{\n    "epoch": 1.0,\n    "nested": {},\n    "predict_samples": 8\n}');
});
