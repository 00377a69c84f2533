import { expect, test } from 'vitest';
import { choiceOf, labelTree, leadsTo } from './label-tree.ts';

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
    tokens: [0, 5, 8, 6, 7],
    parents: [-1, 0, 0, 1, 1],
    depths: [0, 1, 1, 2, 2],
    choices: {
      begins: [0, 2, 5, 6, 7, 8],
      tokens: [5, 8, 6, 7, END, END, END, END],
      nodes: [1, 2, 3, 4, -1, -1, -1, -1],
    },
    paths: [
      [0, 2, 6],
      [0, 3, 7],
      [1, 5],
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

test('finds a choice by its token at a node, and the ancestors of a node', () => {
  const tree = labelTree([
    [5, 6, END],
    [7, 6, END],
  ]);
  expect([choiceOf(tree, 0, 5), choiceOf(tree, 0, 6), choiceOf(tree, 1, 6)]).toEqual([0, -1, 2]);
  const nodes = tree.tokens.map((_, i) => i);
  expect(nodes.map((i) => nodes.filter((j) => leadsTo(tree, j, i)))).toEqual([
    [0],
    [0, 1],
    [0, 2],
    [0, 1, 3],
    [0, 2, 4],
  ]);
});
