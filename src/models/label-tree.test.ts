import { expect, test } from 'vitest';
import { choiceOf, labelTree, sizesOfTrees } from './label-tree.ts';

const END = 1;

test('labels share prefixes, and each follows its own choices', () => {
  const labels = [
    [5, 6, END],
    [5, 7, END],
    [8, END],
    [5, END],
  ];
  const tree = labelTree(labels);
  expect(tree).toEqual({
    tokens: [0, 5, 6, 7, 8],
    parents: [-1, 0, 1, 1, 0],
    depths: [0, 1, 2, 2, 1],
    choices: {
      begins: [0, 2, 5, 6, 7, 8],
      tokens: [5, 8, 6, 7, END, END, END, END],
      nodes: [1, 4, 2, 3, -1, -1, -1, -1],
    },
    runs: [
      { first: 0, count: 1, after: -1 },
      { first: 1, count: 1, after: 0 },
      { first: 2, count: 1, after: 1 },
      { first: 3, count: 1, after: 1 },
      { first: 4, count: 1, after: 0 },
    ],
    paths: [
      [0, 2, 5],
      [0, 3, 6],
      [1, 7],
      [0, 4],
    ],
  });
  labels.forEach((label, i) => expect(tree.paths[i].map((choice) => tree.choices.tokens[choice])).toEqual(label));
});

test('a cut label may be a prefix or a duplicate of another', () => {
  const tree = labelTree([[5, 6], [5], [5, 6]]);
  expect(tree.tokens).toEqual([0, 5]);
  expect(tree.paths).toEqual([[0, 1], [0], [0, 1]]);
});

test('finds a choice by its token at a node', () => {
  const tree = labelTree([
    [5, 6, END],
    [7, 6, END],
  ]);
  expect([choiceOf(tree, 0, 5), choiceOf(tree, 0, 6), choiceOf(tree, 1, 6)]).toEqual([0, -1, 2]);
});

test('runs have nodes without branches: a label alone is one, and one ends where labels part', () => {
  expect(labelTree([[5, 6, 7, END]]).runs).toEqual([{ first: 0, count: 4, after: -1 }]);
  const tree = labelTree([
    [5, 6, 7, END],
    [5, 6, 8, 9, END],
  ]);
  expect(tree.tokens).toEqual([0, 5, 6, 7, 8, 9]);
  expect(tree.runs).toEqual([
    { first: 0, count: 3, after: -1 },
    { first: 3, count: 1, after: 0 },
    { first: 4, count: 2, after: 0 },
  ]);
  expect(sizesOfTrees([tree, tree])).toEqual({ nodes: 12, choices: 14, runs: 6 });
  const long = Array.from({ length: 20_000 }, (_, i) => i);
  expect(labelTree([long]).tokens).toHaveLength(20_000);
});
