/** The labels that answers are compared with, as a tree: shared prefixes are read once. */
export interface LabelTree {
  /**
   * The last token of each node. A node is a prefix with a continuation: the empty one first, and each before its own
   * continuations, which are before all others.
   * The token of the first node is a placeholder for the token that answers start from.
   */
  readonly tokens: readonly number[];
  /** The parent of each node; −1 for the first. */
  readonly parents: readonly number[];
  /** Number of tokens in each node's prefix. */
  readonly depths: readonly number[];
  /** Possible next tokens: a node has choices `begins[node]` up to `begins[node + 1]`. */
  readonly choices: {
    readonly begins: readonly number[];
    readonly tokens: readonly number[];
    /** The node that a choice leads to; −1 if nothing follows it. */
    readonly nodes: readonly number[];
  };
  /** Nodes that follow each other without branches: the first, their number, and the run that they continue, or −1. */
  readonly runs: readonly { readonly first: number; readonly count: number; readonly after: number }[];
  /** The choices along each label. */
  readonly paths: readonly (readonly number[])[];
}

/** A node while the tree is built: its possible next tokens. */
type Branches = Map<number, Branches>;

/** @param labels token ids, ending in end-of-text unless cut. */
export function labelTree(labels: readonly (readonly number[])[]): LabelTree {
  const root: Branches = new Map();
  for (const label of labels) {
    let branches = root;
    for (const token of label) {
      const next = branches.get(token) ?? new Map<number, Branches>();
      branches.set(token, next);
      branches = next;
    }
  }
  const tokens: number[] = [];
  const parents: number[] = [];
  const depths: number[] = [];
  const branchesOf: Branches[] = [];
  const nodeOf = new Map<Branches, number>();
  const left = [{ branches: root, token: 0, parent: -1 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { branches, token, parent } = next;
    const node = tokens.push(token) - 1;
    nodeOf.set(branches, node);
    branchesOf.push(branches);
    parents.push(parent);
    depths.push(parent < 0 ? 0 : depths[parent] + 1);
    const following = [...branches].filter(([, after]) => after.size > 0).reverse();
    left.push(...following.map(([token, after]) => ({ branches: after, token, parent: node })));
  }
  const choices = { begins: [0], tokens: [] as number[], nodes: [] as number[] };
  for (const branches of branchesOf) {
    for (const [token, after] of branches) {
      choices.tokens.push(token);
      choices.nodes.push(nodeOf.get(after) ?? -1);
    }
    choices.begins.push(choices.tokens.length);
  }
  const tree = { tokens, parents, depths, choices };
  return { ...tree, runs: runsIn(parents), paths: labels.map((label) => pathOf(tree, label)) };
}

/** Nodes without branches between them: each is the only child of the one before it. */
function runsIn(parents: readonly number[]): LabelTree['runs'] {
  const children = new Array<number>(parents.length).fill(0);
  for (const parent of parents) if (parent >= 0) children[parent]++;
  const runs: { first: number; count: number; after: number }[] = [];
  const runOf: number[] = [];
  parents.forEach((parent, node) => {
    const follows = parent >= 0 && parent === node - 1 && children[parent] === 1;
    if (follows) runs[runOf[parent]].count++;
    runOf.push(follows ? runOf[parent] : runs.push({ first: node, count: 1, after: runOf[parent] ?? -1 }) - 1);
  });
  return runs;
}

function pathOf(tree: Pick<LabelTree, 'choices'>, label: readonly number[]): number[] {
  const path: number[] = [];
  let node = 0;
  for (const token of label) {
    const choice = choiceOf(tree, node, token);
    path.push(choice);
    node = tree.choices.nodes[choice];
  }
  return path;
}

/** The choice of a token at a node; −1 if no label continues with it. */
export function choiceOf(
  { choices: { begins, tokens } }: Pick<LabelTree, 'choices'>,
  node: number,
  token: number,
): number {
  const place = tokens.slice(begins[node], begins[node + 1]).indexOf(token);
  return place < 0 ? -1 : begins[node] + place;
}

/** Sizes of the trees of labels of all sources. */
export interface TreeSizes {
  /** Number of prefixes with a continuation, L, of choices, C, and of runs of nodes. */
  readonly nodes: number;
  readonly choices: number;
  readonly runs: number;
}

/** The sizes of the trees of labels of some sources. */
export const sizesOfTrees = (trees: readonly LabelTree[]): TreeSizes => ({
  nodes: sumOf(trees.map(({ tokens }) => tokens.length)),
  choices: sumOf(trees.map(({ choices }) => choices.tokens.length)),
  runs: sumOf(trees.map(({ runs }) => runs.length)),
});

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
